#include "model/partition.h"

#include <algorithm>

namespace sb::model {
namespace {

Status check_divides(const char* field, std::int64_t value, std::int32_t ranks) {
  if (value % ranks == 0) return Status::kOk;
  return fail(Status::kInvalidArgument, "ranks: %d does not divide %s %lld", ranks, field,
              static_cast<long long>(value));
}

// A quantised tensor whose columns are split needs slices of whole activation blocks.
Status check_slices(const Config& config, const Tensors& tensors, std::int32_t ranks) {
  const std::int64_t q_cols = std::int64_t{config.n_heads} / ranks * config.head_dim;
  for (std::int32_t layer = 0; layer < config.n_layers; ++layer) {
    const Tensor& output = tensors.get(Role::kAttnOutput, layer);
    if (!ops::type_traits(output.type).quantised || q_cols % ops::kQuantBlock == 0) continue;
    return fail(Status::kUnsupported,
                "ranks: %d leave tensor %s %lld columns per rank, not a multiple of %lld", ranks,
                name_of(Role::kAttnOutput, layer).text, static_cast<long long>(q_cols),
                static_cast<long long>(ops::kQuantBlock));
  }
  return Status::kOk;
}

std::int64_t layer_weights(const Config& config) {
  const std::int64_t dim = config.dim;
  const std::int64_t heads = 2 * (std::int64_t{config.n_heads} + config.n_kv_heads);
  return dim * heads * config.head_dim + 3 * dim * config.ffn_dim;
}

// Layers of the last stage that make the heaviest stage lightest.
std::int64_t last_stage_layers(const Config& config, std::int64_t stages) {
  const std::int64_t layer = layer_weights(config);
  const std::int64_t output = std::int64_t{config.vocab} * config.dim;
  std::int64_t best = 1;
  std::int64_t best_cost = INT64_MAX;
  for (std::int64_t last = 1; last <= config.n_layers - (stages - 1); ++last) {
    const std::int64_t others = (config.n_layers - last + stages - 2) / (stages - 1);
    const std::int64_t cost = std::max(others * layer, last * layer + output);
    if (cost <= best_cost) {
      best = last;
      best_cost = cost;
    }
  }
  return best;
}

}  // namespace

Status validate(const Config& config, const Tensors& tensors, const Placement& placement) {
  if (placement.stages > config.n_layers) {
    return fail(Status::kInvalidArgument, "stages: %d are more than the %d layers",
                placement.stages, config.n_layers);
  }
  const std::int32_t ranks = placement.ranks;
  if (ranks == 1) return Status::kOk;
  if (Status s = check_divides("n_heads", config.n_heads, ranks); s != Status::kOk) return s;
  if (ranks % config.n_kv_heads != 0 && config.n_kv_heads % ranks != 0) {
    return fail(Status::kInvalidArgument,
                "ranks: %d neither divides n_kv_heads %d nor is a multiple", ranks,
                config.n_kv_heads);
  }
  if (config.ffn_dim % ops::kQuantBlock != 0) {
    return fail(Status::kInvalidArgument, "ranks: ffn_dim %d is not a multiple of %lld",
                config.ffn_dim, static_cast<long long>(ops::kQuantBlock));
  }
  if (Status s = check_divides("ffn_dim / 32", config.ffn_dim / ops::kQuantBlock, ranks);
      s != Status::kOk) {
    return s;
  }
  return check_slices(config, tensors, ranks);
}

Range stage_layers(const Config& config, std::int32_t stages, std::int32_t stage) {
  if (stages == 1) return {0, config.n_layers};
  const std::int64_t first_of_last = config.n_layers - last_stage_layers(config, stages);
  if (stage == stages - 1) return {first_of_last, config.n_layers};
  return split(first_of_last, stage, stages - 1);
}

RankShape rank_shape(const Config& config, std::int32_t ranks, std::int32_t rank) {
  RankShape shape;
  shape.heads = config.n_heads / ranks;
  shape.kv_heads = std::max(1, config.n_kv_heads / ranks);
  const std::int64_t q = std::int64_t{shape.heads} * config.head_dim;
  const std::int64_t kv = std::int64_t{shape.kv_heads} * config.head_dim;
  shape.q_rows = {q * rank, q * (rank + 1)};
  const std::int64_t first_kv_head = std::int64_t{rank} * config.n_kv_heads / ranks;
  shape.kv_rows = {first_kv_head * config.head_dim, first_kv_head * config.head_dim + kv};
  shape.ffn_rows = split(config.ffn_dim, rank, ranks);
  const std::int64_t groups = (config.vocab + ops::kRowGroup - 1) / ops::kRowGroup;
  const Range mine = split(groups, rank, ranks);
  // A vocabulary of fewer groups than ranks leaves some ranks without a row.
  shape.output_rows = {std::min<std::int64_t>(config.vocab, mine.begin * ops::kRowGroup),
                       std::min<std::int64_t>(config.vocab, mine.end * ops::kRowGroup)};
  return shape;
}

}  // namespace sb::model
