// What a rank pays to tell where its time went.
//
//   cmake --preset release -DSB_BENCH=ON && cmake --build --preset release --target sb_bench
//   build/release/sb_bench --benchmark_filter=timeline
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "engine/timeline.h"

namespace sb::engine {
namespace {

constexpr std::size_t kRecords = 4096;

// A step of one kind: its two readings of the clock, its record, and the heartbeat around it.
void timeline_record(benchmark::State& state) {
  alignas(kCacheLine) LaneHeader header;
  std::vector<TimelineRecord> records(kRecords);
  Lane lane(&header, records);
  StepClock clock(true);
  std::uint64_t step = 0;
  for (auto _ : state) {
    ++step;
    const std::int64_t begun = now_ns();
    clock.start(begun);
    lane.begin_step(step, begun);
    const std::int64_t ended = now_ns();
    clock.lap(Kind::kCompute, ended);
    clock.write(lane, step, 0, 0, 1);
    lane.finish_step(step, ended);
  }
  benchmark::DoNotOptimize(records.data());
}

// One more piece of a kind, such as a layer's: a reading of the clock and a sum.
void timeline_lap(benchmark::State& state) {
  StepClock clock(true);
  clock.start(now_ns());
  for (auto _ : state) benchmark::DoNotOptimize(clock.lap(Kind::kCompute));
}

BENCHMARK(timeline_record);
BENCHMARK(timeline_lap);

}  // namespace
}  // namespace sb::engine
