// Which steps a device can draw by itself, what a step reads, and which slot it has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "engine/row_table.h"
#include "engine/slot.h"
#include "engine/stage.h"
#include "model/rank_compute.h"

namespace sb::engine {
namespace {

constexpr std::int32_t kVocab = 40000;
constexpr std::int32_t kContext = 20000;

class SlotTest : public ::testing::Test {
 protected:
  SlotTest() {
    config_.max_rows = 8;
    config_.max_step_tokens = 32;
    config_.max_step_outputs = 32;
    Carver slot, touched, lazy;
    lay_out(slot, touched, lazy);
    memory_ = {std::vector<std::byte>(slot.used()), std::vector<std::byte>(touched.used()),
               std::vector<std::byte>(lazy.used())};
    Carver taken[] = {Carver(memory_[0].data()), Carver(memory_[1].data()),
                      Carver(memory_[2].data())};
    lay_out(taken[0], taken[1], taken[2]);
  }

  // The history is of so many tokens, no two of them alike.
  void begin(std::int32_t row, const model::SamplingParameters& sampling, std::int32_t history = 0,
             std::int32_t biases = 0) {
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(history));
    std::iota(tokens.begin(), tokens.end(), 0);
    std::vector<std::int32_t> biased(static_cast<std::size_t>(biases));
    std::iota(biased.begin(), biased.end(), 0);
    const std::vector<float> values(biased.size(), 1);
    ASSERT_EQ(rows_.begin({row, sampling, biased, values, tokens, history}, kVocab, kContext),
              Status::kOk);
  }

  // Of a step in which each of the first rows has so many outputs that are sampled.
  bool decides(const std::vector<std::int32_t>& outputs, std::int32_t mask = kNoMask) {
    std::vector<PlanEntry> entries;
    std::vector<std::int32_t> tokens, targets;
    for (const std::int32_t count : outputs) {
      const std::int32_t n_tokens = std::max(count, 1);
      entries.push_back({.row = static_cast<std::int32_t>(entries.size()),
                         .n_tokens = n_tokens,
                         .n_outputs = count});
      tokens.resize(tokens.size() + static_cast<std::size_t>(n_tokens), 1);
      targets.resize(targets.size() + static_cast<std::size_t>(count), model::kSample);
    }
    std::vector<std::int32_t> masks(targets.size(), kNoMask);
    if (!masks.empty()) masks.back() = mask;
    Plan plan;
    plan.tokens = tokens;
    plan.entries = entries;
    plan.targets = targets;
    plan.masks = masks;
    slot_.fill(plan, rows_);
    return slot_.device_decides;
  }

  [[nodiscard]] std::uint64_t kv_tokens(std::int32_t window) const {
    return slot_.kv_tokens(window);
  }

  static model::SamplingParameters penalised() {
    model::SamplingParameters sampling;
    sampling.presence_penalty = 1;
    return sampling;
  }

 private:
  void lay_out(Carver& slot, Carver& touched, Carver& lazy) {
    slot_.lay_out(slot, config_, model::Config{}, 0, false);
    rows_.lay_out(touched, lazy, config_.max_rows, kContext);
  }

  Config config_;
  Slot slot_;
  RowTable rows_;
  std::vector<std::vector<std::byte>> memory_;
};

TEST_F(SlotTest, WhatTheHostHasToKnowFirstIsNotADevices) {
  model::SamplingParameters cut;
  cut.temperature = 1;
  cut.top_k = 3;
  cut.top_p = 0.9F;
  begin(0, cut);
  begin(1, penalised(), 5);

  EXPECT_TRUE(decides({4, 1}));
  EXPECT_TRUE(decides({1, 0}));
  EXPECT_FALSE(decides({0, 0}));
  EXPECT_FALSE(decides({1, 2}));
  EXPECT_FALSE(decides({1, 1}, 0));
}

// What is sampled counts from then on.
TEST_F(SlotTest, ADeviceHasRoomForSoManyCountsOfAllRowsTogether) {
  static_assert(model::kMaxChoiceSeen == 4U * 16384);
  for (std::int32_t row = 0; row < 4; ++row) begin(row, penalised(), 16383);

  EXPECT_TRUE(decides({1, 1, 1, 1}));
  EXPECT_FALSE(decides({1, 1, 1, 1}));
  EXPECT_TRUE(decides({1, 1, 1, 0}));

  begin(3, model::SamplingParameters{}, 16383);
  EXPECT_TRUE(decides({1, 1, 1, 1}));
}

TEST_F(SlotTest, ADeviceHasRoomForSoManyBiasesOfAllOutputsTogether) {
  static_assert(model::kMaxChoiceBias == 4U * kMaxLogitBias);
  for (std::int32_t row = 0; row < 4; ++row) {
    begin(row, model::SamplingParameters{}, 0, kMaxLogitBias);
  }

  EXPECT_TRUE(decides({1, 1, 1, 1}));
  EXPECT_FALSE(decides({1, 1, 2, 1}));
}

// A file may name any window.
TEST_F(SlotTest, NoWindowIsTooLargeToCountWhatIsRead) {
  begin(0, model::SamplingParameters{});
  begin(1, model::SamplingParameters{});
  ASSERT_TRUE(decides({4, 2}));

  EXPECT_EQ(kv_tokens(0), 6U);
  EXPECT_EQ(kv_tokens(1), 6U);
  EXPECT_EQ(kv_tokens(INT32_MAX - 1), 6U);
  EXPECT_EQ(kv_tokens(INT32_MAX), 6U);
}

// Three do not divide what a word counts to.
TEST(Slots, StepsThatFollowOneAnotherNeverShareOne) {
  std::vector<Slot> slots(3);
  Shared shared;
  shared.slots = slots;
  std::uint64_t submission = UINT32_MAX - 4ULL;

  for (int i = 0; i < 8; ++i, ++submission) {
    EXPECT_NE(&shared.slot(submission), &shared.slot(submission + 1)) << submission;
    EXPECT_NE(&shared.slot(submission), &shared.slot(submission + 2)) << submission;
  }
}

}  // namespace
}  // namespace sb::engine
