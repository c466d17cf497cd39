// Which part of a model each stage and rank holds.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "base/team.h"
#include "model/config.h"

namespace sb::model {

struct Placement {
  std::int32_t stages = 1;
  std::int32_t ranks = 1;
};

// One rank's part of every layer. With more ranks than KV heads each rank has one, as some others
// do: they compute the same keys and values, and attend to them with queries of their own.
struct RankShape {
  std::int32_t heads = 0;
  std::int32_t kv_heads = 0;
  Range q_rows;       // rows of attn_q, columns of attn_output
  Range kv_rows;      // rows of attn_k and attn_v
  Range ffn_rows;     // rows of ffn_gate and ffn_up, columns of ffn_down
  Range output_rows;  // rows of the output layer

  // Query heads that share one of its KV heads.
  [[nodiscard]] std::int32_t queries_per_kv_head() const { return heads / kv_heads; }
};

// Whether the model can be split this way. Quantised activations carry one scale per 32 columns, so
// a rank's columns must begin and end at a multiple of 32.
Status validate(const Config& config, const Tensors& tensors, const Placement& placement);

// Consecutive layers of a stage. The last stage also runs the output layer, and with a large
// vocabulary that weighs as much as several layers, so it gets fewer of them.
[[nodiscard]] Range stage_layers(const Config& config, std::int32_t stages, std::int32_t stage);

[[nodiscard]] RankShape rank_shape(const Config& config, std::int32_t ranks, std::int32_t rank);

}  // namespace sb::model
