// Steps that are launched before the host knows what the step before has sampled give the
// processor's tokens, and go wrong one by one.
//
// The emulated device is as late as a device can be: it works when it is waited for. So what the
// host gives it must stay there until then, and tokens of a step that is launched behind another
// one can have come by the device's memory only.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "engine_device_testing.h"
#include "ops_testing.h"

namespace sb::testing {
namespace {

constexpr int64_t kForever = INT64_MAX;

// A row's sequence, in the steps from "from" to "to".
struct Stream {
  int32_t row = 0;
  int32_t from = 0;
  int32_t to = 0;
  sb_sampling sampling = greedy();
  size_t prompt = 1;
  bool logprobs = false;
  int32_t top = 0;
  int32_t mask_in = -1;  // its step that has a mask
  int32_t outputs = 1;   // of its prompt
  int32_t n_prompt = 1;  // of three tokens that count for penalties
  int32_t pause = -1;    // a step between that it is not in

  [[nodiscard]] bool has(int32_t step) const { return step >= from && step < to && step != pause; }
  [[nodiscard]] int32_t position(int32_t step) const {
    const int32_t paused = pause >= 0 && step > pause ? 1 : 0;
    return static_cast<int32_t>(prompt) + step - from - 1 - paused;
  }
};

struct Script {
  int32_t steps = 0;
  std::vector<Stream> streams;

  [[nodiscard]] std::vector<Piece> pieces(const ModelSpec& spec, int32_t step) const {
    std::vector<Piece> all;
    for (const Stream& stream : streams) {
      if (!stream.has(step)) continue;
      Piece piece{stream.row, 0, {SB_TOKEN_LAST_SAMPLED}, {SB_TARGET_SAMPLE}, stream.top};
      piece.logprobs = stream.logprobs;
      if (step == stream.from) {
        piece.tokens = some_tokens(spec, stream.prompt, static_cast<uint32_t>(stream.row + 1));
        piece.targets.assign(static_cast<size_t>(stream.outputs), SB_TARGET_SAMPLE);
      } else {
        piece.position = stream.position(step);
      }
      if (step == stream.mask_in) piece.masks.assign(1, stream.row);
      all.push_back(piece);
    }
    return all;
  }
};

// With an output layer of its own: else the likeliest token is nearly always the one before.
ModelSpec small_spec() {
  ModelSpec spec;
  spec.n_layers = 2;
  return spec;
}

void submit(TestEngine& engine, const Script& script, int32_t step) {
  for (const Stream& stream : script.streams) {
    if (stream.from == step) {
      engine.begin(stream.row, stream.sampling, some_tokens(small_spec(), 3), stream.n_prompt);
    }
    if (stream.mask_in == step) allow(engine, stream.row, {3, 50, 77});
  }
  engine.submit(script.pieces(small_spec(), step));
}

// As the scheduler does: a step is planned while the one before runs. Ends where the engine is
// lost.
std::vector<StepOutput> run(
    TestEngine& engine, const Script& script, const std::function<void()>& all_submitted = [] {}) {
  std::vector<StepOutput> outputs;
  submit(engine, script, 0);
  for (int32_t step = 0; step < script.steps; ++step) {
    if (step + 1 < script.steps) {
      submit(engine, script, step + 1);
    } else {
      all_submitted();
    }
    outputs.emplace_back();
    if (engine.try_await(outputs.back()) != SB_OK) break;
  }
  return outputs;
}

class EmulatedAheadDeviceTest : public EmulatedDeviceTest {
 protected:
  EmulatedAheadDeviceTest() {
    hold(kForever);
    model_.quantise_matrices();
  }
  ~EmulatedAheadDeviceTest() override { EXPECT_EQ(settings().put_off, 0); }

  // A step ends when the next one is there, or at so many looks whether it has.
  void hold(int64_t looks) { __atomic_store_n(&settings().looks, looks, __ATOMIC_RELAXED); }

