// Plans: what is refused, and how steps in flight follow each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "engine_testing.h"

namespace sb::testing {
namespace {

// A correct plan of two rows, with room to spoil it.
struct PlanParts {
  std::vector<int32_t> tokens = {1, 2, 3, 4};
  std::vector<sb_plan_entry> entries = {{0, 0, 3, 1, 0, 1, 0, 1}, {1, 5, 1, 1, 1, 1, 2, 0}};
  std::vector<int32_t> blocks = {0, 9};
  std::vector<int32_t> targets = {SB_TARGET_SAMPLE, 5};
  sb_plan plan{};

  PlanParts() {
    plan.struct_size = sizeof(plan);
    plan.n_entries = 2;
    plan.n_tokens = 4;
    plan.n_outputs = 2;
    plan.n_blocks = 2;
    plan.step = 1;
    plan.tokens = tokens.data();
    plan.entries = entries.data();
    plan.blocks = blocks.data();
    plan.targets = targets.data();
  }
};

struct PlanRefusal {
  const char* name;
  std::function<void(PlanParts&)> spoil;
  const char* text;
};

class Submit : public ::testing::TestWithParam<PlanRefusal> {};

TEST_P(Submit, RefusesNamesTheFieldAndChangesNothing) {
  const TestModel model(ModelSpec{});
  TestEngine engine(model, engine_config());
  engine.begin(0);
  engine.begin(1);
  PlanParts spoiled;
  GetParam().spoil(spoiled);
  PlanParts correct;

  const int32_t status = sb_submit(engine.handle(), &spoiled.plan);
  const std::string text = sb_last_error();

  EXPECT_EQ(status, SB_INVALID_ARGUMENT);
  EXPECT_NE(text.find(GetParam().text), std::string::npos) << text;
  EXPECT_EQ(sb_submit(engine.handle(), &correct.plan), SB_OK) << sb_last_error();
  EXPECT_EQ(engine.await().tokens.size(), 2U);
}

const PlanRefusal kPlanRefusals[] = {
    {"Size", [](PlanParts& p) { p.plan.struct_size = 4; }, "plan.struct_size"},
    {"NullTokens", [](PlanParts& p) { p.plan.tokens = nullptr; }, "tokens: is null"},
    {"NullEntries", [](PlanParts& p) { p.plan.entries = nullptr; }, "entries: is null"},
    {"NullBlocks", [](PlanParts& p) { p.plan.blocks = nullptr; }, "blocks: is null"},
    {"NullTargets", [](PlanParts& p) { p.plan.targets = nullptr; }, "targets: is null"},
    {"NoEntries", [](PlanParts& p) { p.plan.n_entries = 0; }, "n_entries: 0"},
    {"ManyEntries", [](PlanParts& p) { p.plan.n_entries = 9; }, "n_entries: 9"},
    {"NoTokens", [](PlanParts& p) { p.plan.n_tokens = 0; }, "n_tokens: 0"},
    {"ManyTokens", [](PlanParts& p) { p.plan.n_tokens = UINT32_MAX; }, "n_tokens: 4294967295"},
    {"ManyOutputs", [](PlanParts& p) { p.plan.n_outputs = 129; }, "n_outputs: 129"},
    {"NoBlocks", [](PlanParts& p) { p.plan.n_blocks = 0; }, "n_blocks: 0"},
    {"ManyBlocks", [](PlanParts& p) { p.plan.n_blocks = 1 << 20; }, "n_blocks: 1048576"},
    {"Step", [](PlanParts& p) { p.plan.step = 0; }, "step: 0"},
    {"NegativeRow", [](PlanParts& p) { p.entries[1].row = -1; }, "entries[1]: row: -1"},
    {"Row", [](PlanParts& p) { p.entries[1].row = 8; }, "entries[1]: row: 8"},
    {"IdleRow", [](PlanParts& p) { p.entries[1].row = 2; }, "entries[1]: row: 2 was not begun"},
    {"SameRow", [](PlanParts& p) { p.entries[1].row = 0; }, "entries[1]: row: 0 is in two"},
    {"Position", [](PlanParts& p) { p.entries[1].position = -1; }, "entries[1]: position: -1"},
    {"Context", [](PlanParts& p) { p.entries[1].position = 256; }, "entries[1]: position: 256"},
    {"Overflow", [](PlanParts& p) { p.entries[1].position = INT32_MAX; }, "position: 2147483647"},
    {"EmptyEntry", [](PlanParts& p) { p.entries[1].n_tokens = 0; }, "entries[1]: n_tokens: 0"},
    {"Borrowed", [](PlanParts& p) { p.entries[1].n_tokens = 2; }, "entries[1]: n_tokens: 2"},
    {"Unused", [](PlanParts& p) { p.entries[0].n_tokens = 2; }, "n_tokens: 1 more"},
    {"Outputs", [](PlanParts& p) { p.entries[0].n_outputs = 4; }, "entries[0]: n_outputs: 4"},
    {"UnusedOutput", [](PlanParts& p) { p.entries[0].n_outputs = 0; }, "n_outputs: 1 more"},
    {"Offset", [](PlanParts& p) { p.entries[0].block_offset = -1; }, "block_offset: -1"},
    {"OffsetEnd", [](PlanParts& p) { p.entries[1].block_offset = 2; }, "entries[1]: n_blocks: 1"},
    {"Table", [](PlanParts& p) { p.entries[1].n_blocks = 2; }, "entries[1]: n_blocks: 2"},
    {"Short", [](PlanParts& p) { p.entries[1].position = 16; }, "do not hold position 16"},
    {"Block", [](PlanParts& p) { p.blocks[1] = 64; }, "blocks[1]: 64"},
    {"NegativeBlock", [](PlanParts& p) { p.blocks[0] = -1; }, "blocks[0]: -1"},
    {"Top", [](PlanParts& p) { p.entries[0].top_logprobs = 21; }, "top_logprobs: 21"},
    {"Token", [](PlanParts& p) { p.tokens[2] = 97; }, "tokens[2]: 97"},
    {"NegativeToken", [](PlanParts& p) { p.tokens[2] = -2; }, "tokens[2]: -2"},
    {"InnerLast", [](PlanParts& p) { p.tokens[1] = -1; }, "tokens[1]: only an entry's first"},
    {"NothingSampled", [](PlanParts& p) { p.tokens[3] = -1; }, "tokens[3]: the latest step of row"},
    {"Target", [](PlanParts& p) { p.targets[1] = 97; }, "targets[1]: 97"},
    {"NegativeTarget", [](PlanParts& p) { p.targets[1] = -2; }, "targets[1]: -2"},
};

INSTANTIATE_TEST_SUITE_P(Plans, Submit, ::testing::ValuesIn(kPlanRefusals),
                         [](const auto& refusal) { return std::string(refusal.param.name); });

struct RowRefusal {
  const char* name;
  std::function<void(sb_sampling&)> spoil;
  const char* text;
};

class BeginRow : public ::testing::TestWithParam<RowRefusal> {};

TEST_P(BeginRow, RefusesAndNamesTheField) {
  static const TestModel model(ModelSpec{});
  TestEngine engine(model, engine_config());
  sb_sampling sampling = greedy();
  GetParam().spoil(sampling);

  EXPECT_EQ(sb_row_begin(engine.handle(), 0, &sampling, nullptr, 0, 0), SB_INVALID_ARGUMENT);

  EXPECT_NE(std::string(sb_last_error()).find(GetParam().text), std::string::npos)
      << sb_last_error();
}

const int32_t kForeignToken = 97;
const float kNoNumber = NAN;
const float kNoBias = 0;
const int32_t kSomeToken = 3;

const RowRefusal kRowRefusals[] = {
    {"Size", [](sb_sampling& s) { s.struct_size = 0; }, "sampling.struct_size"},
    {"Temperature", [](sb_sampling& s) { s.temperature = -1; }, "sampling.temperature"},
    {"NanTemperature", [](sb_sampling& s) { s.temperature = NAN; }, "sampling.temperature"},
    {"TopP", [](sb_sampling& s) { s.top_p = 0; }, "sampling.top_p: 0 is not in (0, 1]"},
    {"LargeTopP", [](sb_sampling& s) { s.top_p = 1.5F; }, "sampling.top_p"},
    {"MinP", [](sb_sampling& s) { s.min_p = 2; }, "sampling.min_p"},
    {"TopK", [](sb_sampling& s) { s.top_k = -1; }, "sampling.top_k"},
    {"Repetition", [](sb_sampling& s) { s.repetition_penalty = 0; }, "repetition_penalty"},
    {"Presence", [](sb_sampling& s) { s.presence_penalty = INFINITY; }, "presence_penalty"},
    {"Frequency", [](sb_sampling& s) { s.frequency_penalty = NAN; }, "frequency_penalty"},
    {"ManyBias",
     [](sb_sampling& s) {
       s.n_bias = SB_MAX_LOGIT_BIAS + 1;
       s.bias_tokens = &kSomeToken;
       s.bias_values = &kNoBias;
     },
     "sampling.n_bias: 4097"},
    {"NullBias", [](sb_sampling& s) { s.n_bias = 1; }, "sampling.bias_tokens"},
    {"BiasToken",
     [](sb_sampling& s) {
       s.n_bias = 1;
       s.bias_tokens = &kForeignToken;
       s.bias_values = &kNoBias;
     },
     "sampling.bias_tokens[0]: 97"},
    {"BiasValue",
     [](sb_sampling& s) {
       s.n_bias = 1;
       s.bias_tokens = &kSomeToken;
       s.bias_values = &kNoNumber;
     },
     "sampling.bias_values[0]"},
};

INSTANTIATE_TEST_SUITE_P(Rows, BeginRow, ::testing::ValuesIn(kRowRefusals),
                         [](const auto& refusal) { return std::string(refusal.param.name); });

TEST(Rows, HistoryAndRowAreChecked) {
  const TestModel model(ModelSpec{});
  TestEngine engine(model, engine_config());
  const sb_sampling sampling = greedy();
  const std::vector<int32_t> history(300, 1);
  const int32_t foreign = 97;
  const auto begin = [&](int32_t row, const int32_t* tokens, int32_t n, int32_t n_prompt) {
    const int32_t status = sb_row_begin(engine.handle(), row, &sampling, tokens, n, n_prompt);
    return status == SB_OK ? std::string("accepted") : std::string(sb_last_error());
  };

  EXPECT_EQ(begin(8, nullptr, 0, 0), "sb_row_begin: row: 8 is not in 0 .. 7");
  EXPECT_EQ(begin(0, nullptr, 3, 0), "sb_row_begin: history: is null");
  EXPECT_EQ(begin(0, history.data(), -1, 0), "sb_row_begin: n_history: -1 is negative");
  EXPECT_EQ(begin(0, history.data(), 257, 0), "sb_row_begin: n_history: 257 is not in 0 .. 256");
  EXPECT_EQ(begin(0, history.data(), 3, 4), "sb_row_begin: n_prompt: 4 is not in 0 .. 3");
  EXPECT_EQ(begin(0, &foreign, 1, 1), "sb_row_begin: history[0]: 97 is not a token of the 97");
  EXPECT_EQ(begin(0, history.data(), 256, 256), "accepted");
}

// The stepwise tokens of a prompt against those of steps submitted ahead.
void expect_pipelined_equals_stepwise(const sb_engine_config& config, const sb_sampling& sampling) {
  TestModel model(ModelSpec{});
  model.quantise_matrices();
  TestEngine engine(model, config);
  const std::vector<int32_t> prompt = some_tokens(model.spec(), 10);
  const auto expected = engine.generate(0, prompt, 40, sampling);
  engine.begin(1, sampling, prompt, static_cast<int32_t>(prompt.size()));

  std::vector<int32_t> actual;
  engine.submit({{1, 0, prompt, {SB_TARGET_SAMPLE}, 0}});
  for (int32_t planned = 1; actual.size() < 40;) {
    while (planned < 40 &&
           engine.try_submit({{1, 9 + planned, {SB_TOKEN_LAST_SAMPLED}, {SB_TARGET_SAMPLE}, 0}}) ==
               SB_OK) {
      ++planned;
    }
    actual.push_back(engine.await().tokens.at(0));
  }

  EXPECT_EQ(actual, expected);
}

TEST(Pipeline, StepsSubmittedAheadSampleTheSameTokens) {
  expect_pipelined_equals_stepwise(engine_config(1, 1, 2), greedy());
}

TEST(Pipeline, StepsSubmittedAheadSampleTheSameTokensOverStages) {
  expect_pipelined_equals_stepwise(engine_config(4, 1, 1), greedy());
}

TEST(Pipeline, StepsSubmittedAheadSampleTheSameTokensOverStagesAndRanks) {
  sb_sampling sampling = greedy();
  sampling.temperature = 0.9F;
  sampling.seed = 11;
  sampling.repetition_penalty = 1.3F;
  sampling.frequency_penalty = 0.4F;
  expect_pipelined_equals_stepwise(engine_config(2, 2, 2), sampling);
}

TEST(Pipeline, RowsOfDifferentStepsRunAtOnceWithoutMixing) {
  TestModel model(ModelSpec{});
  model.quantise_matrices();
  TestEngine engine(model, engine_config(3, 1, 1));
  std::vector<std::vector<int32_t>> prompts, expected;
  for (int32_t row = 0; row < 4; ++row) {
    prompts.push_back(some_tokens(model.spec(), 6, static_cast<uint32_t>(row)));
    expected.push_back(engine.generate(row, prompts.back(), 10));
    engine.begin(row);
  }

  std::vector<std::vector<int32_t>> actual(4);
  for (int32_t step = 0; step < 10; ++step) {
    for (int32_t row = 0; row < 4; ++row) {
      const auto r = static_cast<size_t>(row);
      Piece piece{row, step == 0 ? 0 : 5 + step, prompts[r], {SB_TARGET_SAMPLE}, 0};
      if (step > 0) piece.tokens.assign(1, SB_TOKEN_LAST_SAMPLED);
      engine.submit({piece});
    }
    for (size_t row = 0; row < 4; ++row) actual[row].push_back(engine.await().tokens.at(0));
  }

  EXPECT_EQ(actual, expected);
}

TEST(Pipeline, MoreThanMaxInFlightIsBusy) {
  const TestModel model(ModelSpec{});
  sb_engine_config config = engine_config();
  config.max_in_flight = 2;
  TestEngine engine(model, config);
  engine.begin(0);
  const Piece piece{0, 0, {1}, {SB_TARGET_SAMPLE}, 0};

  engine.submit({piece});
  engine.submit({piece});
  EXPECT_EQ(engine.try_submit({piece}), SB_BUSY);
  EXPECT_EQ(engine.await().step, 1U);
  engine.submit({piece});
  EXPECT_EQ(engine.await().step, 2U);
  EXPECT_EQ(engine.await().step, 3U);
}

TEST(Pipeline, AwaitWithoutAStepIsRefused) {
  const TestModel model(ModelSpec{});
  TestEngine engine(model, engine_config());
  StepOutput output;

  EXPECT_EQ(engine.try_await(output), SB_INVALID_ARGUMENT);
}

TEST(Pipeline, ARowWithAnUnfinishedStepCannotBegin) {
  const TestModel model(ModelSpec{});
  sb_engine_config config = engine_config();
  config.allow_fault_injection = 1;
  TestEngine engine(model, config);
  engine.begin(0);
  engine.begin(1);
  const sb_fault hang{sizeof(sb_fault), SB_FAULT_HANG, -1, -1, 0, 0, 0};
  const sb_fault none{sizeof(sb_fault), SB_FAULT_NONE, -1, -1, 0, 0, 0};
  const sb_sampling sampling = greedy();
  ASSERT_EQ(sb_inject(engine.handle(), &hang), SB_OK);
  engine.submit({{0, 0, {1}, {SB_TARGET_SAMPLE}, 0}});

  EXPECT_EQ(sb_row_begin(engine.handle(), 0, &sampling, nullptr, 0, 0), SB_INVALID_ARGUMENT);
  EXPECT_EQ(sb_row_begin(engine.handle(), 1, &sampling, nullptr, 0, 0), SB_OK);
  ASSERT_EQ(sb_inject(engine.handle(), &none), SB_OK);
  EXPECT_EQ(engine.await().status, SB_OK);

  EXPECT_EQ(sb_row_begin(engine.handle(), 0, &sampling, nullptr, 0, 0), SB_OK);
}

TEST(Pipeline, DestroyDoesNotWaitForStepsInFlight) {
  const TestModel model(ModelSpec{});
  for (int round = 0; round < 10; ++round) {
    TestEngine engine(model, engine_config(2, 2, 1));
    engine.begin(0);
    for (int32_t i = 0; i < 4; ++i) {
      engine.submit({{0, 0, some_tokens(model.spec(), 100), {SB_TARGET_SAMPLE}, 0}});
    }
  }
}

TEST(Sampling, PenaltiesCountWhatWasSampledAndWhatTheRowBeganWith) {
  TestModel model(ModelSpec{});
  TestEngine engine(model, engine_config());
  const std::vector<int32_t> prompt = some_tokens(model.spec(), 5);
  sb_sampling sampling = greedy();
  sampling.presence_penalty = 1000;

  const auto generated = engine.generate(0, prompt, 20, sampling);
  std::vector<int32_t> history = prompt;
  history.insert(history.end(), generated.begin(), generated.begin() + 10);
  // The row goes on elsewhere: the first ten are recomputed as history.
  engine.begin(1, sampling, history, static_cast<int32_t>(prompt.size()));
  const StepOutput resumed = engine.run({{1, 0, history, {SB_TARGET_SAMPLE}, 0}});

  std::vector<int32_t> sorted = generated;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(std::unique(sorted.begin(), sorted.end()), sorted.end());
  EXPECT_EQ(resumed.tokens.at(0), generated.at(10));
}

TEST(Sampling, DrawsDependOnSeedAndPositionAlone) {
  TestModel model(ModelSpec{});
  model.quantise_matrices();
  TestEngine engine(model, engine_config());
  TestEngine threaded(model, engine_config(2, 1, 2));
  const std::vector<int32_t> prompt = some_tokens(model.spec(), 5);
  sb_sampling sampling = greedy();
  sampling.temperature = 1.2F;
  sampling.top_k = 40;
  sampling.top_p = 0.95F;
  sampling.min_p = 0.01F;
  sampling.seed = 77;
  sb_sampling other = sampling;
  other.seed = 78;

  const auto expected = engine.generate(0, prompt, 25, sampling);

  EXPECT_EQ(engine.generate(5, prompt, 25, sampling), expected);
  EXPECT_EQ(threaded.generate(2, prompt, 25, sampling), expected);
  EXPECT_NE(engine.generate(0, prompt, 25, other), expected);
}

TEST(Sampling, ScoringATargetSamplesNothing) {
  const TestModel model(ModelSpec{});
  TestEngine engine(model, engine_config());
  engine.begin(0);
  engine.submit({{0, 0, {1, 2}, {7}, 0}});

  const int32_t status =
      engine.try_submit({{0, 2, {SB_TOKEN_LAST_SAMPLED}, {SB_TARGET_SAMPLE}, 0}});
  const StepOutput output = engine.await();

  EXPECT_EQ(status, SB_INVALID_ARGUMENT);
  EXPECT_EQ(output.tokens.at(0), 7);
}

}  // namespace
}  // namespace sb::testing
