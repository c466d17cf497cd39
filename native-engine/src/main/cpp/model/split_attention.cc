// Attention of a decode step that has too few heads for its threads: long contexts are cut into
// parts, which are dealt out, and joined afterwards. The parts are those that a thread by itself
// would join, so how a step is computed shows in its time only.
#include <algorithm>

#include "model/rank_model.h"

namespace sb::model {

namespace {

// With this many units (a token's kv head) per thread, dealing whole units keeps all threads busy.
constexpr std::int64_t kEnoughUnits = 2;

}  // namespace

void RankModel::lay_out_parts(Carver& carver) {
  const std::int32_t group = shape_.queries_per_kv_head();
  max_parts_ = (config_.context + ops::kAttentionPart - 1) / ops::kAttentionPart;
  part_floats_ = ops::attention_part_floats(group, config_.head_dim);
  const std::int64_t units = limits_.threads > 1 ? kEnoughUnits * limits_.threads : 0;
  attention_parts_ =
      carver.take<float>(checked_mul(part_floats_, static_cast<std::size_t>(units * max_parts_)));
}

bool RankModel::splits(const LayerWeights& weights, const Batch& batch, const Team& team) const {
  if (team.size == 1 || batch.size() * shape_.kv_heads >= kEnoughUnits * team.size) return false;
  for (std::int64_t token = 0; token < batch.size(); ++token) {
    if (ops::attention_parts(span_of(config_, weights, batch, token)) > 1) return true;
  }
  return false;
}

bool RankModel::attend_split(std::int32_t layer, const Batch& batch, bool quantise, Team& team) {
  const LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  const std::int32_t group = shape_.queries_per_kv_head();
  const std::int64_t q_cols = shape_.q_rows.size();
  const std::int64_t head_cols = std::int64_t{group} * config_.head_dim;
  const std::int64_t units = batch.size() * shape_.kv_heads;
  float* scratch =
      attention_scratch_.data() + attention_scratch_floats_ * static_cast<std::size_t>(team.index);
  const auto parts_of = [&](std::int64_t unit) {
    return attention_parts_.data() + static_cast<std::size_t>(unit * max_parts_) * part_floats_;
  };
  const Range mine = team.share(units);
  for (std::int64_t unit = mine.begin; unit < mine.end; ++unit) {
    store_unit(layer, batch, unit / shape_.kv_heads, unit % shape_.kv_heads);
  }
  if (!team.sync()) return false;

  team.deal(units * max_parts_, 1, [&](Range pieces) {
    for (std::int64_t piece = pieces.begin; piece < pieces.end; ++piece) {
      const std::int64_t unit = piece / max_parts_;
      const auto part = static_cast<std::int32_t>(piece % max_parts_);
      const std::int64_t token = unit / shape_.kv_heads;
      const std::int64_t kv_head = unit % shape_.kv_heads;
      const ops::AttentionSpan span = span_of(config_, weights, batch, token);
      if (part >= ops::attention_parts(span)) continue;
      kernels_->attend_part(
          kv_->layer(layer), batch.sequence(token).blocks, static_cast<std::int32_t>(kv_head),
          ops::attention_part(span, part), q_.data() + token * q_cols + kv_head * head_cols, group,
          parts_of(unit) + static_cast<std::size_t>(part) * part_floats_, scratch);
    }
  });
  if (!team.sync()) return false;

  // Whole tokens: a head alone need not fill the blocks that are quantised.
  const Range tokens = team.share(batch.size());
  for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
    const std::int32_t parts = ops::attention_parts(span_of(config_, weights, batch, token));
    for (std::int64_t kv_head = 0; kv_head < shape_.kv_heads; ++kv_head) {
      kernels_->join_parts(parts_of(token * shape_.kv_heads + kv_head), parts, group,
                           config_.head_dim,
                           attended_.f32.data() + token * q_cols + kv_head * head_cols, scratch);
    }
    if (quantise) quantise_columns(attended_, q_cols, token, 0, q_cols);
  }
  return team.sync();
}

}  // namespace sb::model
