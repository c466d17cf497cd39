// How long a thread may spin before it parks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace sb {

inline void cpu_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Keeps the core busy for this long.
inline void spin_for(std::int64_t ns) {
  const std::int64_t deadline = now_ns() + ns;
  while (now_ns() < deadline) cpu_pause();
}

// One waiting thread's budget, and what it parked for. A spin that succeeds lets the next one last
// longer, one that fails halves it: when the thread waited for has lost its core, spinning only
// keeps that core from it. Every 16th wait probes with the full budget, and one that succeeds makes
// the budget twice what it took: those between two probes would shrink anything less again. A limit
// of 0 (more engine threads than cores) never spins.
class SpinBudget {
 public:
  explicit SpinBudget(std::int64_t limit_ns) : limit_ns_(limit_ns), budget_ns_(limit_ns) {}

  // Whether done() became true while spinning.
  template <class Done>
  [[nodiscard]] bool spin(Done done) {
    if (done()) return true;
    if (limit_ns_ == 0) return false;
    const bool probe = ++waits_ % kProbeEvery == 0;
    const std::int64_t start = now_ns();
    const std::int64_t deadline = start + (probe ? limit_ns_ : budget_ns_);
    do {
      for (int i = 0; i < kPausesPerClock; ++i) {
        cpu_pause();
        if (done()) {
          const std::int64_t enough = probe ? 2 * (now_ns() - start) : budget_ns_ + budget_ns_ / 2;
          budget_ns_ = std::min(limit_ns_, std::max(budget_ns_, enough));
          return true;
        }
      }
    } while (now_ns() < deadline);
    if (!probe) budget_ns_ = std::max(kFloorNs, budget_ns_ / 2);
    return false;
  }

  // It parked until what it waited for was there; waking up is not in that.
  void parked(std::int64_t ns) { parked_ns_ += ns; }
  [[nodiscard]] std::int64_t parked_ns() const { return parked_ns_; }

 private:
  static constexpr std::uint32_t kProbeEvery = 16;
  static constexpr int kPausesPerClock = 16;
  static constexpr std::int64_t kFloorNs = 500;

  std::int64_t limit_ns_;
  std::int64_t budget_ns_;
  std::int64_t parked_ns_ = 0;
  std::uint32_t waits_ = 0;
};

}  // namespace sb
