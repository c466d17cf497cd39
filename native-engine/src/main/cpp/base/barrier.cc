#include "base/barrier.h"

#include <algorithm>

#include "base/clock.h"

namespace sb {

Barrier::Barrier(std::int32_t groups, std::int32_t per_group)
    : group_count_(groups),
      per_group_(per_group),
      groups_(std::make_unique<Group[]>(static_cast<std::size_t>(groups))) {}

// Whether this was the last arrival of all. Counters are reset here: nobody can arrive again before
// the generation advances.
bool Barrier::arrive(std::int32_t group, std::uint32_t meeting) {
  Group& mine = groups_[static_cast<std::size_t>(group)];
  if (mine.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 < per_group_) return false;
  mine.arrived.store(0, std::memory_order_relaxed);
  if (group_count_ == 1) return true;
  mine.last_ns[meeting % 2].store(now_ns(), std::memory_order_relaxed);
  if (arrived_groups_.fetch_add(1, std::memory_order_acq_rel) + 1 < group_count_) return false;
  arrived_groups_.store(0, std::memory_order_relaxed);
  return true;
}

bool Barrier::wait(std::int32_t group, SpinBudget& spin) {
  const std::uint32_t generation = generation_.load(std::memory_order_acquire);
  if ((generation & kPoison) != 0) return false;
  if (arrive(group, generation / kStep)) {
    if (parked_.load(std::memory_order_relaxed) != 0) {
      released_ns_.store(now_ns(), std::memory_order_relaxed);
    }
    const std::uint32_t before = generation_.fetch_add(kStep, std::memory_order_seq_cst);
    // Either this load sees a thread that is about to park, or its futex call sees the new
    // generation and does not sleep: both sides write first and read second, sequentially
    // consistent.
    if (parked_.load(std::memory_order_seq_cst) != 0) futex_wake_all(generation_);
    return (before & kPoison) == 0;
  }
  const auto released = [&] { return generation_.load(std::memory_order_acquire) != generation; };
  if (!spin.spin(released)) park(generation, spin);
  return (generation_.load(std::memory_order_acquire) & kPoison) == 0;
}

void Barrier::park(std::uint32_t generation, SpinBudget& spin) {
  const std::int64_t from = now_ns();
  parked_.fetch_add(1, std::memory_order_seq_cst);
  while (generation_.load(std::memory_order_seq_cst) == generation) {
    futex_wait(generation_, generation);
  }
  parked_.fetch_sub(1, std::memory_order_relaxed);
  // A stamp of an earlier meeting is one whose last arrival did not see this thread park, and so
  // came right after.
  spin.parked(std::max<std::int64_t>(0, released_ns_.load(std::memory_order_relaxed) - from));
}

Barrier::Arrivals Barrier::arrivals() const {
  Arrivals met{arrived_ns(0), arrived_ns(0), 0};
  for (std::int32_t group = 1; group < group_count_; ++group) {
    const std::int64_t at = arrived_ns(group);
    met.first_ns = std::min(met.first_ns, at);
    if (at > met.last_ns) {
      met.last_ns = at;
      met.last_group = group;
    }
  }
  return met;
}

void Barrier::poison() {
  generation_.fetch_or(kPoison, std::memory_order_seq_cst);
  futex_wake_all(generation_);
}

void Gate::advance() {
  count_.fetch_add(1, std::memory_order_release);
  word_.fetch_add(kStep, std::memory_order_seq_cst);
  if (parked_.load(std::memory_order_seq_cst) != 0) futex_wake_all(word_);
}

Gate::Wait Gate::wait(std::uint64_t value, SpinBudget& spin, std::int64_t deadline_ns) {
  const auto poisoned = [&] { return (word_.load(std::memory_order_acquire) & kPoison) != 0; };
  const auto settled = [&] { return reached(value) || poisoned(); };
  if (!spin.spin(settled)) {
    parked_.fetch_add(1, std::memory_order_seq_cst);
    while (true) {
      const std::uint32_t seen = word_.load(std::memory_order_seq_cst);
      if (settled()) break;
      if (deadline_ns != kNoDeadline && now_ns() >= deadline_ns) break;
      futex_wait(word_, seen, deadline_ns);
    }
    parked_.fetch_sub(1, std::memory_order_relaxed);
  }
  if (poisoned()) return Wait::kPoisoned;
  return reached(value) ? Wait::kReached : Wait::kTimeout;
}

void Gate::poison() {
  word_.fetch_or(kPoison, std::memory_order_seq_cst);
  futex_wake_all(word_);
}

}  // namespace sb
