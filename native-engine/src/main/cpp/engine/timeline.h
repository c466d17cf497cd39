// Where each rank's time went, per step, for readers in other threads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/memory.h"

namespace sb::engine {

// Numbered as sb_timeline_kind.
enum class Kind : std::uint16_t {
  kCompute = 1,
  kAllReduceWait = 2,
  kRecvWait = 3,
  kSend = 4,
  kSample = 5,
  kCopy = 6,
  kLate = 7,
  kOffCpu = 8,
  kLateOffCpu = 9,
};
inline constexpr std::size_t kKinds = 10;

// Where the ranks of a stage meet; numbered as sb_collective.
enum class Collective : std::uint16_t { kStart = 0, kAttention = 1, kFeedForward = 2, kOutput = 3 };

// Laid out as sb_timeline_record.
struct TimelineRecord {
  std::uint64_t step = 0;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::int64_t busy_ns = 0;
  std::uint64_t bytes = 0;
  std::uint32_t tokens = 0;
  std::uint32_t count = 0;
  std::uint16_t stage = 0;
  std::uint16_t rank = 0;
  std::uint16_t kind = 0;
  std::uint16_t piece = 0;
  std::int64_t longest_ns = 0;
};

// Laid out as sb_lane_header.
struct LaneHeader {
  std::uint64_t written = 0;
  std::uint64_t finished_step = 0;
  std::int64_t finished_ns = 0;
  std::uint64_t current_step = 0;
  std::int64_t current_since_ns = 0;
  std::uint64_t reserved[3] = {};
};
static_assert(sizeof(LaneHeader) == kCacheLine && sizeof(TimelineRecord) == kCacheLine);

// One rank's ring and heartbeat. Written by the rank's thread 0 alone; readers are never waited
// for, and learn from "written" whether what they read was whole.
class Lane {
 public:
  Lane() = default;
  Lane(LaneHeader* header, std::span<TimelineRecord> records)
      : header_(header), records_(records) {}

  void begin_step(std::uint64_t step, std::int64_t now);
  void append(const TimelineRecord& record);
  void finish_step(std::uint64_t step, std::int64_t now);

  [[nodiscard]] std::uint64_t finished_step() const;

 private:
  LaneHeader* header_ = nullptr;
  std::span<TimelineRecord> records_;
};

struct TimelineView {
  std::uint32_t lanes = 0;
  std::uint32_t capacity = 0;
  std::uint64_t lane_bytes = 0;
  const std::byte* base = nullptr;
};

// All lanes, one after the other in one piece of memory.
class Timeline {
 public:
  static Timeline lay_out(Carver& carver, std::int32_t lanes, std::int32_t capacity);

  [[nodiscard]] Lane lane(std::int32_t index) const;
  [[nodiscard]] const TimelineView& view() const { return view_; }

 private:
  std::byte* base_ = nullptr;
  TimelineView view_;
};

// Splits a step's time on one lane into kinds: every interval between two laps belongs to one. One
// that was started not to run reads no clock by itself.
class StepClock {
 public:
  void start(std::int64_t now, bool runs) {
    runs_ = runs;
    sums_ = {};
    mark_ns_ = now;
  }

  // What passed since the last lap was of this kind. Returns how long it was.
  std::int64_t lap(Kind kind, std::int64_t until_ns);
  std::int64_t lap(Kind kind) { return runs_ ? lap(kind, now_ns()) : 0; }
  // The others arrived at a collective from first_ns on, this rank as the last one at last_ns. This
  // is time of theirs, beside the kinds that share out this lane's own.
  void late(std::int64_t first_ns, std::int64_t last_ns, Collective which, std::int32_t layer);
  // So much of that was because the rank had no core.
  void late_off_cpu(std::int64_t ns) { beside(Kind::kLateOffCpu, ns); }
  // So much of what this kind was charged with, the rank had no core. Returns how much it had.
  std::int64_t off_cpu(Kind kind, std::int64_t ns);
  // Behind sampling, of which the rank may have had none, and a lap of computing that took last_ns
  // and in which next to nothing was done: what was lost was lost there as far as it can be.
  void off_cpu_after_sampling(std::int64_t ns, std::int64_t last_ns);
  void add_bytes(Kind kind, std::uint64_t bytes) { sum(kind).bytes += bytes; }

  [[nodiscard]] bool runs() const { return runs_; }
  [[nodiscard]] std::int64_t mark_ns() const { return mark_ns_; }

  // One record for each kind that occurred.
  void write(Lane& lane, std::uint64_t step, std::int32_t stage, std::int32_t rank,
             std::uint32_t tokens) const;

 private:
  void beside(Kind kind, std::int64_t ns);
  [[nodiscard]] TimelineRecord& sum(Kind kind) { return sums_[static_cast<std::size_t>(kind)]; }

  bool runs_ = false;
  std::array<TimelineRecord, kKinds> sums_{};
  std::int64_t mark_ns_ = 0;
};

}  // namespace sb::engine
