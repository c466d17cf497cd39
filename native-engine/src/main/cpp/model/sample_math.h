// What sampling works out of single logits and of sums, by the same formulas on the processor and
// on a device.
//
// Probabilities are summed as integers: such a sum has no order, so any number of threads comes to
// the same one.
#pragma once

#include <cstdint>

#include "base/annotate.h"

namespace sb::model {

struct SamplingParameters {
  float temperature = 0;
  float top_p = 1;
  float min_p = 0;
  std::int32_t top_k = 0;
  float repetition_penalty = 1;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::uint64_t seed = 0;

  [[nodiscard]] bool penalises() const {
    return repetition_penalty != 1 || presence_penalty != 0 || frequency_penalty != 0;
  }
  // Whether the draw goes along the likeliest tokens, not along all of them by their ids.
  [[nodiscard]] SB_HOST_DEVICE bool sorts() const { return top_k > 0 || top_p < 1; }
};

struct TokenCount {
  std::int32_t token = 0;
  std::int32_t outputs = 0;  // occurrences in the output; 0: only in the prompt
};

struct LogitBias {
  std::int32_t token = 0;
  float value = 0;
};

// Instead of a token: the largest logit is infinite, or all are NaN, which the model's arithmetic
// gives where a value overflowed.
inline constexpr std::int32_t kNotFinite = -2;
// Instead of a token: it has not been drawn yet.
inline constexpr std::int32_t kUndecided = -3;

inline constexpr std::int32_t kMaxTopLogprobs = 20;

// What the log-probabilities of a row of logits are worked out from.
struct RowScore {
  double sum = 0;     // of e^(logit - maximum) over the vocabulary
  float maximum = 0;  // NaN does not count
  float logit = 0;    // of the token that was chosen
  // The largest, best first, ties by lower id; -1 where there are no more.
  std::int32_t top_tokens[kMaxTopLogprobs] = {};
  float top_logits[kMaxTopLogprobs] = {};
};

// The order of a row's sum, which devices keep: of the logits of a run number i is added to float
// i % kSumLanes, these are added up in double one after the other, so are the runs of a part, and
// so are the parts.
inline constexpr std::int32_t kSumLanes = 16;
inline constexpr std::int32_t kSumRun = 256;
inline constexpr std::int32_t kSumPart = 2048;

// Of two zeros the largest of a row would be the one that comes first.
SB_HOST_DEVICE inline float without_sign_of_zero(float x) { return x + 0.0F; }

SB_HOST_DEVICE inline float penalised(float logit, const TokenCount& seen,
                                      const SamplingParameters& parameters) {
  const float repetition = parameters.repetition_penalty;
  float result = logit > 0 ? logit / repetition : logit * repetition;
  if (seen.outputs == 0) return result;
  result -= parameters.presence_penalty;
  result -= parameters.frequency_penalty * static_cast<float>(seen.outputs);
  return result;
}

// e^x for x <= 0 within 2 units in the last place, and 0 below -87 and for NaN. Cody and Waite's
// reduction by ln 2 in two parts, then Cephes' polynomial. No branch and no call, so loops over it
// are vectorised.
SB_HOST_DEVICE inline float exp_nonpositive(float x) {
  const float clamped = x > -87.0F ? x : -87.0F;
  // Adding 1.5 x 2^23 rounds to an integer and leaves it in the low bits.
  const float shifted = clamped * 1.44269504F + 0x1.8p23F;
  const float n = shifted - 0x1.8p23F;
  const float r = (clamped - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  const float mantissa = p * r * r + r + 1.0F;
  const std::uint32_t exponent = __builtin_bit_cast(std::uint32_t, shifted) << 23;
  const float power =
      __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, mantissa) + exponent);
  return x > -87.0F ? power : 0.0F;
}

// Not normalised: the likeliest token has 1. One that has less than 2^-39 is never drawn: it has 0.
SB_HOST_DEVICE inline float probability_of(float logit, float maximum, float temperature) {
  const float probability = exp_nonpositive((logit - maximum) / temperature);
  return probability >= 0x1p-39F ? probability : 0.0F;
}

// In units of 2^-39, so the sum of 2^24 of them has room in 64 bits; cut off, not rounded. By way
// of the signed type, which processors convert to in one instruction.
SB_HOST_DEVICE inline std::uint64_t weight_of(float probability) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(probability * 0x1p39F));
}

// Where, along the cumulative weight of candidates, those end that have the share top_p of it.
SB_HOST_DEVICE inline std::uint64_t top_p_weight(std::uint64_t all, float top_p) {
  const double wanted = static_cast<double>(all) * static_cast<double>(top_p);
  const auto whole = static_cast<std::uint64_t>(wanted);
  const std::uint64_t up = static_cast<double>(whole) < wanted ? whole + 1 : whole;
  return up < all ? up : all;
}

// Where the draw ends, of u in [0, 1): the token whose cumulative weight is the first to reach it.
SB_HOST_DEVICE inline std::uint64_t drawn_weight(std::uint64_t all, double u) {
  const auto passed = static_cast<std::uint64_t>(static_cast<double>(all) * u);
  return passed < all ? passed + 1 : all;
}

}  // namespace sb::model