  std::vector<StepOutput> on_device_late(TestEngine& engine, const Script& script) {
    hold(kForever);
    return run(engine, script, [this] { hold(0); });
  }
  std::vector<StepOutput> on_processor(const Script& script, int32_t ranks = 1) {
    TestEngine engine(model_, engine_config(1, ranks, 1));
    return run(engine, script);
  }

  // What was launched before the result of the step before was read.
  int64_t ahead() { return settings().marks_ahead; }

  TestModel model_{small_spec()};
};

void expect_same(const StepOutput& actual, const StepOutput& expected) {
  EXPECT_EQ(actual.status, SB_OK);
  EXPECT_EQ(actual.tokens, expected.tokens);
  EXPECT_TRUE(ops::testing::same_bits(actual.logprobs, expected.logprobs));
  EXPECT_EQ(actual.top_tokens, expected.top_tokens);
  EXPECT_EQ(actual.top_logprobs, expected.top_logprobs);
}

void expect_same(const std::vector<StepOutput>& actual, const std::vector<StepOutput>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(actual[i], expected[i]);
  }
}

sb_sampling warm(uint64_t seed) {
  sb_sampling sampling = greedy();
  sampling.temperature = 0.9F;
  sampling.seed = seed;
  return sampling;
}

constexpr int32_t kBiased[] = {5, 9};
constexpr float kBiases[] = {-100, 2};

sb_sampling biased(uint64_t seed) {
  sb_sampling sampling = warm(seed);
  sampling.min_p = 0.05F;
  sampling.n_bias = 2;
  sampling.bias_tokens = kBiased;
  sampling.bias_values = kBiases;
  return sampling;
}

// As soon as they can be, on a device that is there.
TEST_F(DeviceTest, StepsThatArePlannedAheadGiveTheProcessorsTokens) {
  const Script script{
      40,
      {{.row = 0, .to = 40, .prompt = 5},
       {.row = 1, .from = 3, .to = 35, .sampling = warm(3), .prompt = 9},
       {.row = 2, .from = 5, .to = 12, .sampling = biased(4), .prompt = 40, .logprobs = true},
       {.row = 2, .from = 20, .to = 40, .sampling = biased(4), .prompt = 2, .top = 4}}};
  TestModel model(small_spec());
  model.quantise_matrices();
  TestEngine processor(model, engine_config());
  TestEngine device(model, on_device(engine_config(1, 1, 2)));

  expect_same(run(device, script), run(processor, script));
}

TEST_F(EmulatedAheadDeviceTest, AStepIsLaunchedBeforeTheResultOfTheOneBeforeIsRead) {
  const Script script{14,
                      {{.row = 0, .to = 14, .prompt = 5},
                       {.row = 1, .to = 14, .sampling = warm(3), .prompt = 9, .outputs = 4},
                       {.row = 2,
                        .to = 14,
                        .sampling = biased(4),
                        .prompt = 12,
                        .logprobs = true,
                        .top = 3,
                        .outputs = 5}}};
  for (const int32_t threads : {1, 3}) {
    TestEngine device(model_, on_device(engine_config(1, 1, threads)));
    device.record(false);
    settings().marks = settings().marks_ahead = 0;

    expect_same(on_device_late(device, script), on_processor(script));

    EXPECT_EQ(settings().marks, 14);
    EXPECT_EQ(ahead(), 13);
  }
}

sb_sampling penalised(uint64_t seed) {
  sb_sampling sampling = warm(seed);
  sampling.repetition_penalty = 1.2F;
  sampling.presence_penalty = 0.3F;
  sampling.frequency_penalty = 0.4F;
  return sampling;
}

// What has been sampled is sampled again, at once.
sb_sampling repeating(uint64_t seed) {
  sb_sampling sampling = warm(seed);
  sampling.frequency_penalty = -30;
  return sampling;
}

sb_sampling cut(uint64_t seed, int32_t top_k, float top_p) {
  sb_sampling sampling = warm(seed);
  sampling.top_k = top_k;
  sampling.top_p = top_p;
  return sampling;
}

// The host counts a token for a row's penalties when the next one has been launched.
TEST_F(EmulatedAheadDeviceTest, TokensThatTheHostHasNotCountedYetArePenalised) {
  sb_sampling greedy_penalised = greedy();
  greedy_penalised.repetition_penalty = 1.5F;
  const Script script{
      24,
      {{.row = 0, .to = 24, .sampling = penalised(1), .prompt = 5},
       {.row = 1, .to = 24, .sampling = repeating(2), .prompt = 3, .n_prompt = 3},
       {.row = 2, .to = 24, .sampling = greedy_penalised, .prompt = 9},
       {.row = 3, .to = 10, .sampling = repeating(3), .prompt = 2, .n_prompt = 3},
       {.row = 3, .from = 12, .to = 24, .sampling = repeating(4), .prompt = 2, .n_prompt = 3},
       {.row = 4, .to = 24, .prompt = 4}}};
  for (const int32_t threads : {1, 3}) {
    TestEngine device(model_, on_device(engine_config(1, 1, threads)));
    device.record(false);
    settings().marks_ahead = 0;

    expect_same(on_device_late(device, script), on_processor(script));

    EXPECT_EQ(ahead(), 23);
  }
}

// Of three parts of the vocabulary each keeps half, so some draws end among those left out.
TEST_F(EmulatedAheadDeviceTest, DrawsAfterTopKAndTopPAreTheDevices) {
  ModelSpec spec = small_spec();
  spec.vocab = 4500;
  model_ = TestModel(spec);
  model_.quantise_matrices();
  sb_sampling flat = cut(3, 0, 0.999F);
  flat.temperature = 50;
  const Script script{6,
                      {{.row = 0, .to = 6, .sampling = cut(1, 40, 1), .prompt = 5},
                       {.row = 1, .to = 6, .sampling = cut(2, 0, 0.9F), .prompt = 3},
                       {.row = 2, .to = 6, .sampling = flat, .prompt = 2, .top = 3}}};
  TestEngine device(model_, on_device(engine_config()));
  device.record(false);

  expect_same(on_device_late(device, script), on_processor(script));

  EXPECT_EQ(ahead(), 5);
}

// Rows come, end and begin anew; the one that ends is in a step that is planned ahead and in no
// later one.
TEST_F(EmulatedAheadDeviceTest, RowsThatTheHostHasToDrawSendAStepTheOldWay) {
  const Script script{
      26,
      {{.row = 0, .to = 26, .sampling = warm(1), .prompt = 3},
       {.row = 1, .from = 2, .to = 5, .sampling = cut(2, 5, 1), .prompt = 20, .logprobs = true},
       {.row = 1, .from = 6, .to = 10, .sampling = repeating(6), .prompt = 9, .outputs = 3},
       {.row = 2, .from = 9, .to = 26, .prompt = 4, .logprobs = true, .top = 2, .mask_in = 9},
       {.row = 5, .from = 11, .to = 13, .prompt = 70, .outputs = 66},
       {.row = 3, .from = 14, .to = 16, .sampling = cut(7, 0, 0.9F), .prompt = 2},
       {.row = 4, .from = 18, .to = 22, .sampling = biased(8), .prompt = 30},
       {.row = 1, .from = 23, .to = 25, .prompt = 2}}};
  TestEngine device(model_, on_device(engine_config(1, 1, 2)));
  device.record(false);

  expect_same(on_device_late(device, script), on_processor(script));

  // But 6, 9 and 11, and what comes behind these.
  EXPECT_EQ(settings().marks, 26 - 3);
  EXPECT_EQ(ahead(), 25 - 3 - 3);
}

// A step's first and last moment on a lane, and the sum of its kinds.
struct OnLane {
  int64_t begin = kForever;
  int64_t end = 0;
  int64_t sum = 0;
  int64_t compute = 0;
};

OnLane on_lane(const Lane& lane, uint64_t step) {
  OnLane found;
  for (const sb_timeline_record& record : lane.records) {
    const bool beside = record.kind == SB_KIND_LATE || record.kind == SB_KIND_LATE_OFF_CPU;
    if (record.step != step || beside) continue;
    found.sum += record.busy_ns;
    if (record.kind == SB_KIND_OFF_CPU) continue;
    found.begin = std::min(found.begin, record.start_ns);
    found.end = std::max(found.end, record.end_ns);
    if (record.kind == SB_KIND_COMPUTE) found.compute = record.busy_ns;
  }
  return found;
}

TEST_F(EmulatedAheadDeviceTest, StagesWaitForTheHostAndSoDoRanksThatCannotReadOneAnother) {
  const Script script{6, {{.row = 0, .to = 6, .prompt = 5}}};
  settings().devices = 2;
  for (const auto& [stages, ranks] : {std::pair{2, 1}, std::pair{1, 2}}) {
    settings().linked = stages == 2;
    TestEngine device(model_, on_device(engine_config(stages, ranks, 1)));

    expect_same(on_device_late(device, script), on_processor(script, ranks));

    EXPECT_EQ(settings().marks, 0);
  }
}

// Prompts come in between, whose kernels are launched one by one.
class EmulatedRanksAheadDeviceTest : public EmulatedAheadDeviceTest {
 protected:
  EmulatedRanksAheadDeviceTest() {
    ModelSpec spec = small_spec();
    spec.dim = 128;
    spec.n_kv_heads = 4;
    spec.head_dim = 32;
    model_ = TestModel(spec);
    model_.quantise_matrices();
  }

