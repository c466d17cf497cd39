// Values on their way into a matrix. A warp has 32 columns of a token, a lane one of them.
#pragma once

#include "cuda/device.h"
#include "cuda/one_lane.h"
#include "ops/quantise.h"

namespace sb::cuda {

// The bits of the value's magnitude, which order as the magnitudes do.
SB_DEVICE unsigned magnitude_bits(float value) { return bits_of_float(value) & 0x7fffffffu; }

SB_DEVICE void put_quantised(const Operand& x, std::int64_t token, std::int64_t column,
                             float value) {
  const int lane = thread_id() % kWarpThreads;
  const ops::QuantScale s = ops::quant_scale(warp_max(kAllLanes, magnitude_bits(value)));
  const auto q = static_cast<std::int8_t>(s.inverse == 0 ? 0.0f : round_even(value * s.inverse));
  const int all = warp_sum(kAllLanes, q);
  const int first_half = warp_sum(kAllLanes, lane < kWarpThreads / 2 ? q : 0);
  const std::int64_t at = token * x.k + column;
  x.q[at] = q;
  if (lane != 0) return;
  x.scale[at / ops::kQuantBlock] = s.scale;
  x.sum[at / ops::kQuantBlock] = {all, first_half};
}

SB_DEVICE bool is_finite(float value) { return magnitude_bits(value) < 0x7f800000u; }

// What the first number leaves goes into the second; of what is not finite it leaves nothing.
SB_DEVICE void put_brains(const Operand& x, std::int64_t token, std::int64_t column, float value) {
  if (column >= pad16(x.k)) return;
  const std::uint16_t high = ops::brain_of_bits(bits_of_float(value));
  const float kept = float_of_bits(static_cast<std::uint32_t>(high) << 16);
  const float rest = is_finite(kept) ? value - kept : 0.0f;
  x.high[token * pad16(x.k) + column] = high;
  x.low[token * pad16(x.k) + column] = ops::brain_of_bits(bits_of_float(rest));
}

// Called by a whole warp for 32 columns; lanes past the last column bring zeros.
SB_DEVICE void put_value(const Operand& x, Form form, std::int64_t token, std::int64_t column,
                         float value) {
  if (column < x.k && x.f32 != nullptr) x.f32[token * x.k + column] = value;
  if (form == Form::kQuantised) put_quantised(x, token, column, value);
  if (form == Form::kBrain) put_brains(x, token, column, value);
}

// What goes on behind a gate; kGelu has no other value to let through.
SB_DEVICE float gated(Activation activation, float gate, float up) {
  if (activation == Activation::kSilu) return Formulas::silu(gate) * up;
  return Formulas::tanh_gelu(gate) * up;
}

inline constexpr int kPrepareThreads = 128;

SB_KERNEL(kPrepareThreads) prepare_columns(Operand x, Form form) {
  await_launch_before();
  const std::int64_t token = block_y();
  const std::int64_t column = std::int64_t{block_x()} * kPrepareThreads + thread_id();
  // Whole warps leave.
  if (column / kWarpThreads * kWarpThreads >= x.k) return;
  const float value = column < x.k ? x.f32[token * x.k + column] : 0.0f;
  if (form == Form::kQuantised) put_quantised(x, token, column, value);
  if (form == Form::kBrain) put_brains(x, token, column, value);
}

inline constexpr int kHalfThreads = 256;

// F16 reaches from 6e-8 to 65504 only, so a token's values are divided by the power of two that
// takes the largest to between 2^14 and 2^15. The powers stay normal numbers.
struct HalfPower {
  float power;
  float inverse;
};
SB_DEVICE HalfPower half_power(unsigned largest) {
  constexpr int kBias = 127;
  constexpr int kTop = 14;
  if (largest == 0 || largest >= 0x7f800000u) return {1, 1};
  int exponent = static_cast<int>(largest >> 23) - kBias - kTop;
  if (exponent < 1 - kBias) exponent = 1 - kBias;
  return {float_of_bits(static_cast<std::uint32_t>(exponent + kBias) << 23),
          float_of_bits(static_cast<std::uint32_t>(kBias - exponent) << 23)};
}

SB_DEVICE unsigned block_max(unsigned value, unsigned* of_warps) {
  const int warp = thread_id() / kWarpThreads;
  const unsigned most = warp_max(kAllLanes, value);
  if (thread_id() % kWarpThreads == 0) of_warps[warp] = most;
  block_barrier();
  unsigned all = 0;
  for (int i = 0; i < block_threads() / kWarpThreads; ++i) {
    all = of_warps[i] > all ? of_warps[i] : all;
  }
  return all;
}

// A token's values, of which a thread has the largest of those that it reads, as bits.
SB_DEVICE void put_halves(const Operand& x, std::int64_t token, const float* values,
                          unsigned largest, unsigned* of_warps) {
  const HalfPower power = half_power(block_max(largest, of_warps));
  for (std::int64_t i = thread_id(); i < pad16(x.k); i += kHalfThreads) {
    const float value = i < x.k ? values[i] * power.inverse : 0.0f;
    const std::uint16_t high = half_of_float(value);
    const float kept = float_of_half(high);
    x.high[token * pad16(x.k) + i] = high;
    x.low[token * pad16(x.k) + i] = half_of_float(is_finite(kept) ? value - kept : 0.0f);
  }
  if (thread_id() == 0) x.power[token] = power.power;
}

SB_KERNEL(kHalfThreads) prepare_halves(Operand x) {
  await_launch_before();
  const std::int64_t token = block_x();
  const float* values = x.f32 + token * x.k;
  unsigned largest = 0;
  for (std::int64_t i = thread_id(); i < x.k; i += kHalfThreads) {
    const unsigned bits = magnitude_bits(values[i]);
    largest = bits > largest ? bits : largest;
  }
  put_halves(x, token, values, largest, shared_at<unsigned>(0));
}

}  // namespace sb::cuda
