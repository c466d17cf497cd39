// Faults made on purpose, for tests and drills.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/status.h"
#include "engine/config.h"

namespace sb::engine {

// Numbered as sb_fault_kind.
enum class FaultKind : std::int32_t {
  kNone = 0,
  kDelay = 1,
  kSlow = 2,
  kFail = 3,
  kOutOfMemory = 4,
  kHang = 5,
};
inline constexpr std::size_t kFaultKinds = 6;

struct Fault {
  FaultKind kind{};
  std::int32_t stage = -1;  // -1: all
  std::int32_t rank = -1;   // -1: all
  std::uint64_t first_step = 0;
  std::uint64_t steps = 0;  // 0: until cleared
  std::int64_t amount = 0;
};

// What a lane suffers in one step.
struct ActiveFaults {
  std::int64_t delay_ns = 0;
  std::int64_t slow_percent = 0;
  bool fail = false;
  bool out_of_memory = false;
  bool hang = false;

  [[nodiscard]] bool any() const {
    return delay_ns > 0 || slow_percent > 0 || fail || out_of_memory || hang;
  }
};

// Per lane at most one fault of each kind; a new one replaces the old. Any thread injects; a rank
// asks once per step, which costs one load while nothing is injected.
class FaultTable {
 public:
  FaultTable(std::int32_t stages, std::int32_t ranks);

  // next_step: what first_step 0 stands for.
  Status inject(const Fault& fault, std::uint64_t next_step);

  [[nodiscard]] ActiveFaults active(std::int32_t lane, std::uint64_t step);

  // Blocks while the lane's hang covers the step; false when stopped.
  [[nodiscard]] bool hang(std::int32_t lane, std::uint64_t step);
  // False when stopped before the time was over.
  [[nodiscard]] bool sleep(std::int64_t ns);
  void stop();

 private:
  struct Window {
    bool armed = false;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::int64_t amount = 0;

    [[nodiscard]] bool covers(std::uint64_t step) const {
      return armed && step >= first && step <= last;
    }
  };
  using LaneFaults = std::array<Window, kFaultKinds>;

  void wake();

  const std::int32_t stages_;
  const std::int32_t ranks_;
  std::mutex mutex_;
  std::vector<LaneFaults> lanes_;
  std::atomic<bool> ever_armed_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint32_t> changes_{0};
};

}  // namespace sb::engine
