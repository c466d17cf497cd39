#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/barrier.h"
#include "base/clock.h"

namespace sb {
namespace {

// Every thread adds to its own counter and, after the barrier, must see all others at its round.
void meet(Barrier& barrier, std::vector<std::int64_t>& rounds, std::int32_t group,
          std::size_t index, std::int64_t spin_ns, std::int64_t count) {
  SpinBudget spin(spin_ns);
  for (std::int64_t round = 1; round <= count; ++round) {
    rounds[index] = round;
    ASSERT_TRUE(barrier.wait(group, spin));
    for (const std::int64_t other : rounds) ASSERT_EQ(other, round);
    ASSERT_TRUE(barrier.wait(group, spin));
  }
}

void meet_all(std::int32_t groups, std::int32_t per_group, std::int64_t spin_ns) {
  Barrier barrier(groups, per_group);
  std::vector<std::int64_t> rounds(static_cast<std::size_t>(groups * per_group));
  std::vector<std::thread> threads;
  for (std::int32_t i = 0; i < groups * per_group; ++i) {
    threads.emplace_back([&, i] {
      meet(barrier, rounds, i / per_group, static_cast<std::size_t>(i), spin_ns, 300);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Barrier, LetsNobodyThroughBeforeAllHaveArrivedWhenParking) { meet_all(1, 3, 0); }

TEST(Barrier, LetsNobodyThroughBeforeAllHaveArrivedWhenSpinning) { meet_all(1, 2, 20'000); }

TEST(Barrier, GroupsMeetAsOne) { meet_all(3, 2, 1'000); }

TEST(Barrier, PoisonReleasesThoseWhoWaitAndThoseWhoCome) {
  Barrier barrier(1, 3);
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      SpinBudget spin(0);
      if (!barrier.wait(0, spin)) ++refused;
    });
  }

  barrier.poison();
  for (std::thread& thread : threads) thread.join();
  SpinBudget spin(0);

  EXPECT_EQ(refused, 2);
  EXPECT_FALSE(barrier.wait(0, spin));
  EXPECT_TRUE(barrier.poisoned());
}

TEST(Barrier, StampsWhenAGroupsLastThreadArrived) {
  Barrier barrier(2, 1);
  const std::int64_t before = now_ns();
  std::thread other([&] {
    SpinBudget spin(0);
    EXPECT_TRUE(barrier.wait(1, spin));
  });
  SpinBudget spin(0);

  ASSERT_TRUE(barrier.wait(0, spin));
  other.join();

  for (const std::int32_t group : {0, 1}) {
    EXPECT_GE(barrier.arrived_ns(group), before);
    EXPECT_LE(barrier.arrived_ns(group), now_ns());
  }
}

// Those who come from a meeting late read of it what those read who have gone on to the next.
TEST(Barrier, AllAtAMeetingAreToldTheSameOfIt) {
  constexpr std::int32_t kGroups = 3;
  constexpr std::int64_t kMeetings = 2000;
  Barrier barrier(kGroups, 2);
  std::vector<std::vector<Barrier::Arrivals>> told(kGroups * 2);
  std::vector<std::thread> threads;
  for (std::int32_t i = 0; i < kGroups * 2; ++i) {
    threads.emplace_back([&, i] {
      SpinBudget spin(i % 2 == 0 ? 0 : 1'000);
      for (std::int64_t meeting = 0; meeting < kMeetings; ++meeting) {
        const std::int64_t came = now_ns();
        ASSERT_TRUE(barrier.wait(i / 2, spin));
        const Barrier::Arrivals met = barrier.arrivals();
        ASSERT_LE(met.first_ns, met.last_ns);
        ASSERT_LE(came, met.last_ns);
        ASSERT_EQ(barrier.arrived_ns(met.last_group), met.last_ns);
        told[static_cast<std::size_t>(i)].push_back(met);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (const std::vector<Barrier::Arrivals>& other : told) {
    for (std::size_t meeting = 0; meeting < kMeetings; ++meeting) {
      ASSERT_EQ(other[meeting].first_ns, told[0][meeting].first_ns);
      ASSERT_EQ(other[meeting].last_ns, told[0][meeting].last_ns);
      ASSERT_EQ(other[meeting].last_group, told[0][meeting].last_group);
    }
  }
}

TEST(Gate, OpensWhenTheCountIsReached) {
  Gate gate;
  int written = 0;
  std::thread reader([&] {
    SpinBudget spin(0);
    ASSERT_EQ(gate.wait(2, spin), Gate::Wait::kReached);
    EXPECT_EQ(written, 7);
  });

  gate.advance();
  written = 7;
  gate.advance();
  reader.join();

  EXPECT_TRUE(gate.reached(1));
  EXPECT_FALSE(gate.reached(3));
}

// Of an engine that has run for months.
TEST(Gate, WhatWasReachedStaysReachedHoweverLongAgo) {
  constexpr std::uint64_t kAgo = std::uint64_t{1} << 30;
  constexpr std::uint64_t kWord = std::uint64_t{1} << 32;
  const Gate late(kAgo + 7);
  EXPECT_TRUE(late.reached(7));
  EXPECT_FALSE(late.reached(kAgo + 8));

  Gate later(kWord - 1);
  SpinBudget spin(0);
  EXPECT_FALSE(later.reached(kWord));
  later.advance();
  EXPECT_TRUE(later.reached(1));
  EXPECT_EQ(later.wait(kWord, spin), Gate::Wait::kReached);
  EXPECT_EQ(later.wait(kWord + 1, spin, now_ns()), Gate::Wait::kTimeout);
}

TEST(Gate, TimesOutAtTheDeadline) {
  Gate gate;
  SpinBudget spin(0);
  const std::int64_t deadline = now_ns() + 2'000'000;

  EXPECT_EQ(gate.wait(1, spin, deadline), Gate::Wait::kTimeout);

  EXPECT_GE(now_ns(), deadline);
}

TEST(Gate, PoisonReleasesTheWaiting) {
  Gate gate;
  std::thread waiter([&] {
    SpinBudget spin(0);
    EXPECT_EQ(gate.wait(1, spin), Gate::Wait::kPoisoned);
  });

  gate.poison();
  waiter.join();
}

TEST(SpinBudget, WithoutALimitOnlyLooksOnce) {
  SpinBudget spin(0);
  int looks = 0;

  EXPECT_FALSE(spin.spin([&] { return ++looks > 1; }));

  EXPECT_EQ(looks, 1);
}

TEST(SpinBudget, AfterALossOfItsCoreTheUsualWaitIsSpunAgain) {
  constexpr std::int64_t kWaitNs = 200'000;
  SpinBudget spin(50 * kWaitNs);
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(spin.spin([] { return false; }));

  int spun = 0;
  for (int i = 0; i < 64; ++i) {
    const std::int64_t there = now_ns() + kWaitNs;
    if (spin.spin([&] { return now_ns() >= there; })) ++spun;
  }

  EXPECT_GE(spun, 40);
}

}  // namespace
}  // namespace sb