  // Of two ranks, on a device each, the sixth wait for which fails on one.
  std::vector<StepOutput> with_a_failure_on(int32_t rank, const Script& script) {
    settings().devices = 2;
    settings().fault_device = rank;
    settings().waits_left = 5;
    TestEngine device(model_, on_device(engine_config(1, 2, 1)));
    device.record(false);
    return on_device_late(device, script);
  }

  const Script script_{
      12,
      {{.row = 0, .to = 12, .sampling = warm(1), .prompt = 5, .logprobs = true},
       {.row = 1, .from = 4, .to = 12, .sampling = repeating(2), .prompt = 9, .logprobs = true},
       {.row = 2, .from = 8, .to = 12, .prompt = 3, .logprobs = true, .top = 2}}};
};

// On one device, and on as many as there are ranks; whichever stream goes first.
TEST_F(EmulatedRanksAheadDeviceTest, AStepOfAllRanksIsLaunchedBehindTheOneBefore) {
  for (const int32_t ranks : {2, 4}) {
    const std::vector<StepOutput> expected = on_processor(script_, ranks);
    for (int32_t first = 0; first < ranks; ++first) {
      settings().devices = first == 0 ? 1 : ranks;
      settings().first_stream = first;
      settings().marks = settings().marks_ahead = 0;
      TestEngine device(model_, on_device(engine_config(1, ranks, 2)));
      device.record(false);

      expect_same(on_device_late(device, script_), expected);

      EXPECT_EQ(settings().marks, 12 * ranks);
      EXPECT_EQ(ahead(), 11 * ranks);
    }
  }
}

// Without any single one something is read before it is there, if the stream that should wait goes
// first.
TEST_F(EmulatedRanksAheadDeviceTest, EveryWaitOfAStreamForAnotherIsNeeded) {
  const std::vector<StepOutput> expected = on_processor(script_, 2);
  settings().devices = 2;
  const auto told = [](const std::vector<StepOutput>& outputs) {
    std::vector<std::pair<std::vector<int32_t>, std::vector<float>>> all;
    for (const StepOutput& output : outputs) all.emplace_back(output.tokens, output.logprobs);
    return all;
  };
  const auto told_with = [&](int64_t left_out, int32_t first) {
    settings().left_out = left_out;
    settings().first_stream = first;
    settings().follows = 0;
    TestEngine device(model_, on_device(engine_config(1, 2, 1)));
    device.record(false);
    return told(on_device_late(device, script_));
  };
  const auto right = told(expected);
  ASSERT_EQ(told_with(-1, 0), right);
  const int64_t all = settings().follows;
  ASSERT_GT(all, 0);

  for (int64_t left_out = 0; left_out < all; ++left_out) {
    EXPECT_TRUE(told_with(left_out, 0) != right || told_with(left_out, 1) != right)
        << left_out << " of " << all;
  }
  settings().left_out = -1;
}

TEST_F(EmulatedRanksAheadDeviceTest, TheRankWhoseDeviceFailsIsNamed) {
  for (const int32_t rank : {0, 1}) {
    const std::vector<StepOutput> actual = with_a_failure_on(rank, script_);

    ASSERT_EQ(actual.size(), 6U);
    EXPECT_EQ(actual[4].status, SB_OK);
    EXPECT_EQ(actual[5].status, SB_DEVICE_LOST);
    EXPECT_EQ(actual[5].failed_rank, rank);
  }
}

TEST_F(EmulatedRanksAheadDeviceTest, MemoryThatRunsOutOnOneRankFailsItsStepAndWhatNeedsItsTokens) {
  const Script script{12,
                      {{.row = 0, .to = 7, .prompt = 5},
                       {.row = 2, .from = 7, .to = 12, .prompt = 2},
                       {.row = 0, .from = 8, .to = 12, .sampling = warm(3), .prompt = 7}}};
  const std::vector<StepOutput> expected = on_processor(script, 2);
  settings().fault = cuda::kErrorMemory;
  for (const int32_t rank : {0, 1}) {
    const std::vector<StepOutput> actual = with_a_failure_on(rank, script);

    ASSERT_EQ(actual.size(), expected.size());
    for (size_t step = 0; step < actual.size(); ++step) {
      SCOPED_TRACE(step);
      if (step == 5 || step == 6) {
        EXPECT_EQ(actual[step].status, SB_OUT_OF_MEMORY);
        EXPECT_EQ(actual[step].failed_rank, rank);
      } else {
        expect_same(actual[step], expected[step]);
      }
    }
  }
}

TEST_F(EmulatedRanksAheadDeviceTest, KindsShareOutTheTimeOfEachRank) {
  settings().devices = 2;
  TestEngine device(model_, on_device(engine_config(1, 2, 1)));

  const std::vector<StepOutput> outputs = on_device_late(device, script_);

  for (uint32_t rank = 0; rank < 2; ++rank) {
    const Lane lane = read_lane(device, rank);
    int64_t compute = 0;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const OnLane step = on_lane(lane, outputs[i].step);
      EXPECT_EQ(step.sum, step.end - step.begin) << i;
      EXPECT_LE(step.end, outputs[i].end_ns) << i;
      const sb_timeline_record* wait = find(lane, outputs[i].step, SB_KIND_ALLREDUCE_WAIT);
      ASSERT_NE(wait, nullptr);
      // Two layers' meetings, the end of the last device, and the one behind the tokens.
      EXPECT_EQ(wait->count, 2U * 2 + 1 + 1) << i;
      compute += step.compute;
    }
    EXPECT_GT(compute, 0);
  }
  EXPECT_GT(ahead(), 0);
}

