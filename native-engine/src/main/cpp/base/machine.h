// The machine the engine runs on.
#pragma once

#include <cstdint>

namespace sb {

struct CpuFeatures {
  bool avx2 = false;
  bool avx512 = false;  // F, BW, VL, DQ and VNNI
  bool avx512_bf16 = false;
  bool amx_int8 = false;
  // Its hardware prefetcher alone does not reach the memory's bandwidth: streams are asked for.
  bool wants_prefetch = false;
};

// Asks the CPU once: its answer takes microseconds on a virtual machine.
[[nodiscard]] const CpuFeatures& cpu_features();

// Cores this process may run on.
[[nodiscard]] std::int32_t available_cores();

}  // namespace sb
