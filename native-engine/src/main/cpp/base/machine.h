// The machine the engine runs on.
#pragma once

#include <cstdint>

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

}  // namespace sb