// A shape's launches are the same wherever its tokens come from.
TEST_F(EmulatedAheadDeviceTest, AGraphIsRepeatedWithTokensOfTheHostAndOfTheDevice) {
  const Script script{8, {{.row = 0, .to = 8, .prompt = 2}}};
  TestEngine processor(model_, engine_config());
  TestEngine device(model_, on_device(engine_config()));
  device.record(false);
  expect_same(on_device_late(device, script), run(processor, script));
  EXPECT_EQ(settings().recordings, 1);
  EXPECT_EQ(settings().replays, 6);

  for (int32_t position = 9; position < 12; ++position) {
    const Piece known{0, position, {4 * position}, {SB_TARGET_SAMPLE}, 0};
    expect_same(device.run({known}), processor.run({known}));
  }

  EXPECT_EQ(settings().recordings, 1);
  EXPECT_EQ(settings().replays, 9);
}

// Two streams of which the second takes up the row when the first has failed in step 5; what was
// planned behind that fails as it did.
class EmulatedFailureAheadDeviceTest : public EmulatedAheadDeviceTest {
 protected:
  static constexpr int32_t kFails = 5;

  EmulatedFailureAheadDeviceTest() { config_.allow_fault_injection = 1; }

  void expect_failure(int32_t status) {
    const std::vector<StepOutput> expected = on_processor(script_);
    TestEngine device(model_, on_device(config_));
    device.record(false);
    if (fault_) {
      ASSERT_EQ(sb_inject(device.handle(), &*fault_), SB_OK) << sb_last_error();
    }
    const std::vector<StepOutput> actual = on_device_late(device, script_);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t step = 0; step < actual.size(); ++step) {
      SCOPED_TRACE(step);
      if (step == kFails || step == kFails + 1) {
        EXPECT_EQ(actual[step].status, status);
        EXPECT_EQ(actual[step].failed_stage, 0);
        EXPECT_TRUE(actual[step].tokens.empty());
      } else {
        expect_same(actual[step], expected[step]);
      }
    }
  }

  sb_engine_config config_ = engine_config();
  std::optional<sb_fault> fault_;
  Script script_{
      14,
      {{.row = 0, .to = kFails + 2, .prompt = 5},
       {.row = 1, .to = kFails + 2, .sampling = warm(2), .prompt = 3},
       {.row = 0, .from = 8, .to = 14, .sampling = counting(), .prompt = 7, .n_prompt = 3},
       {.row = 2, .from = 7, .to = 14, .prompt = 2}}};

 private:
  // What was sampled before in the row is sampled again; of the row that failed nothing was.
  static sb_sampling counting() {
    sb_sampling sampling = greedy();
    sampling.presence_penalty = -40;
    return sampling;
  }
};

