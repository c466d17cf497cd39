// Threads that the kernel put on one core take up their step on two. Control groups are not the
// tests' to change: what a cpuset does is told by a stand-in for the kernel. Linux 6.18 was seen to
// do the same.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <thread>
#include <vector>

#include "engine/core_spread.h"

namespace {

// One thread's cores as a kernel keeps them.
struct Cpuset {
  cpu_set_t cores;
  cpu_set_t asked;  // by the thread
  int core;

  [[nodiscard]] cpu_set_t allowed() const {
    cpu_set_t both;
    CPU_AND(&both, &cores, &asked);
    return both;
  }
};

// Of the calling thread; null: the real one's.
thread_local Cpuset* cpuset = nullptr;

}  // namespace

// Visible, so that the engine's calls come here.
#pragma GCC visibility push(default)
extern "C" {
int sched_getcpu() noexcept {
  if (cpuset != nullptr) return cpuset->core;
  unsigned core = 0;
  return syscall(SYS_getcpu, &core, nullptr, nullptr) == 0 ? static_cast<int>(core) : -1;
}
int sched_getaffinity(pid_t thread, std::size_t bytes, cpu_set_t* set) noexcept {
  if (cpuset != nullptr) {
    *set = cpuset->allowed();
    return 0;
  }
  const long written = syscall(SYS_sched_getaffinity, thread, bytes, set);
  if (written < 0) return -1;
  const auto known = static_cast<std::size_t>(written);
  std::memset(reinterpret_cast<char*>(set) + known, 0, bytes - known);
  return 0;
}
int sched_setaffinity(pid_t thread, std::size_t bytes, const cpu_set_t* set) noexcept {
  if (cpuset == nullptr) {
    return static_cast<int>(syscall(SYS_sched_setaffinity, thread, bytes, set));
  }
  Cpuset next{cpuset->cores, *set, cpuset->core};
  const cpu_set_t allowed = next.allowed();
  if (CPU_COUNT(&allowed) == 0) {
    errno = EINVAL;
    return -1;
  }
  const auto allows = [&] { return CPU_ISSET(static_cast<std::size_t>(next.core), &allowed); };
  if (!allows()) next.core = 0;
  while (!allows()) ++next.core;
  *cpuset = next;
  return 0;
}
}
#pragma GCC visibility pop

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

// The cores of a thread that was on an earlier one's and had its cpuset grow afterwards.
[[nodiscard]] std::vector<std::size_t> moved_in(Cpuset kernel, const cpu_set_t& grown) {
  CoreSpread spread(2);
  spread.note(0, kernel.core);
  const int before = kernel.core;
  cpuset = &kernel;
  spread.settle(1);
  EXPECT_NE(kernel.core, before);
  kernel.cores = grown;
  const cpu_set_t after = allowed();
  cpuset = nullptr;
  return cores_of(after);
}

TEST(CoreSpread, WhoWasMovedFollowsItsCpuset) {
  cpu_set_t all;
  std::memset(&all, 0xff, sizeof all);
  EXPECT_EQ(moved_in({set_of({0, 1}), all, 0}, set_of({0, 1, 2, 3})),
            (std::vector<std::size_t>{0, 1, 2, 3}));
}

TEST(CoreSpread, WhoWasMovedStaysWhereItsUserWantsIt) {
  EXPECT_EQ(moved_in({set_of({0, 1, 2}), set_of({0, 1}), 0}, set_of({0, 1, 2, 3})),
            (std::vector<std::size_t>{0, 1}));
}

}  // namespace
}  // namespace sb::engine
