// One lane of the vectors that ops/float_ops.h is written over: a device thread works out by itself
// what a lane of the CPU's vectors does, by the same formulas.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/annotate.h"
#ifdef __CUDACC__
#pragma nv_diag_suppress 1675  // the loops over vectors say how g++ is to unroll them
#endif
#include "ops/float_ops.h"
#ifdef __CUDACC__
#pragma nv_diag_default 1675
#endif

namespace sb::cuda {

struct OneLane {
  using F = float;
  static constexpr int kSums = 4;

  SB_HOST_DEVICE static F zero() { return 0; }
  SB_HOST_DEVICE static F set(float x) { return x; }
  SB_HOST_DEVICE static F add(F a, F b) { return a + b; }
  SB_HOST_DEVICE static F sub(F a, F b) { return a - b; }
  SB_HOST_DEVICE static F mul(F a, F b) { return a * b; }
  SB_HOST_DEVICE static F div(F a, F b) { return a / b; }
  SB_HOST_DEVICE static F max(F a, F b) { return a > b ? a : b; }
  SB_HOST_DEVICE static F fma(F a, F b, F c) { return fmaf(a, b, c); }
  SB_HOST_DEVICE static F add_exponent(F v, F t) {
    return __builtin_bit_cast(
        float, __builtin_bit_cast(std::uint32_t, v) + (__builtin_bit_cast(std::uint32_t, t) << 23));
  }
};

using Formulas = ops::FloatOps<OneLane>;

}  // namespace sb::cuda
