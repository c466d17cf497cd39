#include "model/rank_model.h"

#include <algorithm>

namespace sb::model {
namespace {

// Rows of together so many floats are normalised by every thread for itself.
constexpr std::int64_t kOwnFloats = 4096;

std::size_t product(std::int64_t a, std::int64_t b) {
  return checked_mul(static_cast<std::size_t>(a), static_cast<std::size_t>(b));
}

bool is_quantised(const ops::Matrix& matrix) { return ops::type_traits(matrix.type).quantised; }

// Groups of 16 rows that are dealt out at a time: enough work that drawing a ticket costs nothing
// beside it, little enough that the last piece keeps nobody waiting for long. With many tokens a
// piece is read from the second cache once per tile of tokens, and wide pieces save starting over.
std::int64_t piece_groups(const ops::Matrix& w, std::int64_t tokens) {
  constexpr std::size_t kFewTokensBytes = 32 * 1024;
  constexpr std::size_t kManyTokensBytes = 128 * 1024;
  const std::size_t bytes = tokens <= 16 ? kFewTokensBytes : kManyTokensBytes;
  return static_cast<std::int64_t>((bytes + w.group_bytes - 1) / w.group_bytes);
}

Range rows_of(Range groups, std::int64_t rows) {
  return {groups.begin * ops::kRowGroup, std::min(rows, groups.end * ops::kRowGroup)};
}

}  // namespace

void RankModel::Operand::lay_out(Carver& carver, std::int64_t tokens, std::int64_t cols) {
  const std::int64_t blocks = (cols + ops::kQuantBlock - 1) / ops::kQuantBlock;
  f32 = carver.take<float>(product(tokens, cols));
  q = carver.take<std::int8_t>(product(tokens, cols));
  scale = carver.take<float>(product(tokens, blocks));
  sum = carver.take<ops::BlockSum>(product(tokens, blocks));
}

ops::Activations RankModel::Operand::view(std::int64_t m, std::int64_t k) const {
  return {m, k, f32.data(), q.data(), scale.data(), sum.data()};
}

void RankModel::lay_out(Carver& carver, Carver& /*device*/) {
  const std::int64_t tokens = limits_.max_tokens;
  // The output layer reads normed_ too, with at most max_logit_tokens <= max_tokens rows.
  x_ = carver.take<float>(product(tokens, config_.dim));
  ends_.lay_out(carver);
  angles_ = carver.take<float>(product(tokens, config_.rope_dim));
  if (config_.rope_window_base > 0) {
    window_angles_ = carver.take<float>(product(tokens, config_.rope_dim));
  }
  own_rows_of_x_ = carver.take<float>(product(limits_.threads, config_.dim));
  normed_.lay_out(carver, tokens, config_.dim);
  own_rows_ = std::clamp<std::int64_t>(kOwnFloats / config_.dim, 1, tokens);
  own_normed_.resize(static_cast<std::size_t>(limits_.threads));
  for (Operand& own : own_normed_) own.lay_out(carver, own_rows_, config_.dim);
  attended_.lay_out(carver, tokens, shape_.q_rows.size());
  gated_.lay_out(carver, tokens, shape_.ffn_rows.size());
  q_ = carver.take<float>(product(tokens, shape_.q_rows.size()));
  k_ = carver.take<float>(product(tokens, shape_.kv_rows.size()));
  v_ = carver.take<float>(product(tokens, shape_.kv_rows.size()));
  up_ = carver.take<float>(product(tokens, shape_.ffn_rows.size()));
  for (std::span<float>& partial : partial_) {
    partial = carver.take<float>(product(tokens, config_.dim));
  }
  attention_scratch_floats_ = ops::attention_run_floats(shape_.queries_per_kv_head(),
                                                        limits_.block_tokens, config_.head_dim);
  // Whole cache lines per thread.
  attention_scratch_floats_ = (attention_scratch_floats_ + 15) / 16 * 16;
  attention_scratch_ = carver.take<float>(
      checked_mul(attention_scratch_floats_, static_cast<std::size_t>(limits_.threads)));
  lay_out_parts(carver);
}

Status RankModel::bind(const RankWeights& weights, const KvPool& kv, const RopeTables& rope) {
  weights_ = &weights;
  ends_.bind(weights);
  kv_ = &kv;
  rope_ = {config_.rope_neox, config_.rope_dim, rope.all.data(), config_.rope_magnitude};
  window_rope_ = {config_.rope_neox, config_.rope_dim, rope.windows.data(), 1};
  return Status::kOk;
}

void RankModel::begin(const Batch& batch, Team& team) {
  const Range tokens = team.share(batch.size());
  for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
    const std::int64_t at = token * config_.rope_dim;
    ops::rope_angles(rope_, batch.position(token), angles_.data() + at);
    if (config_.rope_window_base == 0) continue;
    ops::rope_angles(window_rope_, batch.position(token), window_angles_.data() + at);
  }
}

