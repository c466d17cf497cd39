// The threads of one rank and how they share work.
#pragma once

#include <cstdint>

#include "base/barrier.h"

namespace sb {

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

// Part "index" of "parts" near-equal contiguous parts of [0, n).
[[nodiscard]] inline Range split(std::int64_t n, std::int64_t index, std::int64_t parts) {
  return {n * index / parts, n * (index + 1) / parts};
}

// One thread's membership. Shares are static: which thread computes an element depends on nothing
// but its index, and no element's value depends on which thread computes it.
struct Team {
  std::int32_t index = 0;
  std::int32_t size = 1;
  Barrier* barrier = nullptr;
  SpinBudget spin{0};

  [[nodiscard]] Range share(std::int64_t n) const { return split(n, index, size); }

  // Waits for the rank's other threads; false when the engine is being stopped.
  [[nodiscard]] bool sync() { return size == 1 ? !barrier->poisoned() : barrier->wait(0, spin); }
};

}  // namespace sb
