// From logits to a token and to log-probabilities: pure functions.
//
// Order of sampling, each step on the result of the one before:
//   0. the mask: a token whose bit is not set gets minus infinity
//   1. repetition penalty, over tokens of prompt and output: a positive logit is divided by it, any
//      other multiplied; then presence and frequency penalties, over output tokens, subtracted
//   2. logit bias, added
//   3. temperature: 0 takes the largest logit, ties to the lowest id; else logits are divided by it
//   4. top-k: the k largest, ties to the lowest id
//   5. top-p: of those, in falling order, the fewest whose probability reaches p
//   6. min-p: of those, the ones at least min_p times as likely as the likeliest
//   7. the draw: u = uniform(seed, position) picks along the cumulative probability of what is
//      left, in falling order after top-k or top-p, else by id
//
// The arithmetic is plain, in a fixed order or of integers, and compiled without instruction-set
// flags: the same logits give the same token on every machine, and on a device (cuda/sampling.cuh).
#pragma once

#include <cstdint>
#include <span>

#include "base/memory.h"
#include "model/sample_math.h"

namespace sb::model {

struct SamplingInput {
  std::span<const float> logits;
  const SamplingParameters* parameters = nullptr;
  std::span<const TokenCount> seen;
  std::span<const LogitBias> bias;
  std::uint64_t position = 0;           // of the token being sampled
  std::span<const std::uint64_t> mask;  // bit t % 64 of word t / 64 allows token t; empty: all
};

// One thread's working memory.
class SamplerScratch {
 public:
  struct Candidate {
    float probability;
    std::int32_t token;
  };

  static SamplerScratch lay_out(Carver& carver, std::int32_t vocab) {
    SamplerScratch scratch;
    scratch.adjusted = carver.take<float>(static_cast<std::size_t>(vocab));
    scratch.candidates = carver.take<Candidate>(static_cast<std::size_t>(vocab));
    return scratch;
  }

  std::span<float> adjusted;
  std::span<Candidate> candidates;
};

// The token, or kNotFinite.
[[nodiscard]] std::int32_t sample(const SamplingInput& input, SamplerScratch& scratch);

// Of the model's own logits, before mask, penalties and bias: of the token and of the "top"
// likeliest.
[[nodiscard]] RowScore score(std::span<const float> logits, std::int32_t token, std::int32_t top);

// What turns a logit into a log-probability: logit - maximum - log_sum.
struct Normaliser {
  float maximum = 0;
  float log_sum = 0;

  [[nodiscard]] static Normaliser of(const RowScore& score);
  [[nodiscard]] static Normaliser of(std::span<const float> logits);
  [[nodiscard]] float log_probability(float logit) const { return logit - maximum - log_sum; }
};

// The tokens of the largest logits, best first, ties by lower id, NaN as minus infinity; as many as
// tokens has room for or the vocabulary has. Returns how many.
std::size_t top_tokens(std::span<const float> logits, std::span<std::int32_t> tokens);

}  // namespace sb::model