void RankModel::embed(const Batch& batch, Team& team) {
  const Range tokens = team.share(batch.size());
  for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
    ends_.embed(batch, token, x_.data() + token * config_.dim, team);
  }
}

void RankModel::take_hidden(std::span<const float> hidden, std::int64_t count, Team& team) {
  const Range tokens = team.share(count);
  std::copy(hidden.begin() + tokens.begin * config_.dim, hidden.begin() + tokens.end * config_.dim,
            x_.data() + tokens.begin * config_.dim);
}

void RankModel::give_hidden(std::int64_t count, std::span<float> hidden, Team& team) {
  const Range tokens = team.share(count);
  std::copy(x_.data() + tokens.begin * config_.dim, x_.data() + tokens.end * config_.dim,
            hidden.begin() + tokens.begin * config_.dim);
}

const RankModel::Operand* RankModel::normalise(const float* weight, Range rows, bool quantise,
                                               Team& team) {
  const bool own = team.size > 1 && rows.size() <= own_rows_;
  Operand& out = own ? own_normed_[static_cast<std::size_t>(team.index)] : normed_;
  const Range mine = own ? Range{0, rows.size()} : team.share(rows.size());
  for (std::int64_t row = mine.begin; row < mine.end; ++row) {
    normalise_row(x_.data() + (rows.begin + row) * config_.dim, weight, row, out, quantise);
  }
  return own || team.sync() ? &out : nullptr;
}

void RankModel::normalise_row(const float* x, const float* weight, std::int64_t row, Operand& out,
                              bool quantise) {
  const std::int64_t dim = config_.dim;
  if (weight == nullptr) {
    std::copy_n(x, dim, out.f32.data() + row * dim);
  } else {
    kernels_->rms_norm(x, weight, config_.norm_epsilon, dim, out.f32.data() + row * dim);
  }
  if (!quantise) return;
  kernels_->quantise(out.f32.data(), dim, row, row + 1, out.q.data(), out.scale.data(),
                     out.sum.data());
}

void RankModel::quantise_columns(Operand& operand, std::int64_t k, std::int64_t token,
                                 std::int64_t begin, std::int64_t end) {
  const std::int64_t at = token * k + begin;
  const std::int64_t block = at / ops::kQuantBlock;
  kernels_->quantise(operand.f32.data() + at, end - begin, 0, 1, operand.q.data() + at,
                     operand.scale.data() + block, operand.sum.data() + block);
}

bool RankModel::attention(std::int32_t layer, const Batch& batch, const TokenSet& kept,
                          Team& team) {
  const LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  const bool quantise_in =
      is_quantised(weights.q) || is_quantised(weights.k) || is_quantised(weights.v);
  const Operand* input = normalise(weights.attn_norm, {0, batch.size()}, quantise_in, team);
  if (input == nullptr) return false;

  project_qkv(weights, *input, batch.size(), team);
  if (!team.sync()) return false;

  if (!attend(layer, batch, kept, is_quantised(weights.attn_output), team)) return false;
  if (kept.count == 0) return true;

  project_out(weights, Partial::kAttention, attended_.view(kept.count, shape_.q_rows.size()), kept,
              team);
  return true;
}

