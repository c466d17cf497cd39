#include "model/sampler.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "model/philox.h"

namespace sb::model {
namespace {

using Candidate = SamplerScratch::Candidate;

// Independent accumulators the compiler keeps in vector registers.
constexpr std::size_t kLanes = kSumLanes;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

float maximum_of(std::span<const float> values) {
  float lanes[kLanes];
  std::fill_n(lanes, kLanes, kMinusInfinity);
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = values[i + lane];
      lanes[lane] = value > lanes[lane] ? value : lanes[lane];
    }
  }
  for (; i < values.size(); ++i) lanes[0] = values[i] > lanes[0] ? values[i] : lanes[0];
  return *std::max_element(lanes, lanes + kLanes);
}

double sum_of_run(std::span<const float> run, float maximum) {
  float lanes[kSumLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= run.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += exp_nonpositive(run[i + lane] - maximum);
    }
  }
  for (std::size_t lane = 0; i < run.size(); ++i, ++lane) {
    lanes[lane] += exp_nonpositive(run[i] - maximum);
  }
  double sum = 0;
  for (const float lane : lanes) sum += static_cast<double>(lane);
  return sum;
}

// "of" is the sum of each piece of that many values.
template <class Sum>
double sum_of_pieces(std::span<const float> values, std::size_t piece, Sum of) {
  double sum = 0;
  for (std::size_t begin = 0; begin < values.size(); begin += piece) {
    sum += of(values.subspan(begin, std::min(piece, values.size() - begin)));
  }
  return sum;
}

// Sum of e^(value - maximum).
double exponential_sum(std::span<const float> values, float maximum) {
  return sum_of_pieces(values, kSumPart, [&](std::span<const float> part) {
    return sum_of_pieces(part, kSumRun,
                         [&](std::span<const float> run) { return sum_of_run(run, maximum); });
  });
}

// Without its top.
RowScore sums_of(std::span<const float> logits) {
  RowScore score;
  score.maximum = without_sign_of_zero(maximum_of(logits));
  score.sum = exponential_sum(logits, score.maximum);
  return score;
}

void penalise(const SamplingParameters& parameters, std::span<const TokenCount> seen,
              std::span<float> logits) {
  for (const TokenCount& entry : seen) {
    float& logit = logits[static_cast<std::size_t>(entry.token)];
    logit = penalised(logit, entry, parameters);
  }
}

// Copies the logits, minus infinity where the mask has no bit.
void copy_masked(std::span<const float> logits, std::span<const std::uint64_t> mask,
                 std::span<float> out) {
  constexpr std::size_t kBits = 64;
  for (std::size_t begin = 0; begin < logits.size(); begin += kBits) {
    const std::uint64_t word = mask[begin / kBits];
    const std::size_t count = std::min(kBits, logits.size() - begin);
    if (word == 0) {
      std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(begin), count, kMinusInfinity);
      continue;
    }
    for (std::size_t i = 0; i < count; ++i) {
      out[begin + i] = (word >> i & 1) != 0 ? logits[begin + i] : kMinusInfinity;
    }
  }
}

// The logits after mask, penalties and bias; the given ones when there are none.
std::span<const float> adjust(const SamplingInput& input, SamplerScratch& scratch) {
  const bool penalises = input.parameters->penalises() && !input.seen.empty();
  if (!penalises && input.bias.empty() && input.mask.empty()) return input.logits;
  if (input.mask.empty()) {
    std::copy(input.logits.begin(), input.logits.end(), scratch.adjusted.begin());
  } else {
    copy_masked(input.logits, input.mask, scratch.adjusted);
  }
  if (penalises) penalise(*input.parameters, input.seen, scratch.adjusted);
  for (const LogitBias& bias : input.bias) {
    scratch.adjusted[static_cast<std::size_t>(bias.token)] += bias.value;
  }
  return scratch.adjusted.first(input.logits.size());
}

// Likelier first, then the lower id: a total order, so every selection is unique.
bool likelier(const Candidate& a, const Candidate& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.token < b.token;
}

// Tokens that cannot be drawn are left out.
std::span<Candidate> candidates_of(std::span<const float> logits, float maximum, float temperature,
                                   SamplerScratch& scratch) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float probability = probability_of(logits[i], maximum, temperature);
    scratch.candidates[count] = {probability, static_cast<std::int32_t>(i)};
    count += probability > 0 ? 1 : 0;
  }
  return scratch.candidates.first(count);
}

std::span<Candidate> keep_top_k(std::span<Candidate> candidates, std::int32_t top_k) {
  if (top_k == 0) return candidates;
  const std::size_t k = std::min(static_cast<std::size_t>(top_k), candidates.size());
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(k);
  if (k < candidates.size()) std::nth_element(candidates.begin(), end, candidates.end(), likelier);
  // Which k are kept is unique, their order after a partial selection is not.
  std::sort(candidates.begin(), end, likelier);
  return candidates.first(k);
}

