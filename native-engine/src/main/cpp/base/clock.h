#pragma once

#include <time.h>

#include <cstdint>

namespace sb {

// CLOCK_MONOTONIC in nanoseconds.
[[nodiscard]] inline std::int64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// Time that the calling thread had a core, in nanoseconds.
[[nodiscard]] inline std::int64_t thread_processor_ns() {
  timespec spent;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<std::int64_t>(spent.tv_sec) * 1'000'000'000 + spent.tv_nsec;
}

}  // namespace sb
