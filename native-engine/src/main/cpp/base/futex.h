// Parking on a 32-bit word, with a deadline (which std::atomic::wait does not have).
#pragma once

#include <atomic>
#include <cstdint>

namespace sb {

inline constexpr std::int64_t kNoDeadline = INT64_MAX;

// Sleeps while *word is expected, until woken or CLOCK_MONOTONIC reaches deadline_ns. May return
// early; callers look at their condition again.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::int64_t deadline_ns = kNoDeadline);

void futex_wake_all(const std::atomic<std::uint32_t>& word);

}  // namespace sb
