// How floats become the integers and the short floats that activations, K and V are kept as, one at
// a time: 32 activations get a scale, a head's dimensions in quantised KV a step. Internal linkage,
// like layout.h and for the same reason.
#pragma once

#include <cstdint>

#include "base/annotate.h"

namespace sb::ops {

struct QuantScale {
  float scale;
  float inverse;  // 0: every value of the block becomes 0
};

// largest: the greatest magnitude, as the bits of a float without its sign. Below 1e-30, where the
// inverse could overflow, the block counts as zero.
SB_HOST_DEVICE static inline QuantScale quant_scale(std::uint32_t largest) {
  if (largest >= 0x7f800000u) return {__builtin_nanf(""), 0};
  const auto magnitude = __builtin_bit_cast(float, largest);
  if (magnitude < 1e-30f) return {0, 0};
  return {magnitude / 127.0f, 127.0f / magnitude};
}

// The step that the largest magnitude asks for, to be kept in half precision. What is not finite
// has a step that is not, and so reads back.
SB_HOST_DEVICE static inline float kv_step(std::uint32_t largest) {
  const bool finite = largest < 0x7f800000u;
  return finite ? __builtin_bit_cast(float, largest) / 127.0f : __builtin_nanf("");
}

// Steps per unit of the step that is kept; 0: all values count for none.
SB_HOST_DEVICE static inline float steps_per_unit(float kept) {
  return kept > 0 && kept < __builtin_huge_valf() ? 1.0f / kept : 0.0f;
}

SB_HOST_DEVICE static inline std::int8_t steps_of(float x, float per_unit) {
  if (per_unit == 0) return 0;
  const float steps = x * per_unit;
  const float bounded = steps > 127.0f ? 127.0f : steps < -127.0f ? -127.0f : steps;
  return static_cast<std::int8_t>(bounded + (bounded < 0 ? -0.5f : 0.5f));
}

// BF16, to the nearest, ties to even; a NaN stays one though its low bits go.
SB_HOST_DEVICE static inline std::uint16_t brain_of_bits(std::uint32_t bits) {
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const std::uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
  return static_cast<std::uint16_t>((nan ? bits | 0x400000u : rounded) >> 16);
}

}  // namespace sb::ops