TEST_F(EmulatedFailureAheadDeviceTest, AnInjectedFailureIsOfItsStepAndOfWhatNeedsItsTokens) {
  fault_ = sb_fault{sizeof(sb_fault), SB_FAULT_FAIL, 0, 0, kFails + 1, 1, 0};

  expect_failure(SB_STEP_FAILED);

  // The failed one is begun when the one before is done, and the one behind it is not computed.
  EXPECT_EQ(settings().marks, 14 - 2);
  EXPECT_EQ(ahead(), 13 - 3);
}

TEST_F(EmulatedFailureAheadDeviceTest, ALaunchThatFailsIsNotTheFailureOfTheStepBefore) {
  settings().marks_left = kFails;

  expect_failure(SB_OUT_OF_MEMORY);

  EXPECT_GE(ahead(), kFails);
}

TEST_F(EmulatedFailureAheadDeviceTest, AFailureThatIsSeenAtTheEndFailsTheStepThatIsOnItsWay) {
  settings().waits_left = kFails;
  settings().fault = cuda::kErrorMemory;

  expect_failure(SB_OUT_OF_MEMORY);

  // But what comes behind the second one that failed.
  EXPECT_EQ(ahead(), 13 - 1);
}

// One row alone is decoded for the second time.
TEST_F(EmulatedFailureAheadDeviceTest, WhatCannotBeRecordedFailsItsStepAndWhatNeedsItsTokens) {
  script_ = {14,
             {{.row = 0, .to = kFails + 2, .prompt = 2},
              {.row = 1, .from = 1, .to = 2, .prompt = 2},
              {.row = 2, .from = 2, .to = 4, .prompt = 3},
              {.row = 2, .from = 7, .to = 14, .prompt = 2},
              {.row = 0, .from = 8, .to = 14, .sampling = warm(3), .prompt = 7}}};

  for (const auto& [error, status] : {std::pair{cuda::kErrorMemory, SB_OUT_OF_MEMORY},
                                      std::pair{cuda::kErrorRecording, SB_STEP_FAILED}}) {
    SCOPED_TRACE(error);
    settings().record_error = error;
    expect_failure(status);
  }
}

