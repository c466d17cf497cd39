// Meeting points of the engine's threads. Both spin for a bounded time and then park, and both can
// be poisoned: every wait, present and future, then returns false and the threads unwind.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/futex.h"
#include "base/spin.h"

namespace sb {

// A reusable barrier of groups x per_group threads. A group's last arrival is stamped, so the time
// a group waits for the others can be told from the time its own threads wait for each other.
class Barrier {
 public:
  // Of the groups at one meeting.
  struct Arrivals {
    std::int64_t first_ns;
    std::int64_t last_ns;
    std::int32_t last_group;
  };

  Barrier(std::int32_t groups, std::int32_t per_group);
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  // Blocks until all have arrived; false when poisoned.
  [[nodiscard]] bool wait(std::int32_t group, SpinBudget& spin);

  // When the group's last thread arrived at the meeting that the calling thread was at last, if
  // there are several groups. Others may be at the next one by now, but at none after it, so two
  // stamps are enough.
  [[nodiscard]] std::int64_t arrived_ns(std::int32_t group) const {
    const std::uint32_t latest = generation_.load(std::memory_order_relaxed) / kStep - 1;
    return groups_[static_cast<std::size_t>(group)].last_ns[latest % 2].load(
        std::memory_order_relaxed);
  }
  [[nodiscard]] Arrivals arrivals() const;

  void poison();
  [[nodiscard]] bool poisoned() const {
    return (generation_.load(std::memory_order_relaxed) & kPoison) != 0;
  }

 private:
  static constexpr std::uint32_t kPoison = 1;
  static constexpr std::uint32_t kStep = 2;

  struct alignas(64) Group {
    std::atomic<std::int32_t> arrived{0};
    std::atomic<std::int64_t> last_ns[2]{};  // of the even meetings, and of the odd ones
  };

  [[nodiscard]] bool arrive(std::int32_t group, std::uint32_t meeting);
  void park(std::uint32_t generation, SpinBudget& spin);

  const std::int32_t group_count_;
  const std::int32_t per_group_;
  std::unique_ptr<Group[]> groups_;
  alignas(64) std::atomic<std::int32_t> arrived_groups_{0};
  // Counts meetings in steps of two; the lowest bit is the poison.
  alignas(64) std::atomic<std::uint32_t> generation_{0};
  std::atomic<std::uint32_t> parked_{0};
  // When the last arrival of the latest meeting let go those who had parked by then.
  std::atomic<std::int64_t> released_ns_{0};
};

// A counter that only grows, and threads that wait for it to reach a value.
class Gate {
 public:
  enum class Wait { kReached, kTimeout, kPoisoned };

  explicit Gate(std::uint64_t count = 0) : count_(count) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Advances the counter by one and publishes what the caller wrote before.
  void advance();

  [[nodiscard]] bool reached(std::uint64_t value) const {
    return count_.load(std::memory_order_acquire) >= value;
  }

  [[nodiscard]] Wait wait(std::uint64_t value, SpinBudget& spin,
                          std::int64_t deadline_ns = kNoDeadline);

  void poison();

 private:
  static constexpr std::uint32_t kPoison = 1;
  static constexpr std::uint32_t kStep = 2;

  alignas(64) std::atomic<std::uint64_t> count_;
  // What is parked on: it changes, in steps of two, behind each change of the counter. The lowest
  // bit is the poison.
  std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint32_t> parked_{0};
};

}  // namespace sb
