// Which of a step's laps is charged with what a rank had no core for.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "engine/timeline.h"

namespace sb::engine {
namespace {

// How long each kind was, in a step of a lane of its own.
[[nodiscard]] std::map<Kind, std::int64_t> written(const StepClock& clock) {
  std::array<TimelineRecord, kKinds> records{};
  LaneHeader header{};
  Lane lane(&header, records);
  clock.write(lane, 1, 0, 0, 1);
  std::map<Kind, std::int64_t> busy;
  for (std::size_t i = 0; i < header.written; ++i) {
    busy[static_cast<Kind>(records[i].kind)] = records[i].busy_ns;
  }
  return busy;
}

using Times = std::map<Kind, std::int64_t>;

// Computes for 100, samples for 50 and then needs so long to end the step.
[[nodiscard]] StepClock sampled(std::int64_t last_ns) {
  StepClock clock;
  clock.start(0, true);
  clock.lap(Kind::kCompute, 100);
  clock.lap(Kind::kSample, 150);
  clock.lap(Kind::kCompute, 150 + last_ns);
  return clock;
}

TEST(StepClock, WhatIsLostBehindSamplingIsNoneOfIt) {
  StepClock clock = sampled(4000);

  clock.off_cpu_after_sampling(3990, 4000);

  EXPECT_EQ(written(clock),
            (Times{{Kind::kCompute, 110}, {Kind::kSample, 50}, {Kind::kOffCpu, 3990}}));
}

TEST(StepClock, WhatIsLostInSamplingIsNotComputing) {
  StepClock clock = sampled(1);

  clock.off_cpu_after_sampling(41, 1);

  EXPECT_EQ(written(clock),
            (Times{{Kind::kCompute, 100}, {Kind::kSample, 10}, {Kind::kOffCpu, 41}}));
}

TEST(StepClock, WhatNeitherExplainsWasLostBefore) {
  StepClock clock = sampled(1);

  clock.off_cpu_after_sampling(81, 1);

  EXPECT_EQ(written(clock), (Times{{Kind::kCompute, 70}, {Kind::kSample, 0}, {Kind::kOffCpu, 81}}));
}

}  // namespace
}  // namespace sb::engine
