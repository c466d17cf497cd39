// Masks of constrained outputs: what is sampled under them, and who waits for them.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "engine_testing.h"

namespace sb::testing {
namespace {

constexpr int64_t kMs = 1'000'000;

class MaskTest : public ::testing::Test {
 protected:
  // Allows the tokens in the slot; does not say so yet.
  static void write(TestEngine& engine, int32_t slot, const std::vector<int32_t>& tokens) {
    sb_masks masks{};
    masks.struct_size = sizeof(masks);
    ASSERT_EQ(sb_engine_masks(engine.handle(), &masks), SB_OK) << sb_last_error();
    auto* words = reinterpret_cast<uint64_t*>(static_cast<char*>(masks.base) +
                                              static_cast<uint64_t>(slot) * masks.slot_bytes);
    std::fill_n(words, masks.slot_bytes / sizeof(uint64_t), 0);
    for (const int32_t token : tokens) words[token / 64] |= uint64_t{1} << (token % 64);
  }

  static void ready(TestEngine& engine, int32_t slot, uint64_t step) {
    ASSERT_EQ(sb_mask_ready(engine.handle(), slot, step), SB_OK) << sb_last_error();
  }

  static Piece masked(int32_t row, int32_t position, int32_t token, int32_t slot) {
    return {row, position, {token}, {SB_TARGET_SAMPLE}, 0, {slot}};
  }

  static std::string refused(TestEngine& engine, const std::vector<Piece>& pieces) {
    EXPECT_EQ(engine.try_submit(pieces), SB_INVALID_ARGUMENT);
    return sb_last_error();
  }

