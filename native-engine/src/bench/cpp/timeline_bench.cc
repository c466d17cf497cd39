// What a rank pays to tell where its time went.
//
//   cmake --preset release -DSB_BENCH=ON && cmake --build --preset release --target sb_bench
//   build/release/sb_bench --benchmark_filter=timeline
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "base/barrier.h"
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
  StepClock clock;
  std::uint64_t step = 0;
  for (auto _ : state) {
    ++step;
    const std::int64_t begun = now_ns();
    clock.start(begun, true);
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
  StepClock clock;
  clock.start(now_ns(), true);
  for (auto _ : state) benchmark::DoNotOptimize(clock.lap(Kind::kCompute));
}

// Two ranks meet, and each looks who came last, as after every collective; the difference to
// meeting alone is what that costs.
template <bool charged>
void meeting(benchmark::State& state) {
  static Barrier barrier(2, 1);
  StepClock clock;
  clock.start(now_ns(), true);
  SpinBudget spin(1'000'000);
  for (auto _ : state) {
    if (!barrier.wait(state.thread_index(), spin)) return;
    if (!charged) continue;
    const Barrier::Arrivals met = barrier.arrivals();
    if (met.last_group == state.thread_index()) {
      clock.late(met.first_ns, met.last_ns, Collective::kAttention, 1);
    }
  }
  benchmark::DoNotOptimize(clock);
}

BENCHMARK(timeline_record);
BENCHMARK(timeline_lap);
BENCHMARK(meeting<false>)->Name("meeting")->Threads(2)->UseRealTime();
BENCHMARK(meeting<true>)->Name("meeting_charged")->Threads(2)->UseRealTime();

}  // namespace
}  // namespace sb::engine