void RankModel::project_out(const LayerWeights& weights, Partial which,
                            const ops::Activations& input, const TokenSet& kept, Team& team) {
  const bool attention = which == Partial::kAttention;
  const ops::Matrix& w = attention ? weights.attn_output : weights.down;
  const float* bias = attention ? weights.attn_output_bias : weights.down_bias;
  const bool adds = limits_.ranks == 1 && weights.end(which).plain();
  float* partial = partial_[static_cast<std::size_t>(which)].data();
  team.deal(w.groups(), piece_groups(w, kept.count), [&](Range groups) {
    kernels_->matmul(w, input, bias, partial, config_.dim, groups.begin, groups.end);
    if (limits_.ranks > 1) return;
    const Range columns = rows_of(groups, config_.dim);
    keep(kept, columns);
    for (std::int64_t row = 0; adds && row < kept.count; ++row) {
      const std::int64_t at = row * config_.dim + columns.begin;
      kernels_->add(x_.data() + at, partial + at, columns.size());
    }
  });
}

void RankModel::keep(const TokenSet& kept, Range columns) {
  for (std::int64_t i = 0; i < kept.count; ++i) {
    // Rising order: a row is read before it is overwritten.
    if (kept[i] == i) continue;
    const float* from = x_.data() + kept[i] * config_.dim;
    std::copy(from + columns.begin, from + columns.end,
              x_.data() + i * config_.dim + columns.begin);
  }
}

// q, k and v are dealt out as if they were one matrix.
void RankModel::project_qkv(const LayerWeights& weights, const Operand& operand, std::int64_t m,
                            Team& team) {
  struct Part {
    const ops::Matrix* matrix;
    const float* bias;
    float* y;
  };
  const Part parts[] = {{&weights.q, weights.q_bias, q_.data()},
                        {&weights.k, weights.k_bias, k_.data()},
                        {&weights.v, weights.v_bias, v_.data()}};
  const ops::Activations input = operand.view(m, config_.dim);
  const std::int64_t all = weights.q.groups() + weights.k.groups() + weights.v.groups();
  team.deal(all, piece_groups(weights.q, m), [&](Range piece) {
    std::int64_t offset = 0;
    for (const Part& part : parts) {
      const std::int64_t groups = part.matrix->groups();
      const std::int64_t begin = std::clamp<std::int64_t>(piece.begin - offset, 0, groups);
      const std::int64_t end = std::clamp<std::int64_t>(piece.end - offset, 0, groups);
      if (begin < end) {
        kernels_->matmul(*part.matrix, input, part.bias, part.y, part.matrix->rows, begin, end);
      }
      offset += groups;
    }
  });
}

void RankModel::prepare_heads(const float* norm, const float* angles, std::int32_t n_heads,
                              float* heads) {
  for (std::int64_t i = 0; norm != nullptr && i < n_heads; ++i) {
    float* head = heads + i * config_.head_dim;
    kernels_->rms_norm(head, norm, config_.norm_epsilon, config_.head_dim, head);
  }
  if (config_.rope_dim == 0) return;
  kernels_->rope(rope_, angles, n_heads, config_.head_dim, heads);
}

void RankModel::store_unit(std::int32_t layer, const Batch& batch, std::int64_t token,
                           std::int64_t kv_head) {
  const LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  const ops::KvView& kv = kv_->layer(layer);
  const std::int64_t head_dim = config_.head_dim;
  const std::int32_t group = shape_.queries_per_kv_head();
  const std::int32_t position = batch.position(token);
  const float* angles = angles_of(weights, token);
  float* queries = q_.data() + token * shape_.q_rows.size() + kv_head * group * head_dim;
  prepare_heads(weights.q_norm, angles, group, queries);
  const std::int64_t at = token * shape_.kv_rows.size() + kv_head * head_dim;
  prepare_heads(weights.k_norm, angles, 1, k_.data() + at);
  const std::int32_t block = position / kv.block_tokens;
  kernels_->kv_store(kv, batch.sequence(token).blocks[static_cast<std::size_t>(block)],
                     position % kv.block_tokens, static_cast<std::int32_t>(kv_head), k_.data() + at,
                     v_.data() + at);
}