  const TestModel model_{ModelSpec{}};
};

TEST_F(MaskTest, OnlyAllowedTokensAreSampled) {
  TestEngine engine(model_, engine_config(1, 2, 2));
  TestEngine free(model_, engine_config());
  engine.begin(0);
  free.begin(0);
  write(engine, 3, {96});

  ready(engine, 3, 1);
  const StepOutput output = engine.run({masked(0, 0, 1, 3)});
  const Piece scored{0, 0, {1}, {96}, 0};

  EXPECT_EQ(output.tokens, (std::vector<int32_t>{96}));
  EXPECT_NEAR(output.logprobs.at(0), free.run({scored}).logprobs.at(0), 1e-4);
}

TEST_F(MaskTest, AStepWaitsForItsMaskAndNoOtherStepDoes) {
  TestEngine engine(model_, engine_config(1, 1, 2));
  engine.begin(0);
  engine.begin(1);
  StepOutput output;

  engine.submit({masked(0, 0, 1, 0), {1, 0, {1}, {SB_TARGET_SAMPLE}, 0}});
  const int32_t before = engine.try_await(output, 20 * kMs);
  write(engine, 0, {42});
  ready(engine, 0, 1);

  EXPECT_EQ(before, SB_TIMEOUT);
  EXPECT_EQ(engine.await().tokens.at(0), 42);
  EXPECT_EQ(engine.run({{1, 1, {5}, {SB_TARGET_SAMPLE}, 0}}).status, SB_OK);
}

// The mask of step N + 1 is made from the token of step N while N + 1 runs.
TEST_F(MaskTest, StepsThatNeedTheLastTokenRunAheadOfTheirMasks) {
  for (const int32_t stages : {1, 2, 3}) {
    TestEngine engine(model_, engine_config(stages, 2, 2));
    engine.begin(0);
    write(engine, 0, {7});
    ready(engine, 0, 1);
    engine.submit({masked(0, 0, 1, 0)});
    std::vector<int32_t> sampled;
    for (int32_t i = 1; i <= 40; ++i) {
      engine.submit({masked(0, i, SB_TOKEN_LAST_SAMPLED, i % 2)});
      sampled.push_back(engine.await().tokens.at(0));
      write(engine, i % 2, {(sampled.back() + 3) % 97});
      ready(engine, i % 2, static_cast<uint64_t>(i) + 1);
    }
    sampled.push_back(engine.await().tokens.at(0));

    for (size_t i = 0; i < sampled.size(); ++i) {
      EXPECT_EQ(sampled[i], static_cast<int32_t>((7 + 3 * i) % 97)) << stages << " stages";
    }
  }
}

TEST_F(MaskTest, AFailedStepDoesNotWaitForItsMask) {
  sb_engine_config config = engine_config(2, 2, 1);
  config.allow_fault_injection = 1;
  TestEngine engine(model_, config);
  engine.begin(0);
  const sb_fault fail{sizeof(sb_fault), SB_FAULT_FAIL, 1, 0, 0, 1, 0};
  ASSERT_EQ(sb_inject(engine.handle(), &fail), SB_OK);

  const StepOutput failed = engine.run({masked(0, 0, 1, 0)});
  const StepOutput dependent = engine.run({masked(0, 1, SB_TOKEN_LAST_SAMPLED, 1)});

  EXPECT_EQ(failed.status, SB_STEP_FAILED);
  EXPECT_EQ(dependent.status, SB_STEP_FAILED);
}

TEST_F(MaskTest, AMaskThatNeverComesIsAHang) {
  sb_engine_config config = engine_config();
  config.hang_timeout_ms = 30;
  TestEngine engine(model_, config);
  engine.begin(0);
  StepOutput output;

  engine.submit({masked(0, 0, 1, 0)});

  EXPECT_EQ(engine.try_await(output), SB_HUNG);
  EXPECT_EQ(output.step, 1U);
  EXPECT_EQ(sb_mask_ready(engine.handle(), 0, 1), SB_HUNG);
}

TEST_F(MaskTest, DestroyingTheEngineEndsTheWait) {
  for (const int32_t stages : {1, 2}) {
    TestEngine engine(model_, engine_config(stages, 2, 2));
    engine.begin(0);
    StepOutput output;
    engine.submit({masked(0, 0, 1, 0)});
    engine.submit({masked(0, 1, SB_TOKEN_LAST_SAMPLED, 1)});
    ASSERT_EQ(engine.try_await(output, 5 * kMs), SB_TIMEOUT);
  }
}

TEST_F(MaskTest, SlotsAreChecked) {
  TestEngine engine(model_, engine_config());
  engine.begin(0);
  engine.begin(1);

  EXPECT_EQ(refused(engine, {masked(0, 0, 1, 16)}), "sb_submit: masks[0]: 16 is not in -1 .. 15");
  EXPECT_EQ(refused(engine, {masked(0, 0, 1, -2)}), "sb_submit: masks[0]: -2 is not in -1 .. 15");
  EXPECT_EQ(refused(engine, {{0, 0, {1}, {4}, 0, {0}}}),
            "sb_submit: masks[0]: nothing is sampled there");
  EXPECT_EQ(refused(engine, {masked(0, 0, 1, 5), masked(1, 0, 1, 5)}),
            "sb_submit: masks[1]: slot 5 is named twice");
  engine.submit({masked(0, 0, 1, 5)});
  EXPECT_EQ(refused(engine, {masked(1, 0, 1, 5)}),
            "sb_submit: masks[0]: slot 5 is in the unfinished step 1");
  EXPECT_EQ(sb_mask_ready(engine.handle(), 5, 2), SB_INVALID_ARGUMENT);
  EXPECT_STREQ(sb_last_error(), "sb_mask_ready: slot: 5 is in the unfinished step 1");
  EXPECT_EQ(sb_mask_ready(engine.handle(), 16, 1), SB_INVALID_ARGUMENT);
  EXPECT_STREQ(sb_last_error(), "sb_mask_ready: slot: 16 is not in 0 .. 15");
  write(engine, 5, {8});
  ready(engine, 5, 1);
  EXPECT_EQ(engine.await().tokens.at(0), 8);
}

}  // namespace
}  // namespace sb::testing
