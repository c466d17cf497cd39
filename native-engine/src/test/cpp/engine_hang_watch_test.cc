// A step that hangs, and a process that stood still.
#include <gtest/gtest.h>

#include <cstdint>

#include "engine/hang_watch.h"

namespace sb::engine {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kBegin = 1000 * kSecond;

// Looks at the step whenever it is due; gives the time after which it hangs.
std::int64_t watch(HangWatch& watch, std::uint64_t step, std::int64_t from) {
  std::int64_t now = from;
  watch.look(step, from, now);
  for (int looks = 0; !watch.hangs() && looks < 1000; ++looks) {
    now = watch.next_ns();
    watch.look(step, from, now);
  }
  return now - from;
}

TEST(HangWatchTest, AStepHangsAtItsLimit) {
  for (const std::int64_t limit : {kSecond / 2, kSecond, 60 * kSecond}) {
    HangWatch hangs(limit);
    EXPECT_EQ(watch(hangs, 1, kBegin), limit);
  }
}

TEST(HangWatchTest, NothingHangsWithoutALimit) {
  HangWatch never(0);
  never.look(1, kBegin, kBegin + 10'000 * kSecond);
  EXPECT_FALSE(never.hangs());
  EXPECT_EQ(never.next_ns(), INT64_MAX);
}

TEST(HangWatchTest, NoTimePassesWhileTheProcessStandsStill) {
  for (const std::int64_t limit : {kSecond, 60 * kSecond}) {
    HangWatch stopped(limit);
    stopped.look(1, kBegin, kBegin);
    const std::int64_t woken = kBegin + 10 * limit;
    stopped.look(1, kBegin, woken);
    EXPECT_FALSE(stopped.hangs());
    EXPECT_GE(watch(stopped, 1, woken), limit / 2);
  }
}

TEST(HangWatchTest, WhoIsSeldomAskedFindsItTooLate) {
  HangWatch seldom(60 * kSecond);
  int looks = 0;
  for (; !seldom.hangs() && looks < 100; ++looks) {
    seldom.look(1, kBegin, kBegin + looks * 10 * kSecond);
  }
  EXPECT_EQ(looks, 31);
}

TEST(HangWatchTest, EachStepHasItsOwnTime) {
  HangWatch steps(60 * kSecond);
  steps.look(1, kBegin, kBegin);
  for (int second = 0; second < 59; ++second) steps.look(1, kBegin, kBegin + second * kSecond);
  EXPECT_EQ(watch(steps, 2, kBegin + 59 * kSecond), 60 * kSecond);
}

}  // namespace
}  // namespace sb::engine