// What of the step was launched is done with what it brought along, though the host uses that
// memory for the next step but one. Read as the failed step's numbers, the positions of that one,
// 0 to 2 and 0 to 8, say that the first sequence's key goes to block 4, where the paused row has
// some. The step between begins when the failed one is over, and that one is launched behind it.
TEST_F(EmulatedFailureAheadDeviceTest, WhatFailedReadsNothingOfALaterStep) {
  settings().marks_left = kFails;
  const Script script{12,
                      {{.row = 7, .to = kFails + 1, .prompt = 5},
                       {.row = 1, .from = kFails + 2, .to = 12, .prompt = 3},
                       {.row = 2, .from = kFails + 2, .to = 12, .prompt = 9},
                       {.row = 0, .to = 12, .prompt = 70, .logprobs = true, .pause = kFails}}};
  TestEngine device(model_, on_device(config_));
  device.record(false);
  const sb_fault slow{sizeof(sb_fault), SB_FAULT_SLOW, 0, 0, kFails + 2, 1, 1};
  ASSERT_EQ(sb_inject(device.handle(), &slow), SB_OK);

  const std::vector<StepOutput> actual = on_device_late(device, script);

  const std::vector<StepOutput> expected = on_processor(script);
  EXPECT_EQ(actual.at(kFails).status, SB_OUT_OF_MEMORY);
  for (size_t step = kFails + 1; step < 12; ++step) {
    SCOPED_TRACE(step);
    expect_same(actual.at(step), expected.at(step));
  }
}

