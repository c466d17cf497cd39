#include "model/ends.h"

#include <algorithm>

namespace sb::model {

void Ends::lay_out(Carver& carver) {
  const auto rows = static_cast<std::size_t>(threads_);
  const auto dim = static_cast<std::size_t>(config_.dim);
  const std::size_t blocks = (dim + ops::kQuantBlock - 1) / ops::kQuantBlock;
  rows_ = carver.take<float>(checked_mul(rows, dim));
  if (config_.pooling != Pooling::kRank) return;
  inputs_ = carver.take<float>(checked_mul(rows, dim));
  q_ = carver.take<std::int8_t>(checked_mul(rows, dim));
  scale_ = carver.take<float>(checked_mul(rows, blocks));
  sum_ = carver.take<ops::BlockSum>(checked_mul(rows, blocks));
}

void Ends::bind(const RankWeights& weights) {
  embedding_ = weights.embedding;
  encoder_ = &weights.encoder;
}

void Ends::embed(const Batch& batch, std::int64_t token, float* x, const Team& team) {
  const std::int32_t id = batch.token_id(token);
  const auto after = std::upper_bound(
      embedding_.begin(), embedding_.end(), id,
      [](std::int32_t row, const EmbeddingSlice& slice) { return row < slice.row_begin; });
  const auto slice = std::prev(after);
  ops::unpack_row(slice->matrix, id - slice->row_begin, x);
  finish(batch.position(token), x, team);
}

void Ends::finish(std::int32_t position, float* x, const Team& team) {
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

void Ends::pool(const Sequence& sequence, const float* x, float* out, const Team& team) {
  const std::int64_t dim = config_.dim;
  const float* last = x + (sequence.n_tokens - 1) * dim;
  switch (config_.pooling) {
    case Pooling::kNone:
      return;
    case Pooling::kMean:
      finish_row(x, out);
      for (const float* row = x + dim; row <= last; row += dim) {
        finish_row(row, own_row(team));
        kernels_->add(out, own_row(team), dim);
      }
      return kernels_->scale(out, 1.0F / static_cast<float>(sequence.n_tokens), dim);
    case Pooling::kCls:
      return finish_row(x, out);
    case Pooling::kLast:
      return finish_row(last, out);
    case Pooling::kRank:
      return classify(x, out, team);
  }
}

// An encoder's layers end with norms of their own.
void Ends::finish_row(const float* x, float* out) {
  if (encoder_->output_norm == nullptr) {
    std::copy_n(x, config_.dim, out);
  } else {
    kernels_->rms_norm(x, encoder_->output_norm, config_.norm_epsilon, config_.dim, out);
  }
}

void Ends::classify(const float* x, float* score, const Team& team) {
  float* hidden = own_row(team);
  std::copy_n(x, config_.dim, hidden);
  if (encoder_->dense.rows > 0) {
    multiply(encoder_->dense, encoder_->dense_bias, hidden, hidden, team);
    kernels_->softcap(hidden, 1, config_.dim);  // tanh
  }
  multiply(encoder_->classifier, encoder_->classifier_bias, hidden, score, team);
}

// y = W x + bias for one row, by one thread. x may be y.
void Ends::multiply(const ops::Matrix& matrix, const float* bias, const float* x, float* y,
                    const Team& team) {
  const std::int64_t dim = config_.dim;
  const std::int64_t at = team.index * dim;
  const std::int64_t block = team.index * ((dim + ops::kQuantBlock - 1) / ops::kQuantBlock);
  const ops::Activations input{
      1, dim, inputs_.data() + at, q_.data() + at, scale_.data() + block, sum_.data() + block};
  std::copy_n(x, dim, inputs_.data() + at);
  if (ops::type_traits(matrix.type).quantised) {
    kernels_->quantise(input.f32, dim, 0, 1, q_.data() + at, scale_.data() + block,
                       sum_.data() + block);
  }
  kernels_->matmul(matrix, input, bias, y, matrix.rows, 0, matrix.groups());
}

}  // namespace sb::model
