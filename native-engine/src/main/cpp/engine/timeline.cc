#include "engine/timeline.h"

#include <algorithm>

namespace sb::engine {
namespace {

template <class T>
void publish(T& field, T value) {
  std::atomic_ref<T>(field).store(value, std::memory_order_release);
}

}  // namespace

void Lane::begin_step(std::uint64_t step, std::int64_t now) {
  publish(header_->current_since_ns, now);
  publish(header_->current_step, step);
}

void Lane::append(const TimelineRecord& record) {
  if (records_.empty()) return;
  const std::uint64_t index = header_->written;
  records_[index % records_.size()] = record;
  publish(header_->written, index + 1);
}

void Lane::finish_step(std::uint64_t step, std::int64_t now) {
  publish(header_->finished_ns, now);
  publish(header_->finished_step, step);
  publish(header_->current_step, std::uint64_t{0});
}

std::uint64_t Lane::finished_step() const {
  return std::atomic_ref<std::uint64_t>(header_->finished_step).load(std::memory_order_acquire);
}

Timeline Timeline::lay_out(Carver& carver, std::int32_t lanes, std::int32_t capacity) {
  Timeline timeline;
  TimelineView& view = timeline.view_;
  view.lanes = static_cast<std::uint32_t>(lanes);
  view.capacity = static_cast<std::uint32_t>(capacity);
  view.lane_bytes = sizeof(LaneHeader) + sizeof(TimelineRecord) * std::uint64_t{view.capacity};
  timeline.base_ = carver.take_bytes(checked_mul(view.lane_bytes, view.lanes));
  view.base = timeline.base_;
  return timeline;
}

Lane Timeline::lane(std::int32_t index) const {
  std::byte* at = base_ + view_.lane_bytes * static_cast<std::uint64_t>(index);
  auto* records = reinterpret_cast<TimelineRecord*>(at + sizeof(LaneHeader));
  return {reinterpret_cast<LaneHeader*>(at), {records, view_.capacity}};
}

std::int64_t StepClock::lap(Kind kind, std::int64_t until_ns) {
  TimelineRecord& record = sum(kind);
  const std::int64_t spent = until_ns - mark_ns_;
  if (record.count == 0) record.start_ns = mark_ns_;
  record.end_ns = until_ns;
  record.busy_ns += spent;
  record.longest_ns = std::max(record.longest_ns, spent);
  ++record.count;
  mark_ns_ = until_ns;
  return spent;
}

void StepClock::late(std::int64_t first_ns, std::int64_t last_ns, Collective which,
                     std::int32_t layer) {
  TimelineRecord& record = sum(Kind::kLate);
  const std::int64_t spread = last_ns - first_ns;
  if (record.count == 0) record.start_ns = first_ns;
  record.end_ns = last_ns;
  record.busy_ns += spread;
  ++record.count;
  if (spread <= record.longest_ns) return;
  record.longest_ns = spread;
  record.piece = static_cast<std::uint16_t>(layer * 4 + static_cast<std::int32_t>(which));
}

std::int64_t StepClock::off_cpu(Kind kind, std::int64_t ns) {
  TimelineRecord& from = sum(kind);
  const std::int64_t moved = std::min(ns, from.busy_ns);
  from.busy_ns -= moved;
  beside(Kind::kOffCpu, moved);
  return moved;
}

void StepClock::off_cpu_after_sampling(std::int64_t ns, std::int64_t last_ns) {
  const std::int64_t before = ns - off_cpu(Kind::kCompute, std::min(ns, last_ns));
  off_cpu(Kind::kCompute, before - off_cpu(Kind::kSample, before));
}

// How long it was is known and not when, so it has no interval.
void StepClock::beside(Kind kind, std::int64_t ns) {
  if (ns <= 0) return;
  TimelineRecord& record = sum(kind);
  record.start_ns = record.end_ns = mark_ns_;
  record.busy_ns += ns;
  record.longest_ns = std::max(record.longest_ns, ns);
  ++record.count;
}

void StepClock::write(Lane& lane, std::uint64_t step, std::int32_t stage, std::int32_t rank,
                      std::uint32_t tokens) const {
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (sums_[kind].count == 0) continue;
    TimelineRecord record = sums_[kind];
    record.step = step;
    record.tokens = tokens;
    record.stage = static_cast<std::uint16_t>(stage);
    record.rank = static_cast<std::uint16_t>(rank);
    record.kind = static_cast<std::uint16_t>(kind);
    lane.append(record);
  }
}

}  // namespace sb::engine
