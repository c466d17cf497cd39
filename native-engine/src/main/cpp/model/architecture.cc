// What sets the architectures' layers apart from a plain Llama's: which positions a token attends
// to, the activation, and how blocks end.
#include <algorithm>

#include "model/rank_model.h"

namespace sb::model {

const float* RankModel::angles_of(const LayerWeights& weights, std::int64_t token) const {
  const bool own = weights.window > 0 && config_.rope_window_base > 0;
  return (own ? window_angles_ : angles_).data() + token * config_.rope_dim;
}

ops::AttentionSpan span_of(const Config& config, const LayerWeights& weights, const Batch& batch,
                           std::int64_t token) {
  const Sequence& sequence = batch.sequence(token);
  ops::AttentionSpan span;
  span.end = config.encoder() ? sequence.position + sequence.n_tokens : batch.position(token) + 1;
  span.begin = weights.window > 0 ? std::max(0, span.end - weights.window) : 0;
  span.scale = config.attention_scale;
  span.softcap = config.attention_softcap;
  return span;
}

// What the gate lets through, in place; without a gate the values themselves.
void RankModel::activate(float* gate, const float* up, std::int64_t n) {
  switch (activation_of(config_.arch)) {
    case Activation::kSilu:
      return kernels_->silu_mul(gate, up, n, gate);
    case Activation::kGeluTanh:
      return kernels_->gelu_mul(gate, up, n, gate);
    case Activation::kGelu:
      return kernels_->gelu(gate, n);
  }
}

// For tokens of x the ranks' partial sums are added in rank order, normed and added to x as the
// layer's weights say.
void RankModel::end_block(const BlockEnd& end, std::span<const float* const> partials, Range tokens,
                          const Team& team) {
  const std::int64_t dim = config_.dim;
  float* sum = own_row(team);
  for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
    const std::int64_t at = token * dim;
    std::copy_n(partials.front() + at, dim, sum);
    for (const float* partial : partials.subspan(1)) kernels_->add(sum, partial + at, dim);
    float* x = x_.data() + at;
    if (end.norm_output != nullptr) {
      kernels_->rms_norm(sum, end.norm_output, config_.norm_epsilon, dim, sum);
    }
    kernels_->add(x, sum, dim);
    if (end.norm_sum == nullptr) continue;
    kernels_->layer_norm(x, end.norm_sum, end.norm_sum_bias, config_.norm_epsilon, dim, x);
  }
}

// Of this rank's part of the vocabulary.
void RankModel::cap_logits(Range columns, std::int64_t rows, float* logits) {
  float* first = logits + shape_.output_rows.begin + columns.begin;
  for (std::int64_t row = 0; row < rows; ++row) {
    kernels_->softcap(first + row * config_.vocab, config_.logit_softcap, columns.size());
  }
}

}  // namespace sb::model
