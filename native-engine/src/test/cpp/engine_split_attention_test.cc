#include <gtest/gtest.h>

#include "engine_testing.h"

namespace sb::testing {
namespace {

// One sequence with two kv heads on three threads: its context is cut into parts.
TEST(SplitAttention, GivesTheBitsOfOneThread) {
  ModelSpec spec;
  spec.context = 1400;
  TestModel model(spec);
  model.quantise_matrices();
  const std::vector<int32_t> prompt = some_tokens(spec, 1015);
  const auto config = [](int32_t threads) {
    sb_engine_config c = engine_config(1, 1, threads);
    c.kv_blocks = 64;
    c.kv_block_tokens = 32;
    c.max_step_tokens = 1100;
    return c;
  };
  TestEngine one(model, config(1));
  TestEngine three(model, config(3));
  std::vector<float> expected_logprobs;
  std::vector<float> actual_logprobs;

  // From two parts to three.
  const auto expected = one.generate(0, prompt, 20, greedy(), &expected_logprobs);
  const auto actual = three.generate(0, prompt, 20, greedy(), &actual_logprobs);

  EXPECT_EQ(actual, expected);
  EXPECT_EQ(actual_logprobs, expected_logprobs);
}

}  // namespace
}  // namespace sb::testing
