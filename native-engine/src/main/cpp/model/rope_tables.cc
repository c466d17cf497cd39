#include "model/rope_tables.h"

#include <algorithm>
#include <cmath>

#include "model/weights.h"

namespace sb::model {
namespace {

// How much of a pair's own frequency YaRN keeps, from 1 for pairs that turn often within the
// original context to 0 for those that hardly do; the rest is scaled. The pairs where this begins
// and ends are rounded outwards, as models have been trained.
class Yarn {
 public:
  explicit Yarn(const Config& config)
      : low_(std::max(0.0, std::floor(pair_that_turns(config, config.rope_yarn_fast)))),
        high_(std::min(config.rope_dim - 1.0,
                       std::ceil(pair_that_turns(config, config.rope_yarn_slow)))) {}

  [[nodiscard]] double kept(std::size_t pair) const {
    const double ramp = (static_cast<double>(pair) - low_) / std::max(0.001, high_ - low_);
    return 1 - std::clamp(ramp, 0.0, 1.0);
  }

 private:
  static double pair_that_turns(const Config& config, float times) {
    constexpr double kTwoPi = 6.283185307179586;
    const double context = config.rope_original_context;
    return config.rope_dim * std::log(context / (static_cast<double>(times) * kTwoPi)) /
           (2 * std::log(static_cast<double>(config.rope_base)));
  }

  double low_;
  double high_;
};

std::vector<float> frequencies(const Config& config, float base, const Tensor* divisors) {
  const auto pairs = static_cast<std::size_t>(config.rope_dim / 2);
  std::vector<float> divisor(pairs, 1.0F);
  if (divisors != nullptr) copy_vector(*divisors, divisor.data());
  std::vector<float> out(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / config.rope_dim;
    out[i] = static_cast<float>(std::pow(static_cast<double>(base), exponent) /
                                static_cast<double>(divisor[i]));
  }
  return out;
}

void stretch(const Config& config, std::vector<float>& frequencies) {
  const double scaled = 1 / static_cast<double>(config.rope_scale);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double kept = config.rope_yarn_fast > 0 ? Yarn(config).kept(i) : 0;
    const double factor = scaled * (1 - kept) + kept;
    frequencies[i] = static_cast<float>(static_cast<double>(frequencies[i]) * factor);
  }
}

}  // namespace

RopeTables RopeTables::of(const Config& config, const Tensors& tensors) {
  RopeTables tables;
  tables.all = frequencies(config, config.rope_base, tensors.find(Role::kRopeFreqs));
  stretch(config, tables.all);
  if (config.rope_window_base > 0) {
    tables.windows = frequencies(config, config.rope_window_base, nullptr);
  }
  return tables;
}

}  // namespace sb::model