std::int32_t RankModel::attend_run(std::int32_t layer, const Batch& batch, const TokenSet& kept,
                                   std::int64_t row, std::int64_t kv_head, float* scratch) {
  const std::int32_t group = shape_.queries_per_kv_head();
  const std::int64_t q_cols = shape_.q_rows.size();
  const std::int64_t column = kv_head * group * config_.head_dim;
  const LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  const ops::KvView& kv = kv_->layer(layer);
  if (row > 0 && goes_on(weights, batch, kept, row, kv.block_tokens)) return 0;
  ops::AttentionSpan spans[ops::kMaxRunTokens];
  std::int32_t n = 0;
  do {
    spans[n] = span_of(config_, weights, batch, kept[row + n]);
    ++n;
  } while (row + n < kept.count && goes_on(weights, batch, kept, row + n, kv.block_tokens));
  kernels_->attention_run(kv, batch.sequence(kept[row]).blocks, static_cast<std::int32_t>(kv_head),
                          {spans, static_cast<std::size_t>(n)},
                          q_.data() + kept[row] * q_cols + column, q_cols, group,
                          attended_.f32.data() + row * q_cols + column, scratch);
  return n;
}

// Positions decide where runs begin, so every thread sees the same ones.
bool RankModel::goes_on(const LayerWeights& weights, const Batch& batch, const TokenSet& kept,
                        std::int64_t row, std::int32_t block_tokens) const {
  const std::int64_t token = kept[row];
  const std::int32_t most = ops::attention_run_tokens(shape_.queries_per_kv_head());
  return batch.position(token) % most != 0 && kept[row - 1] == token - 1 &&
         batch.sequence_of[static_cast<std::size_t>(token)] ==
             batch.sequence_of[static_cast<std::size_t>(token - 1)] &&
         ops::attend_together(span_of(config_, weights, batch, token - 1),
                              span_of(config_, weights, batch, token), block_tokens);
}

// Stores the keys and values of all tokens and attends those kept.
bool RankModel::attend(std::int32_t layer, const Batch& batch, const TokenSet& kept, bool quantise,
                       Team& team) {
  const std::int64_t m = batch.size();
  const std::int64_t kv_heads = shape_.kv_heads;
  const std::int64_t q_cols = shape_.q_rows.size();
  const std::int64_t head_cols = std::int64_t{shape_.queries_per_kv_head()} * config_.head_dim;
  // A kv head's queries are quantised by the thread that attended them when they fill whole blocks.
  const bool whole_blocks = head_cols % ops::kQuantBlock == 0;
  // With one token per sequence no unit reads what another one of the step stores.
  const bool at_once = kept.count == m && batch.sequences.size() == batch.tokens.size();
  const LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  if (at_once && splits(weights, batch, team)) return attend_split(layer, batch, quantise, team);
  if (!at_once) {
    const Range units = team.share(m * kv_heads);
    for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
      store_unit(layer, batch, unit / kv_heads, unit % kv_heads);
    }
    if (!team.sync()) return false;
  }
  float* scratch =
      attention_scratch_.data() + attention_scratch_floats_ * static_cast<std::size_t>(team.index);
  // Dealt out in the smallest pieces: later tokens of a prompt attend to more positions than
  // earlier ones. Whoever has the first token of a run has all of it.
  team.deal(kept.count * kv_heads, 1, [&](Range units) {
    for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
      const std::int64_t row = unit % kept.count;
      const std::int64_t kv_head = unit / kept.count;
      if (at_once) store_unit(layer, batch, row, kv_head);
      const std::int32_t run = attend_run(layer, batch, kept, row, kv_head, scratch);
      for (std::int64_t i = row; quantise && whole_blocks && i < row + run; ++i) {
        quantise_columns(attended_, q_cols, i, kv_head * head_cols, (kv_head + 1) * head_cols);
      }
    }
  });
  if (!team.sync()) return false;
  if (!quantise || whole_blocks) return true;
  const Range rows = team.share(kept.count);
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    quantise_columns(attended_, q_cols, row, 0, q_cols);
  }
  return team.sync();
}

