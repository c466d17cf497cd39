// How long a step has been running, by the time in which somebody could see it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/futex.h"

namespace sb::engine {

// Tells a step that hangs from a process that stood still: of a signal, in a frozen control group,
// on a machine that was paused. The clock goes on meanwhile, but no rank could have finished, and
// nobody looked. So what passes between two looks counts as twice the turn in which they come, at
// most. The engine thread's.
class HangWatch {
 public:
  // 0: nothing hangs.
  explicit HangWatch(std::int64_t limit_ns)
      : limit_ns_(limit_ns),
        turn_ns_(std::clamp<std::int64_t>(limit_ns / kTurns, 1, kLongestTurnNs)) {}

  // Looks at the oldest step, which is not done; it is late from when it could run.
  void look(std::uint64_t step, std::int64_t runs_from_ns, std::int64_t now_ns) {
    if (step != step_) {
      step_ = step;
      ran_ns_ = 0;
      looked_ns_ = runs_from_ns;
    }
    ran_ns_ += std::clamp<std::int64_t>(now_ns - looked_ns_, 0, 2 * turn_ns_);
    looked_ns_ = now_ns;
  }

  [[nodiscard]] bool hangs() const { return limit_ns_ != 0 && ran_ns_ >= limit_ns_; }

  // By when it is to be looked at again.
  [[nodiscard]] std::int64_t next_ns() const {
    if (limit_ns_ == 0) return kNoDeadline;
    return looked_ns_ + std::clamp<std::int64_t>(limit_ns_ - ran_ns_, 0, turn_ns_);
  }

 private:
  static constexpr std::int64_t kTurns = 8;  // in the limit, at least
  static constexpr std::int64_t kLongestTurnNs = 1'000'000'000;

  const std::int64_t limit_ns_;
  const std::int64_t turn_ns_;
  std::uint64_t step_ = UINT64_MAX;
  std::int64_t ran_ns_ = 0;
  std::int64_t looked_ns_ = 0;
};

}  // namespace sb::engine