TEST_F(EmulatedFailureAheadDeviceTest, AStepThatIsSlowedDownIsNotLaunchedAhead) {
  TestEngine device(model_, on_device(config_));
  const sb_fault slow{sizeof(sb_fault), SB_FAULT_SLOW, 0, 0, kFails + 1, 1, 2000};
  ASSERT_EQ(sb_inject(device.handle(), &slow), SB_OK);
  const Script script{10, {{.row = 0, .to = 10, .prompt = 2}}};

  const std::vector<StepOutput> outputs = on_device_late(device, script);

  const Lane lane = read_lane(device, 0);
  int64_t least = kForever;
  for (const StepOutput& output : outputs) {
    const OnLane step = on_lane(lane, output.step);
    if (step.compute > 0) least = std::min(least, step.compute);
  }
  EXPECT_GT(on_lane(lane, kFails + 1).compute, 5 * least);
  EXPECT_LE(ahead(), 9 - 1);
}

TEST_F(EmulatedFailureAheadDeviceTest, AFaultOfTheDeviceLosesTheStepThatItWasIn) {
  settings().waits_left = kFails;
  TestEngine device(model_, on_device(config_));
  device.record(false);

  const std::vector<StepOutput> actual = on_device_late(device, script_);

  ASSERT_EQ(actual.size(), kFails + 1U);
  EXPECT_EQ(actual[kFails - 1].status, SB_OK);
  EXPECT_EQ(actual[kFails].status, SB_DEVICE_LOST);
  EXPECT_EQ(actual[kFails].failed_rank, 0);
  EXPECT_EQ(ahead(), kFails + 1);
  EXPECT_EQ(device.try_submit(script_.pieces(small_spec(), 7)), SB_DEVICE_LOST);
}

TEST_F(EmulatedFailureAheadDeviceTest, AHangIsOfItsStepAndNotOfTheOneBefore) {
  config_.hang_timeout_ms = 1000;
  TestEngine device(model_, on_device(config_));
  device.record(false);
  const sb_fault hang{sizeof(sb_fault), SB_FAULT_HANG, 0, 0, kFails + 1, 0, 0};
  ASSERT_EQ(sb_inject(device.handle(), &hang), SB_OK);

  const std::vector<StepOutput> actual = on_device_late(device, script_);

  ASSERT_EQ(actual.size(), kFails + 1U);
  EXPECT_EQ(actual[kFails - 1].status, SB_OK);
  EXPECT_EQ(actual[kFails].status, SB_HUNG);
  EXPECT_EQ(actual[kFails].failed_rank, 0);
}

