// Planned memory: a layout is measured first and taken once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "base/status.h"

namespace sb {

inline constexpr std::size_t kCacheLine = 64;

// a * b and a + b, or SIZE_MAX when they overflow; SIZE_MAX is absorbing, so a chain of these is
// checked once at its end.
[[nodiscard]] inline std::size_t checked_mul(std::size_t a, std::size_t b) {
  std::size_t product;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::size_t>::max() : product;
}
[[nodiscard]] inline std::size_t checked_add(std::size_t a, std::size_t b) {
  std::size_t sum;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::size_t>::max() : sum;
}

// Hands out cache-line aligned pieces of a region one after the other. Without a base it only
// measures: the same code that lays memory out also says how much it needs.
class Carver {
 public:
  explicit Carver(std::byte* base = nullptr) : base_(base) {}

  template <class T>
  [[nodiscard]] std::span<T> take(std::size_t count) {
    std::byte* piece = take_bytes(checked_mul(count, sizeof(T)));
    if (piece == nullptr) return {};
    return {reinterpret_cast<T*>(piece), count};
  }

  // Null while measuring.
  [[nodiscard]] std::byte* take_bytes(std::size_t bytes) {
    const std::size_t begin = used_;
    used_ = checked_add(used_, round_up(bytes));
    return base_ == nullptr ? nullptr : base_ + begin;
  }

  // SIZE_MAX when the layout overflowed.
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  [[nodiscard]] static std::size_t round_up(std::size_t bytes) {
    const std::size_t padded = checked_add(bytes, kCacheLine - 1);
    return padded == std::numeric_limits<std::size_t>::max() ? padded
                                                             : padded / kCacheLine * kCacheLine;
  }

  std::byte* base_;
  std::size_t used_ = 0;
};

// A zeroed anonymous mapping. Large ones ask for huge pages: a decode step walks all weights, and
// with 4 KiB pages that is one TLB miss per 4 KiB.
class Arena {
 public:
  enum class Commit {
    kNow,     // every page is taken before take() returns: no page fault in a step
    kOnTouch  // reserved; pages are taken when first written
  };

  Arena() = default;
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  // "what" names the memory in the error.
  [[nodiscard]] static Result<Arena> take(std::size_t bytes, Commit commit, const char* what);

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  Arena(std::byte* data, std::size_t bytes) : data_(data), bytes_(bytes) {}

  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// What the machine and the process's memory control groups still have to give.
[[nodiscard]] std::uint64_t available_memory_bytes();

}  // namespace sb
