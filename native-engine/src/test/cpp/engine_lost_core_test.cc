// A rank that loses its core where it reads its processor time, at each of these places in a step.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine_testing.h"

namespace {

constexpr int64_t kAwayNs = 3'000'000;
constexpr uint64_t kSteps = 9;
constexpr int64_t kMeetings = 9;  // of a step: two in each of four layers, and one for the logits

// Name of the thread that loses its core, as the engine calls it; null: none does.
std::atomic<const char*> victim{nullptr};
std::atomic<int64_t> away_ns{0};  // how long it did, all in all

[[nodiscard]] bool is_victim() {
  const char* wanted = victim.load(std::memory_order_acquire);
  if (wanted == nullptr) return false;
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return std::strcmp(name.data(), wanted) == 0;
}

}  // namespace

// Takes the place of the C library's, for the engine's library too. The processor time is read by a
// system call, at whose end a thread that has used its share stands still.
extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto kReal =
      reinterpret_cast<int (*)(clockid_t, timespec*)>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = kReal(clock, now);
  if (clock == CLOCK_THREAD_CPUTIME_ID && is_victim()) {
    const timespec away{.tv_sec = 0, .tv_nsec = kAwayNs};
    const int64_t begun = sb::now_ns();
    nanosleep(&away, nullptr);
    away_ns.fetch_add(sb::now_ns() - begun, std::memory_order_relaxed);
  }
  return result;
}

namespace sb::testing {
namespace {

[[nodiscard]] int64_t busy_ns(const Lane& lane, uint64_t step, sb_timeline_kind kind) {
  const sb_timeline_record* record = find(lane, step, kind);
  return record == nullptr ? 0 : record->busy_ns;
}

[[nodiscard]] int64_t median(std::vector<int64_t> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Of all steps, so that what a busy machine does to some of them decides nothing.
[[nodiscard]] int64_t median_ns(const Lane& lane, sb_timeline_kind kind) {
  std::vector<int64_t> all;
  for (uint64_t step = 1; step <= kSteps; ++step) all.push_back(busy_ns(lane, step, kind));
  return median(std::move(all));
}

class LostCoreTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  void TearDown() override { victim.store(nullptr, std::memory_order_release); }
};

TEST_P(LostCoreTest, WhatARankLosesIsTakenFromTheLapItLiesIn) {
  const TestModel model{ModelSpec{}};
  TestEngine engine(model, engine_config(1, 2, 1));
  engine.begin(0);
  const Piece prompt{0, 0, some_tokens(model.spec(), 100), {SB_TARGET_SAMPLE}, 0};
  victim.store(GetParam() == 0 ? "sb-s0r0t0" : "sb-s0r1t0", std::memory_order_release);

  std::vector<int64_t> away_in_step;
  for (uint64_t i = 0; i < kSteps; ++i) {
    away_ns.store(0, std::memory_order_relaxed);
    ASSERT_EQ(engine.run({prompt}).status, SB_OK);
    away_in_step.push_back(away_ns.load(std::memory_order_relaxed));
  }

  const Lane away = read_lane(engine, GetParam());
  const Lane other = read_lane(engine, 1 - GetParam());
  std::vector<int64_t> missed;
  for (uint64_t step = 1; step <= kSteps; ++step) {
    missed.push_back(away_in_step[step - 1] - busy_ns(away, step, SB_KIND_OFF_CPU));
  }
  EXPECT_LT(median(missed), kAwayNs / 2);
  EXPECT_GT(median_ns(away, SB_KIND_COMPUTE), median_ns(other, SB_KIND_COMPUTE) / 4);
  EXPECT_LT(median_ns(away, SB_KIND_COMPUTE), median_ns(other, SB_KIND_COMPUTE) * 4);
  EXPECT_LT(median_ns(away, SB_KIND_ALLREDUCE_WAIT), kAwayNs);
  EXPECT_GE(median_ns(other, SB_KIND_ALLREDUCE_WAIT), kMeetings * kAwayNs);
  // The first rank samples.
  EXPECT_GT(median_ns(GetParam() == 0 ? away : other, SB_KIND_SAMPLE), 0);
}

INSTANTIATE_TEST_SUITE_P(EachRank, LostCoreTest, ::testing::Values(0, 1));

}  // namespace
}  // namespace sb::testing
