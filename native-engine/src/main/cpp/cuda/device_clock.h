// The host's time of what happened by a device's clock.
//
// A stretch of a stream's work is between two anchors: it cannot have begun before the host asked
// for it, nor ended after the host saw its end. Each stretch so bounds how far the host's clock is
// ahead of the device's from both sides, and the bounds of all are kept: the shortest waits decide.
// As the clocks drift apart, old bounds widen by what they may have drifted. The middle is taken.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sb::cuda {

class DeviceClock {
 public:
  struct Stretch {
    std::int64_t asked_ns = 0;   // by the host's clock
    std::uint64_t begin_at = 0;  // by the device's
    std::uint64_t end_at = 0;
    std::int64_t seen_ns = 0;  // by the host's
  };

  void add(const Stretch& stretch) {
    const std::int64_t least = stretch.asked_ns - static_cast<std::int64_t>(stretch.begin_at);
    const std::int64_t most = stretch.seen_ns - static_cast<std::int64_t>(stretch.end_at);
    const std::int64_t drift = (stretch.seen_ns - known_ns_) / kDriftPart;
    const std::int64_t low = std::max(least, low_ - drift);
    const std::int64_t high = std::min(most, high_ + drift);
    // A clock that was set anew fits no bound of before.
    const bool anew = known_ns_ == 0 || low > high;
    low_ = anew ? least : low;
    high_ = anew ? most : high;
    known_ns_ = stretch.seen_ns;
  }

  [[nodiscard]] std::int64_t host_ns(std::uint64_t at) const {
    return static_cast<std::int64_t>(at) + low_ + (high_ - low_) / 2;
  }

 private:
  // Two quartz clocks differ by less than this part.
  static constexpr std::int64_t kDriftPart = 10'000;

  std::int64_t low_ = 0;
  std::int64_t high_ = 0;
  std::int64_t known_ns_ = 0;  // 0: nothing is
};

}  // namespace sb::cuda
