// What the machine can do at best, measured: the bounds that speeds are compared with.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace sb {

// Bytes per second that "threads" threads read together from a buffer of "bytes": the best of
// "passes". The buffer is taken for the call.
[[nodiscard]] Result<double> read_bandwidth(std::int32_t threads, std::uint64_t bytes,
                                            std::int32_t passes);

enum class MacUnit : std::int32_t { kInt8 = 1, kBf16 = 2 };

// Multiply-adds per second that "threads" threads do together on registers, with the widest
// instruction for such numbers: the best of "passes" of a few milliseconds.
[[nodiscard]] Result<double> peak_rate(std::int32_t threads, MacUnit unit, std::int32_t passes);

}  // namespace sb
