// How one block of 32 activations gets its scale. Internal linkage, like layout.h and for the same
// reason.
#pragma once

#include <cstdint>

namespace sb::ops {

struct QuantScale {
  float scale;
  float inverse;  // 0: every value of the block becomes 0
};

// largest: the greatest magnitude, as the bits of a float without its sign. Below 1e-30, where the
// inverse could overflow, the block counts as zero.
static inline QuantScale quant_scale(std::uint32_t largest) {
  if (largest >= 0x7f800000u) return {__builtin_nanf(""), 0};
  const auto magnitude = __builtin_bit_cast(float, largest);
  if (magnitude < 1e-30f) return {0, 0};
  return {magnitude / 127.0f, 127.0f / magnitude};
}

}  // namespace sb::ops
