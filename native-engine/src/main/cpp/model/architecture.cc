// What sets the architectures apart from a plain Llama: how embeddings begin, which positions a
// token attends to, the activation, how blocks end, and what an encoder gives.
#include <algorithm>

#include "model/rank_model.h"

namespace sb::model {

void RankModel::finish_embedding(std::int32_t position, float* x, const Team& team) {
  const std::int64_t dim = config_.dim;
  if (config_.embedding_scale != 1) kernels_->scale(x, config_.embedding_scale, dim);
  if (!config_.encoder()) return;
  if (encoder_->token_type != nullptr) kernels_->add(x, encoder_->token_type, dim);
  if (encoder_->positions.rows > 0) {
    float* row = own_row(team);
    ops::unpack_row(encoder_->positions, position, row);
    kernels_->add(x, row, dim);
  }
  kernels_->layer_norm(x, encoder_->norm, encoder_->norm_bias, config_.norm_epsilon, dim, x);
}

const float* RankModel::angles_of(const LayerWeights& weights, std::int64_t token) const {
  const bool own = weights.window > 0 && config_.rope_window_base > 0;
  return (own ? window_angles_ : angles_).data() + token * config_.rope_dim;
}

ops::AttentionSpan RankModel::span_of(const LayerWeights& weights, const Batch& batch,
                                      std::int64_t token) const {
  const Sequence& sequence = batch.sequence(token);
  ops::AttentionSpan span;
  span.end = config_.encoder() ? sequence.position + sequence.n_tokens : batch.position(token) + 1;
  span.begin = weights.window > 0 ? std::max(0, span.end - weights.window) : 0;
  span.scale = config_.attention_scale;
  span.softcap = config_.attention_softcap;
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

bool RankModel::ends_plainly(std::int32_t layer, Partial which) const {
  const LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  return end_of(weights, which).plain();
}

void RankModel::end_block(std::int32_t layer, Partial which, std::span<const float* const> partials,
                          Range tokens, const Team& team) {
  const LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  const BlockEnd& end = end_of(weights, which);
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

void RankModel::pool(const Sequence& sequence, float* out, const Team& team) {
  const std::int64_t dim = config_.dim;
  const float* first = x_.data() + sequence.first_token * dim;
  const float* last = first + (sequence.n_tokens - 1) * dim;
  switch (config_.pooling) {
    case Pooling::kNone:
      return;
    case Pooling::kMean:
      finish_row(first, out);
      for (const float* x = first + dim; x <= last; x += dim) {
        finish_row(x, own_row(team));
        kernels_->add(out, own_row(team), dim);
      }
      return kernels_->scale(out, 1.0F / static_cast<float>(sequence.n_tokens), dim);
    case Pooling::kCls:
      return finish_row(first, out);
    case Pooling::kLast:
      return finish_row(last, out);
    case Pooling::kRank:
      return classify(first, out, team);
  }
}

// An encoder's layers end with norms of their own.
void RankModel::finish_row(const float* x, float* out) {
  if (encoder_->output_norm == nullptr) {
    std::copy_n(x, config_.dim, out);
  } else {
    kernels_->rms_norm(x, encoder_->output_norm, config_.norm_epsilon, config_.dim, out);
  }
}

void RankModel::classify(const float* x, float* score, const Team& team) {
  float* hidden = own_row(team);
  std::copy_n(x, config_.dim, hidden);
  if (encoder_->dense.rows > 0) {
    multiply_row(encoder_->dense, encoder_->dense_bias, hidden, hidden, team);
    kernels_->softcap(hidden, 1, config_.dim);  // tanh
  }
  multiply_row(encoder_->classifier, encoder_->classifier_bias, hidden, score, team);
}

// y = W x + bias for one row, by one thread. x may be y.
void RankModel::multiply_row(const ops::Matrix& matrix, const float* bias, const float* x, float* y,
                             const Team& team) {
  Operand& input = own_normed_[static_cast<std::size_t>(team.index)];
  normalise_row(x, nullptr, 0, input, ops::type_traits(matrix.type).quantised);
  kernels_->matmul(matrix, input.view(1, config_.dim), bias, y, matrix.rows, 0, matrix.groups());
}

}  // namespace sb::model
