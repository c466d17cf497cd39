// Threads that the kernel put on one core take up their step on two.
#include <gtest/gtest.h>
#include <sched.h>

#include <cstdint>
#include <initializer_list>
#include <thread>
#include <vector>

#include "engine/core_spread.h"

namespace sb::engine {
namespace {

[[nodiscard]] cpu_set_t allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  return set;
}

[[nodiscard]] std::vector<std::size_t> cores_of(const cpu_set_t& set) {
  std::vector<std::size_t> cores;
  for (std::size_t core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

// The core on which a thread goes on that took up a step on the first one allowed.
[[nodiscard]] int settled_from_first(CoreSpread& spread, std::int32_t thread) {
  int core = -1;
  std::thread([&] {
    const cpu_set_t all = allowed();
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(cores_of(all).front(), &first);
    ASSERT_EQ(sched_setaffinity(0, sizeof first, &first), 0);
    ASSERT_EQ(sched_setaffinity(0, sizeof all, &all), 0);
    spread.settle(thread);
    core = sched_getcpu();
    const cpu_set_t after = allowed();
    EXPECT_TRUE(CPU_EQUAL(&all, &after)) << "it is left to the kernel again";
  }).join();
  return core;
}

TEST(CoreSpread, TheLaterOfTwoMoves) {
  if (cores_of(allowed()).size() < 2) return;
  // On a busy machine the kernel may take it elsewhere before it is looked at.
  int apart = 0;
  for (int round = 0; round < 20; ++round) {
    CoreSpread spread(2);
    const int earlier = settled_from_first(spread, 0);
    const int later = settled_from_first(spread, 1);
    if (earlier != later) ++apart;
  }
  EXPECT_GE(apart, 15);
}

[[nodiscard]] cpu_set_t set_of(std::initializer_list<std::size_t> cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const std::size_t core : cores) CPU_SET(core, &set);
  return set;
}

TEST(CoreSpread, OnlyTheLaterSeesItsCoreTaken) {
  CoreSpread spread(3);
  spread.note(0, 5);
  spread.note(1, 5);

  EXPECT_FALSE(spread.taken(0, 5));
  EXPECT_TRUE(spread.taken(1, 5));
  EXPECT_TRUE(spread.taken(2, 5));
  EXPECT_FALSE(spread.taken(2, 6));
}

TEST(CoreSpread, ACoreThatNobodyHasComesFirst) {
  CoreSpread spread(3);
  spread.note(0, 1);
  spread.note(2, 2);

  EXPECT_EQ(cores_of(spread.others(1, set_of({1, 2, 3}))), std::vector<std::size_t>{3});
  // The later one moves in its turn.
  EXPECT_EQ(cores_of(spread.others(1, set_of({1, 2}))), std::vector<std::size_t>{2});
  EXPECT_EQ(cores_of(spread.others(1, set_of({1}))), std::vector<std::size_t>{});
}

}  // namespace
}  // namespace sb::engine
