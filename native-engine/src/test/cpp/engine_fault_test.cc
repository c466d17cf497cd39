// Injected faults, hangs, and what the timeline tells of a step.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "engine_testing.h"

namespace sb::testing {
namespace {

constexpr int64_t kMs = 1'000'000;

class FaultTest : public ::testing::Test {
 protected:
  static sb_engine_config config(int32_t stages, int32_t ranks) {
    sb_engine_config config = engine_config(stages, ranks, 1);
    config.allow_fault_injection = 1;
    return config;
  }

  static sb_fault fault(sb_fault_kind kind, int32_t stage, int32_t rank, uint64_t steps = 1,
                        int64_t amount = 0) {
    return {sizeof(sb_fault), kind, stage, rank, 0, steps, amount};
  }

  static void inject(TestEngine& engine, const sb_fault& fault) {
    ASSERT_EQ(sb_inject(engine.handle(), &fault), SB_OK) << sb_last_error();
  }

  static Piece one_token(int32_t row, int32_t position = 0, int32_t token = 1) {
    return {row, position, {token}, {SB_TARGET_SAMPLE}, 0};
  }

  const TestModel model_{ModelSpec{}};
};

TEST_F(FaultTest, InjectionMustBeAllowed) {
  TestEngine engine(model_, engine_config());
  const sb_fault fail = fault(SB_FAULT_FAIL, -1, -1);

  EXPECT_EQ(sb_inject(engine.handle(), &fail), SB_UNSUPPORTED);
}

TEST_F(FaultTest, FieldsAreChecked) {
  TestEngine engine(model_, config(2, 2));
  const auto refused = [&](const sb_fault& wrong) {
    EXPECT_EQ(sb_inject(engine.handle(), &wrong), SB_INVALID_ARGUMENT);
    return std::string(sb_last_error());
  };

  EXPECT_EQ(refused(fault(static_cast<sb_fault_kind>(6), 0, 0)), "sb_inject: kind: 6 is not known");
  EXPECT_EQ(refused(fault(SB_FAULT_FAIL, 2, 0)), "sb_inject: stage: 2 is not in -1 .. 1");
  EXPECT_EQ(refused(fault(SB_FAULT_FAIL, 0, -2)), "sb_inject: rank: -2 is not in -1 .. 1");
  EXPECT_EQ(refused(fault(SB_FAULT_DELAY, 0, 0, 1, -1)),
            "sb_inject: amount: -1 is not in 0 .. 3600000000000");
}

TEST_F(FaultTest, AFailedStepNamesItsRankAndTheEngineGoesOn) {
  TestEngine engine(model_, config(2, 2));
  TestEngine healthy(model_, config(2, 2));
  engine.begin(0);
  healthy.begin(0);
  inject(engine, fault(SB_FAULT_FAIL, 1, 1));

  const StepOutput failed = engine.run({one_token(0)});
  const StepOutput after = engine.run({one_token(0)});

  EXPECT_EQ(failed.status, SB_STEP_FAILED);
  EXPECT_EQ(failed.failed_stage, 1);
  EXPECT_EQ(failed.failed_rank, 1);
  EXPECT_TRUE(failed.tokens.empty());
  EXPECT_EQ(after.status, SB_OK);
  EXPECT_EQ(after.failed_stage, -1);
  EXPECT_EQ(after.logprobs, healthy.run({one_token(0)}).logprobs);
}

TEST_F(FaultTest, OutOfMemoryIsItsOwnStatus) {
  TestEngine engine(model_, config(1, 2));
  engine.begin(0);
  inject(engine, fault(SB_FAULT_OUT_OF_MEMORY, -1, -1));

  const StepOutput failed = engine.run({one_token(0)});

  EXPECT_EQ(failed.status, SB_OUT_OF_MEMORY);
  EXPECT_EQ(failed.failed_stage, 0);
  EXPECT_EQ(failed.failed_rank, 0);
}

TEST_F(FaultTest, AStepThatNeedsAFailedStepsTokenFailsWithIt) {
  TestEngine engine(model_, config(2, 1));
  engine.begin(0);
  inject(engine, fault(SB_FAULT_FAIL, 1, 0));

  engine.submit({one_token(0)});
  engine.submit({one_token(0, 1, SB_TOKEN_LAST_SAMPLED)});
  engine.submit({one_token(0, 2, SB_TOKEN_LAST_SAMPLED)});
  const StepOutput first = engine.await();
  const StepOutput second = engine.await();
  const StepOutput third = engine.await();
  engine.begin(0);
  const StepOutput again = engine.run({one_token(0)});
  const StepOutput next = engine.run({one_token(0, 1, SB_TOKEN_LAST_SAMPLED)});

  for (const StepOutput& failed : {first, second, third}) {
    EXPECT_EQ(failed.status, SB_STEP_FAILED);
    EXPECT_EQ(failed.failed_stage, 1);
  }
  EXPECT_EQ(again.status, SB_OK);
  EXPECT_EQ(next.status, SB_OK);
}

TEST_F(FaultTest, AWindowOfStepsFailsThoseOnly) {
  TestEngine engine(model_, config(1, 1));
  engine.begin(0);
  sb_fault window = fault(SB_FAULT_FAIL, 0, 0, 2);
  window.first_step = 3;
  inject(engine, window);

  std::vector<int32_t> statuses;
  for (int i = 0; i < 6; ++i) statuses.push_back(engine.run({one_token(0)}).status);

  EXPECT_EQ(statuses,
            (std::vector<int32_t>{SB_OK, SB_OK, SB_STEP_FAILED, SB_STEP_FAILED, SB_OK, SB_OK}));
}

TEST_F(FaultTest, NoneClearsALane) {
  TestEngine engine(model_, config(1, 1));
  engine.begin(0);
  inject(engine, fault(SB_FAULT_FAIL, -1, -1, 0));
  EXPECT_EQ(engine.run({one_token(0)}).status, SB_STEP_FAILED);

  inject(engine, fault(SB_FAULT_NONE, 0, 0));

  EXPECT_EQ(engine.run({one_token(0)}).status, SB_OK);
}

TEST_F(FaultTest, ADelayedRankShowsAsComputeThereAndAsWaitingElsewhere) {
  TestEngine engine(model_, config(1, 2));
  engine.begin(0);
  inject(engine, fault(SB_FAULT_DELAY, 0, 1, 1, 30 * kMs));

  const StepOutput output = engine.run({one_token(0)});

  const Lane lane0 = read_lane(engine, 0);
  const Lane lane1 = read_lane(engine, 1);
  EXPECT_EQ(output.status, SB_OK);
  EXPECT_GE(output.end_ns - output.submit_ns, 30 * kMs);
  EXPECT_GE(find(lane1, 1, SB_KIND_COMPUTE)->longest_ns, 30 * kMs);
  EXPECT_GE(find(lane0, 1, SB_KIND_ALLREDUCE_WAIT)->busy_ns, 20 * kMs);
  EXPECT_LT(find(lane0, 1, SB_KIND_COMPUTE)->busy_ns, find(lane1, 1, SB_KIND_COMPUTE)->busy_ns);
}

TEST_F(FaultTest, ADelayedRankIsChargedWithTheCollectiveItWasLateFor) {
  TestEngine engine(model_, config(1, 2));
  engine.begin(0);
  inject(engine, fault(SB_FAULT_DELAY, 0, 1, 1, 30 * kMs));

  static_cast<void>(engine.run({one_token(0)}));

  const Lane lane = read_lane(engine, 1);
  const sb_timeline_record* late = find(lane, 1, SB_KIND_LATE);
  ASSERT_NE(late, nullptr);
  EXPECT_GE(late->longest_ns, 20 * kMs);
  EXPECT_EQ(late->piece, SB_COLLECTIVE_START);
}

TEST_F(FaultTest, ASlowedRankIsChargedForEachCollectiveAndTheOtherWaits) {
  TestEngine engine(model_, config(2, 2));
  engine.begin(0);
  const Piece prompt{0, 0, some_tokens(model_.spec(), 100), {SB_TARGET_SAMPLE}, 0};
  inject(engine, fault(SB_FAULT_SLOW, 1, 0, 1, 100'000));

  static_cast<void>(engine.run({prompt}));

  const Lane slow = read_lane(engine, 2);
  const Lane quick = read_lane(engine, 3);
  const sb_timeline_record* late = find(slow, 1, SB_KIND_LATE);
  const sb_timeline_record* waited = find(quick, 1, SB_KIND_ALLREDUCE_WAIT);
  const sb_timeline_record* other = find(quick, 1, SB_KIND_LATE);
  ASSERT_NE(late, nullptr);
  EXPECT_GE(late->count, 4U);
  EXPECT_GE(waited->busy_ns, late->busy_ns);
  EXPECT_GE(waited->longest_ns, late->longest_ns);
  EXPECT_GT(late->busy_ns, other == nullptr ? 0 : other->busy_ns);
  // The second stage has the last two of four layers; logits are of none.
  const int32_t layer = late->piece / 4;
  EXPECT_NE(late->piece % 4, SB_COLLECTIVE_START);
  EXPECT_TRUE(late->piece == SB_COLLECTIVE_OUTPUT || layer == 2 || layer == 3) << late->piece;
}

TEST_F(FaultTest, ASlowedRankComputesLonger) {
  TestEngine engine(model_, config(1, 1));
  engine.begin(0);
  const Piece prompt{0, 0, some_tokens(model_.spec(), 100), {SB_TARGET_SAMPLE}, 0};
  for (int i = 0; i < 3; ++i) static_cast<void>(engine.run({prompt}));
  inject(engine, fault(SB_FAULT_SLOW, 0, 0, 1, 2000));

  static_cast<void>(engine.run({prompt}));

  const Lane lane = read_lane(engine, 0);
  int64_t before = INT64_MAX;
  for (const uint64_t step : {1U, 2U, 3U}) {
    before = std::min(before, find(lane, step, SB_KIND_COMPUTE)->busy_ns);
  }
  EXPECT_GT(find(lane, 4, SB_KIND_COMPUTE)->busy_ns, before * 2);
}

TEST_F(FaultTest, AHungRankIsFoundNamedAndStopped) {
  sb_engine_config hanging = config(2, 2);
  hanging.hang_timeout_ms = 300;
  TestEngine engine(model_, hanging);
  engine.begin(0);
  inject(engine, fault(SB_FAULT_HANG, 1, 0));
  engine.submit({one_token(0)});
  StepOutput output;

  EXPECT_EQ(engine.try_await(output, 1 * kMs), SB_TIMEOUT);
  EXPECT_EQ(engine.try_await(output), SB_HUNG);
  const std::string text = sb_last_error();

  EXPECT_NE(text.find("stage 1 rank 0"), std::string::npos) << text;
  EXPECT_EQ(output.status, SB_HUNG);
  EXPECT_EQ(output.failed_stage, 1);
  EXPECT_EQ(output.failed_rank, 0);
  EXPECT_EQ(output.step, 1U);
  EXPECT_EQ(engine.try_submit({one_token(0)}), SB_HUNG);
  StepOutput again;
  EXPECT_EQ(engine.try_await(again), SB_HUNG);
  EXPECT_EQ(again.status, SB_HUNG);
  EXPECT_EQ(again.failed_stage, 1);
  EXPECT_EQ(again.failed_rank, 0);
  EXPECT_EQ(again.step, 1U);
  EXPECT_EQ(read_lane(engine, 2).header.current_step, 1U);
  EXPECT_EQ(read_lane(engine, 0).header.finished_step, 1U);
}

TEST_F(FaultTest, AHangEndsWhenItsFaultIsCleared) {
  TestEngine engine(model_, config(1, 2));
  engine.begin(0);
  inject(engine, fault(SB_FAULT_HANG, 0, 1, 0));
  engine.submit({one_token(0)});
  StepOutput output;
  EXPECT_EQ(engine.try_await(output, 5 * kMs), SB_TIMEOUT);

  inject(engine, fault(SB_FAULT_NONE, -1, -1));

  EXPECT_EQ(engine.await().status, SB_OK);
}

TEST_F(FaultTest, DestroyStopsHungAndSleepingRanks) {
  for (const sb_fault_kind kind : {SB_FAULT_HANG, SB_FAULT_DELAY}) {
    TestEngine engine(model_, config(2, 2));
    engine.begin(0);
    inject(engine, fault(kind, 1, -1, 0, 1000 * 1000 * kMs));
    engine.submit({one_token(0)});
  }
}

TEST_F(FaultTest, TheTimelineTellsEachStepOfEachLane) {
  TestEngine engine(model_, engine_config(2, 2, 1));
  engine.begin(0);
  const StepOutput first =
      engine.run({{0, 0, some_tokens(model_.spec(), 20), {SB_TARGET_SAMPLE}, 0}});
  const StepOutput second = engine.run({one_token(0, 20)});

  for (uint32_t index = 0; index < 4; ++index) {
    const Lane lane = read_lane(engine, index);
    EXPECT_EQ(lane.header.finished_step, 2U);
    EXPECT_EQ(lane.header.current_step, 0U);
    EXPECT_GE(lane.header.finished_ns, second.start_ns);
    for (const sb_timeline_record& record : lane.records) {
      const StepOutput& step = record.step == 1 ? first : second;
      EXPECT_EQ(record.stage, index / 2);
      EXPECT_EQ(record.rank, index % 2);
      EXPECT_EQ(record.tokens, record.step == 1 ? 20U : 1U);
      EXPECT_GE(record.start_ns, step.submit_ns);
      EXPECT_LE(record.end_ns, step.end_ns);
      // What a rank had no core for is a sum without a place, and is in no piece's busy time.
      if (record.kind == SB_KIND_OFF_CPU || record.kind == SB_KIND_LATE_OFF_CPU) {
        EXPECT_LE(record.longest_ns, record.busy_ns);
      } else {
        EXPECT_LE(record.busy_ns, record.end_ns - record.start_ns);
        EXPECT_LE(record.longest_ns, record.end_ns - record.start_ns);
      }
      EXPECT_GE(record.count, 1U);
    }
    for (const uint64_t step : {1U, 2U}) {
      const sb_timeline_record* compute = find(lane, step, SB_KIND_COMPUTE);
      ASSERT_NE(compute, nullptr);
      EXPECT_GT(compute->bytes, 0U);
      EXPECT_NE(find(lane, step, SB_KIND_ALLREDUCE_WAIT), nullptr);
      EXPECT_EQ(find(lane, step, SB_KIND_RECV_WAIT) != nullptr, index >= 2);
      EXPECT_EQ(find(lane, step, SB_KIND_SEND) != nullptr, index == 0);
      EXPECT_EQ(find(lane, step, SB_KIND_SAMPLE) != nullptr, index == 2);
    }
  }
  EXPECT_EQ(find(read_lane(engine, 0), 1, SB_KIND_SEND)->bytes, 20U * 64 * sizeof(float));
  EXPECT_LE(first.submit_ns, first.start_ns);
  EXPECT_LE(first.start_ns, first.end_ns);
}

uint64_t bytes_of_a_token_after(const ModelSpec& spec, int32_t tokens) {
  const TestModel model(spec);
  TestEngine engine(model, engine_config());
  engine.begin(0);
  const auto prompt = some_tokens(spec, static_cast<size_t>(tokens));
  static_cast<void>(engine.run({{0, 0, prompt, {}, 0}}));
  static_cast<void>(engine.run({{0, tokens, {1}, {SB_TARGET_SAMPLE}, 0}}));
  return find(read_lane(engine, 0), 2, SB_KIND_COMPUTE)->bytes;
}

TEST_F(FaultTest, LayersWithAWindowAreChargedForWhatTheyRead) {
  ModelSpec windowed;
  windowed.window = 10;

  const uint64_t all = bytes_of_a_token_after(ModelSpec{}, 40);
  const uint64_t some = bytes_of_a_token_after(windowed, 40);

  // Three of four layers read 10 of 41 positions: keys and values of two heads of 16 halves.
  EXPECT_EQ(all - some, 3U * 31 * (2 * 2 * 16 * 2));
}

TEST_F(FaultTest, AStepsKindsAreOneRecordEachAndPartitionItsTime) {
  TestEngine engine(model_, engine_config(1, 2, 1));
  engine.begin(0);
  static_cast<void>(engine.run({one_token(0)}));

  for (uint32_t index = 0; index < 2; ++index) {
    const Lane lane = read_lane(engine, index);
    std::map<uint16_t, int> kinds;
    int64_t start = INT64_MAX;
    int64_t end = 0;
    int64_t busy = 0;
    for (const sb_timeline_record& record : lane.records) {
      ++kinds[record.kind];
      // The other's time.
      if (record.kind == SB_KIND_LATE || record.kind == SB_KIND_LATE_OFF_CPU) continue;
      start = std::min(start, record.start_ns);
      end = std::max(end, record.end_ns);
      busy += record.busy_ns;
    }
    for (const auto& [kind, count] : kinds) EXPECT_EQ(count, 1) << kind;
    EXPECT_EQ(busy, end - start);
  }
}

TEST_F(FaultTest, WithoutARingRanksStillTellThatTheyLive) {
  sb_engine_config bare = engine_config();
  bare.timeline_records = 0;
  TestEngine engine(model_, bare);
  engine.begin(0);
  for (int i = 0; i < 10; ++i) static_cast<void>(engine.run({one_token(0)}));

  const Lane lane = read_lane(engine, 0);

  EXPECT_EQ(lane.header.written, 0U);
  EXPECT_TRUE(lane.records.empty());
  EXPECT_EQ(lane.header.finished_step, 10U);
}

TEST_F(FaultTest, OnlyStepsThatAreToBeRecordedAreToldOf) {
  TestEngine engine(model_, engine_config(2, 2, 1));
  engine.begin(0);
  for (int i = 0; i < 6; ++i) {
    engine.record(i % 2 == 0);
    static_cast<void>(engine.run({one_token(0)}));
  }

  for (uint32_t index = 0; index < 4; ++index) {
    const Lane lane = read_lane(engine, index);
    for (uint64_t step = 1; step <= 6; ++step) {
      EXPECT_EQ(find(lane, step, SB_KIND_COMPUTE) != nullptr, step % 2 == 1) << step;
      if (step % 2 == 1) continue;
      for (const sb_timeline_record& record : lane.records) EXPECT_NE(record.step, step);
    }
    EXPECT_EQ(lane.header.finished_step, 6U);
  }
}

TEST_F(FaultTest, AnUnrecordedStepSlowsDownAllTheSame) {
  TestEngine engine(model_, config(1, 1));
  engine.begin(0);
  engine.record(false);
  const Piece prompt{0, 0, some_tokens(model_.spec(), 100), {SB_TARGET_SAMPLE}, 0};
  int64_t before = INT64_MAX;
  for (int i = 0; i < 3; ++i) {
    const StepOutput step = engine.run({prompt});
    before = std::min(before, step.end_ns - step.start_ns);
  }
  inject(engine, fault(SB_FAULT_SLOW, 0, 0, 0, 2000));

  const StepOutput slow = engine.run({prompt});

  EXPECT_GT(slow.end_ns - slow.start_ns, before * 2);
  EXPECT_TRUE(read_lane(engine, 0).records.empty());
}

TEST_F(FaultTest, TheRingKeepsTheLatestRecords) {
  sb_engine_config small = engine_config();
  small.timeline_records = 4;
  TestEngine engine(model_, small);
  engine.begin(0);
  for (int i = 0; i < 10; ++i) static_cast<void>(engine.run({one_token(0)}));

  const Lane lane = read_lane(engine, 0);

  // Two of each step, and one more of a step in which the rank lost its core.
  EXPECT_GE(lane.header.written, 20U);
  EXPECT_LE(lane.header.written, 30U);
  ASSERT_EQ(lane.records.size(), 4U);
  EXPECT_EQ(lane.records.front().step, 9U);
  EXPECT_EQ(lane.records.back().step, 10U);
}

}  // namespace
}  // namespace sb::testing