std::uint64_t mass_of(std::span<const Candidate> candidates) {
  std::uint64_t mass = 0;
  for (const Candidate& candidate : candidates) mass += weight_of(candidate.probability);
  return mass;
}

// Sorts only as far as the cumulative probability needs, in runs that grow.
std::span<Candidate> keep_top_p(std::span<Candidate> candidates, float top_p) {
  if (top_p >= 1) return candidates;
  constexpr std::size_t kFirstRun = 256;
  const std::uint64_t wanted = top_p_weight(mass_of(candidates), top_p);
  const auto at = [&](std::size_t i) {
    return candidates.begin() + static_cast<std::ptrdiff_t>(i);
  };
  std::uint64_t reached = 0;
  std::size_t sorted = 0;
  while (sorted < candidates.size()) {
    const std::size_t next = std::min(candidates.size(), std::max(kFirstRun, sorted * 4));
    if (next < candidates.size()) {
      std::nth_element(at(sorted), at(next), candidates.end(), likelier);
    }
    std::sort(at(sorted), at(next), likelier);
    for (; sorted < next; ++sorted) {
      reached += weight_of(candidates[sorted].probability);
      if (reached >= wanted) return candidates.first(sorted + 1);
    }
  }
  return candidates;
}

std::span<Candidate> keep_min_p(std::span<Candidate> candidates, float min_p) {
  if (min_p <= 0) return candidates;
  // The likeliest token is always among the candidates and has probability 1.
  const auto end = std::remove_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate& c) { return c.probability < min_p; });
  return candidates.first(static_cast<std::size_t>(end - candidates.begin()));
}

std::int32_t draw(std::span<const Candidate> candidates, double u) {
  const std::uint64_t wanted = drawn_weight(mass_of(candidates), u);
  std::uint64_t reached = 0;
  for (const Candidate& candidate : candidates) {
    reached += weight_of(candidate.probability);
    if (reached >= wanted) return candidate.token;
  }
  return candidates.back().token;
}

std::int32_t first_of(std::span<const float> logits, float value) {
  const auto found = std::find(logits.begin(), logits.end(), value);
  return found == logits.end() ? 0 : static_cast<std::int32_t>(found - logits.begin());
}

}  // namespace

std::int32_t sample(const SamplingInput& input, SamplerScratch& scratch) {
  const SamplingParameters& parameters = *input.parameters;
  const std::span<const float> logits = adjust(input, scratch);
  const float maximum = maximum_of(logits);
  // Mask and bias may forbid every token, so the model's own logits tell; seldom looked at twice.
  if (!std::isfinite(maximum) && !std::isfinite(maximum_of(input.logits))) return kNotFinite;
  if (parameters.temperature <= 0) return first_of(logits, maximum);
  std::span<Candidate> kept = candidates_of(logits, maximum, parameters.temperature, scratch);
  if (kept.empty()) return first_of(logits, maximum);
  kept = keep_top_k(kept, parameters.top_k);
  kept = keep_top_p(kept, parameters.top_p);
  kept = keep_min_p(kept, parameters.min_p);
  return draw(kept, uniform(parameters.seed, input.position));
}

RowScore score(std::span<const float> logits, std::int32_t token, std::int32_t top) {
  RowScore score = sums_of(logits);
  score.logit = logits[static_cast<std::size_t>(token)];
  std::fill(std::begin(score.top_tokens), std::end(score.top_tokens), -1);
  std::fill(std::begin(score.top_logits), std::end(score.top_logits), kMinusInfinity);
  const std::span<std::int32_t> wanted =
      std::span(score.top_tokens).first(static_cast<std::size_t>(top));
  const std::size_t found = top_tokens(logits, wanted);
  for (std::size_t i = 0; i < found; ++i) {
    score.top_logits[i] = logits[static_cast<std::size_t>(wanted[i])];
  }
  return score;
}

Normaliser Normaliser::of(const RowScore& score) {
  return {score.maximum, static_cast<float>(std::log(score.sum))};
}

Normaliser Normaliser::of(std::span<const float> logits) { return of(sums_of(logits)); }

std::size_t top_tokens(std::span<const float> logits, std::span<std::int32_t> tokens) {
  std::size_t count = 0;
  if (tokens.empty()) return 0;
  const auto rank = [&](std::size_t id) {
    return std::isnan(logits[id]) ? kMinusInfinity : logits[id];
  };
  const auto rank_at = [&](std::size_t i) { return rank(static_cast<std::size_t>(tokens[i])); };
  for (std::size_t id = 0; id < logits.size(); ++id) {
    const bool full = count == tokens.size();
    if (full && !(logits[id] > rank_at(count - 1))) continue;
    std::size_t at = full ? count - 1 : count++;
    for (; at > 0 && rank(id) > rank_at(at - 1); --at) tokens[at] = tokens[at - 1];
    tokens[at] = static_cast<std::int32_t>(id);
  }
  return count;
}

}  // namespace sb::model
