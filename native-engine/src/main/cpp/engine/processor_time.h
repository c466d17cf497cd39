// How long a thread had work and no core.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace sb::engine {

// Compares the time that passed with the processor time of the thread, from begin() to end(). What
// it parked for in between, until that was there, and what it slept on purpose is no loss. Reading
// the processor time is a system call, and a process that is stopped meanwhile stands still at its
// end, between two readings; so what passes from one to the other counts where it is long.
class ProcessorTime {
 public:
  void begin(std::int64_t parked_ns) {
    const std::int64_t before = now_ns();
    processor_ns_ = thread_processor_ns();
    const std::int64_t after = now_ns();
    wall_ns_ = after - before > kReadNs ? before : after;
    parked_ns_ = parked_ns;
    slept_ns_ = 0;
  }

  void slept(std::int64_t ns) { slept_ns_ += ns; }

  // Since begin(); parked_ns counts on from there.
  [[nodiscard]] std::int64_t lost_ns(std::int64_t parked_ns) const {
    // In this order reading the clocks is no loss.
    const std::int64_t before = now_ns();
    const std::int64_t used = thread_processor_ns() - processor_ns_;
    const std::int64_t after = now_ns();
    const std::int64_t passed = (after - before > kReadNs ? after : before) - wall_ns_;
    const std::int64_t idle = parked_ns - parked_ns_ + slept_ns_;
    return std::max<std::int64_t>(0, passed - used - idle);
  }

  [[nodiscard]] std::int64_t parked_since_ns(std::int64_t parked_ns) const {
    return parked_ns - parked_ns_;
  }

 private:
  static constexpr std::int64_t kReadNs = 100'000;

  std::int64_t wall_ns_ = 0;
  std::int64_t processor_ns_ = 0;
  std::int64_t parked_ns_ = 0;
  std::int64_t slept_ns_ = 0;
};

}  // namespace sb::engine
