// The threads of one rank and how they share work.
#pragma once

#include <algorithm>
#include <atomic>
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

// What is left of one thread's part of a dealing: pieces [begin, end), and which dealing it is. Its
// thread takes from the front and so reads on where it was, which the hardware prefetcher needs;
// threads that have finished their own take from the back.
class alignas(64) Hand {
 public:
  static constexpr std::int64_t kMaxPieces = (1 << 24) - 1;

  // The next pieces of the dealing, none when none is left: for its own thread a third of what is
  // left at once, since every start costs some of the memory's pace; for others the last one. A
  // hand that its thread has not yet taken up is dealt by whoever looks at it first, an empty one
  // too: its number must not stay behind until a later dealing has the same one again.
  [[nodiscard]] Range take(std::uint16_t dealing, Range all, bool own) {
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (true) {
      const bool dealt = dealing_of(seen) == dealing;
      const Range left = dealt ? pieces_of(seen) : all;
      if (left.size() == 0) {
        if (dealt || replace(seen, word(dealing, left))) return {};
        continue;
      }
      const std::int64_t cut =
          own ? left.begin + std::max<std::int64_t>(1, left.size() / 3) : left.end - 1;
      const Range front = {left.begin, cut};
      const Range back = {cut, left.end};
      if (replace(seen, word(dealing, own ? back : front))) return own ? front : back;
    }
  }

 private:
  static std::uint16_t dealing_of(std::uint64_t word) {
    return static_cast<std::uint16_t>(word >> 48);
  }
  static Range pieces_of(std::uint64_t word) {
    return {static_cast<std::int64_t>(word & kMaxPieces),
            static_cast<std::int64_t>(word >> 24 & kMaxPieces)};
  }
  static std::uint64_t word(std::uint16_t dealing, Range pieces) {
    return std::uint64_t{dealing} << 48 | static_cast<std::uint64_t>(pieces.end) << 24 |
           static_cast<std::uint64_t>(pieces.begin);
  }

  // Otherwise "seen" is what is there.
  [[nodiscard]] bool replace(std::uint64_t& seen, std::uint64_t next) {
    return word_.compare_exchange_weak(seen, next, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> word_{0};
};

// One thread's membership. No element's value depends on which thread computes it.
struct Team {
  std::int32_t index = 0;
  std::int32_t size = 1;
  Barrier* barrier = nullptr;
  Hand* hands = nullptr;  // one per thread
  SpinBudget spin{0};
  std::uint16_t dealing = 0;

  // This thread's fixed part: for work that costs less than dealing it out, or whose parts must
  // stay with the same thread.
  [[nodiscard]] Range share(std::int64_t n) const { return split(n, index, size); }

  // Deals [0, n) out in pieces of at most grain: every thread works through its own part and then
  // through what is left of the others', so one that has lost its core for a while is waited for no
  // longer than for a piece. Each thread's part has as many pieces and nearly as many items: a
  // small model's matrix may be two or three pieces in all, and then the largest is what all wait
  // for. All threads of the team call this with the same n and grain, and meet before the next
  // dealing.
  template <class Body>
  void deal(std::int64_t n, std::int64_t grain, Body body) {
    if (size == 1) return body(Range{0, n});
    // Hands start at 0, which is the dealing before the first.
    ++dealing;
    const std::int64_t least = (n + Hand::kMaxPieces - 1) / Hand::kMaxPieces;
    const std::int64_t step = std::max(grain, least);
    const std::int64_t each = ((n + step - 1) / step + size - 1) / size;
    const std::int64_t pieces = std::min({n, each * size, Hand::kMaxPieces});
    for (std::int32_t i = 0; i < size; ++i) {
      const std::int32_t owner = (index + i) % size;
      while (true) {
        const Range taken = hands[owner].take(dealing, split(pieces, owner, size), i == 0);
        if (taken.size() == 0) break;
        body(Range{split(n, taken.begin, pieces).begin, split(n, taken.end, pieces).begin});
      }
    }
  }

  // Waits for the rank's other threads; false when the engine is being stopped.
  [[nodiscard]] bool sync() { return size == 1 ? !barrier->poisoned() : barrier->wait(0, spin); }
};

}  // namespace sb
