// The machine the engine runs on.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace sb {

struct CpuFeatures {
  bool avx2 = false;
  bool avx512 = false;  // F, BW, VL, DQ and VNNI
  bool avx512_bf16 = false;
  bool amx_int8 = false;
};

[[nodiscard]] CpuFeatures cpu_features();

// Cores this process may run on.
[[nodiscard]] std::int32_t available_cores();

// Bytes per second that "threads" threads read together from a buffer of "bytes": the best of
// "passes". The buffer is taken for the call.
[[nodiscard]] Result<double> read_bandwidth(std::int32_t threads, std::uint64_t bytes,
                                            std::int32_t passes);

}  // namespace sb