bool RankModel::add_partials(std::int32_t layer, Partial which,
                             std::span<const float* const> partials, const TokenSet& kept,
                             Team& team) {
  const BlockEnd& end = weights_->layers[static_cast<std::size_t>(layer)].end(which);
  // A rank that is alone has moved its own tokens, and added its own sums where no norm follows.
  if (limits_.ranks > 1) {
    const Range columns = team.share(config_.dim);
    keep(kept, columns);
    for (const float* partial : partials) {
      if (end.plain()) add_columns(partial, kept.count, columns);
    }
  }
  if (end.plain()) return team.sync();
  // A norm needs whole rows: the columns of all threads must have been written and moved.
  if (!team.sync()) return false;
  end_block(end, partials, team.share(kept.count), team);
  return team.sync();
}

void RankModel::add_columns(const float* partial, std::int64_t tokens, Range columns) {
  if (columns.size() == 0) return;
  for (std::int64_t token = 0; token < tokens; ++token) {
    const std::int64_t at = token * config_.dim + columns.begin;
    kernels_->add(x_.data() + at, partial + at, columns.size());
  }
}

void RankModel::pool(const Sequence& sequence, float* out, const Team& team) {
  ends_.pool(sequence, x_.data() + sequence.first_token * config_.dim, out, team);
}

bool RankModel::feed_forward(std::int32_t layer, std::int64_t m, Team& team) {
  const LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  // Without a gate its type is F32.
  const bool quantise_in = is_quantised(weights.gate) || is_quantised(weights.up);
  const Operand* input = normalise(weights.ffn_norm, {0, m}, quantise_in, team);
  if (input == nullptr) return false;

  gate_and_up(weights, *input, m, is_quantised(weights.down), team);
  if (!team.sync()) return false;

  project_out(weights, Partial::kFeedForward, gated_.view(m, shape_.ffn_rows.size()), {m, {}},
              team);
  return true;
}

// Dealt out in pairs of groups: 32 rows are one activation block of the next matrix, so a thread
// gates and quantises what it has computed itself.
void RankModel::gate_and_up(const LayerWeights& weights, const Operand& operand, std::int64_t m,
                            bool quantise, Team& team) {
  constexpr std::int64_t kGroupsPerBlock = ops::kQuantBlock / ops::kRowGroup;
  const std::int64_t rows = shape_.ffn_rows.size();
  const std::int64_t groups = weights.up.groups();
  const std::int64_t blocks = (groups + kGroupsPerBlock - 1) / kGroupsPerBlock;
  const ops::Activations input = operand.view(m, config_.dim);
  const bool gated = weights.gate.rows > 0;
  float* up = gated ? up_.data() : gated_.f32.data();
  // A piece is read from two matrices.
  const std::int64_t grain =
      (piece_groups(weights.up, m) + 2 * kGroupsPerBlock - 1) / (2 * kGroupsPerBlock);
  team.deal(blocks, grain, [&](Range piece) {
    const std::int64_t begin = piece.begin * kGroupsPerBlock;
    const std::int64_t end = std::min(groups, piece.end * kGroupsPerBlock);
    if (gated) kernels_->matmul(weights.gate, input, nullptr, gated_.f32.data(), rows, begin, end);
    kernels_->matmul(weights.up, input, weights.up_bias, up, rows, begin, end);
    const Range columns = rows_of({begin, end}, rows);
    for (std::int64_t token = 0; token < m; ++token) {
      float* gate = gated_.f32.data() + token * rows + columns.begin;
      activate(gate, up_.data() + token * rows + columns.begin, columns.size());
      if (quantise) quantise_columns(gated_, rows, token, columns.begin, columns.end);
    }
  });
}

bool RankModel::logits(Range rows, std::span<const std::int32_t> /*listed*/, float* logits,
                       Team& team) {
  const Operand* input =
      normalise(weights_->output_norm, rows, is_quantised(weights_->output), team);
  if (input == nullptr) return false;
  const ops::Matrix& w = weights_->output;
  team.deal(w.groups(), 4 * piece_groups(w, rows.size()), [&](Range groups) {
    kernels_->matmul(w, input->view(rows.size(), config_.dim), nullptr,
                     logits + shape_.output_rows.begin, config_.vocab, groups.begin, groups.end);
    if (config_.logit_softcap > 0) cap_logits(rows_of(groups, w.rows), rows.size(), logits);
  });
  return true;
}

}  // namespace sb::model