// A device that never ends what it was given, while the next step waits behind it.
TEST_F(EmulatedFailureAheadDeviceTest, ADeviceThatDoesNotEndHangs) {
  config_.hang_timeout_ms = 1000;
  TestEngine device(model_, on_device(config_));
  device.record(false);
  submit(device, script_, 0);

  StepOutput output;
  EXPECT_EQ(device.try_await(output), SB_HUNG);

  EXPECT_EQ(output.failed_stage, 0);
  EXPECT_EQ(output.failed_rank, 0);
}

TEST_F(EmulatedAheadDeviceTest, AnEngineEndsWithStepsOnTheirWay) {
  const Script script{2, {{.row = 0, .to = 2, .prompt = 5}}};
  {
    TestEngine device(model_, on_device(engine_config()));
    submit(device, script, 0);
    while (__atomic_load_n(&settings().marks, __ATOMIC_RELAXED) < 1) std::this_thread::yield();
  }
  EXPECT_EQ(settings().put_off, 0);
}

TEST_F(EmulatedAheadDeviceTest, KindsShareOutTheLanesTimeFromStepToStep) {
  const Script script{10, {{.row = 0, .to = 10, .prompt = 5, .logprobs = true}}};
  TestEngine device(model_, on_device(engine_config()));

  const std::vector<StepOutput> outputs = on_device_late(device, script);

  const Lane lane = read_lane(device, 0);
  int64_t follow = 0;
  int64_t compute = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const OnLane step = on_lane(lane, outputs[i].step);
    EXPECT_EQ(step.sum, step.end - step.begin) << i;
    EXPECT_GE(step.begin, outputs[i].submit_ns) << i;
    EXPECT_LE(step.end, outputs[i].end_ns) << i;
    EXPECT_NE(find(lane, outputs[i].step, SB_KIND_SAMPLE), nullptr) << i;
    compute += step.compute;
    const sb_timeline_record* off = find(lane, outputs[i].step, SB_KIND_OFF_CPU);
    if (off != nullptr) compute += off->busy_ns;
    if (i == 0) continue;
    EXPECT_GE(outputs[i].start_ns, outputs[i - 1].end_ns) << i;
    const int64_t before = on_lane(lane, outputs[i - 1].step).end;
    EXPECT_GE(step.begin, before) << i;
    follow += step.begin == before ? 1 : 0;
  }
  EXPECT_GT(compute, 0);
  EXPECT_GT(ahead(), 0);
  EXPECT_EQ(follow, ahead());
}

// For the next step the thread waits while the device works.
TEST_F(EmulatedAheadDeviceTest, ToWaitForTheNextStepIsNotToLackACore) {
  const Script script{6, {{.row = 0, .to = 6, .prompt = 5}}};
  TestEngine device(model_, on_device(engine_config()));
  submit(device, script, 0);
  for (int32_t step = 1; step < 6; ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
    submit(device, script, step);
    EXPECT_EQ(device.await().status, SB_OK);
  }
  hold(0);
  EXPECT_EQ(device.await().status, SB_OK);

  const Lane lane = read_lane(device, 0);
  int64_t compute = 0;
  for (uint64_t step = 1; step <= 5; ++step) compute += on_lane(lane, step).compute;
  EXPECT_GT(compute, 0);
}

// Two clocks drift apart; a step that begins when the host asks for it bounds by how much.
TEST_F(EmulatedAheadDeviceTest, OnceInASecondAMeasuredStepBeginsWhenTheHostAsksForIt) {
  const Script script{4, {{.row = 0, .to = 4, .prompt = 5}}};
  for (const bool measured : {true, false}) {
    TestEngine device(model_, on_device(engine_config()));
    device.record(measured);
    settings().marks_ahead = 0;
    submit(device, script, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    submit(device, script, 1);
    EXPECT_EQ(device.await().status, SB_OK);
    submit(device, script, 2);
    EXPECT_EQ(device.await().status, SB_OK);

    EXPECT_EQ(ahead(), measured ? 1 : 2);
    hold(0);
    EXPECT_EQ(device.await().status, SB_OK);
    hold(kForever);
  }
}

}  // namespace
}  // namespace sb::testing
