// The paged KV memory of one rank of one stage.
#pragma once

#include <cstdint>
#include <vector>

#include "base/memory.h"
#include "ops/op.h"

namespace sb::model {

struct KvShape {
  ops::KvType type = ops::KvType::kF16;
  std::int32_t blocks = 0;
  std::int32_t block_tokens = 0;
};

// Per layer a K pool and a V pool of "blocks" blocks, laid out as ops::KvView says: one head's
// tokens of a block lie together, which is how attention walks them.
class KvPool {
 public:
  static KvPool lay_out(Carver& carver, const KvShape& shape, std::int64_t layers,
                        std::int32_t kv_heads, std::int32_t head_dim) {
    const std::int64_t head = ops::kv_head_bytes(shape.type, shape.block_tokens, head_dim);
    std::size_t bytes =
        checked_mul(static_cast<std::size_t>(shape.blocks), static_cast<std::size_t>(kv_heads));
    bytes = checked_mul(bytes, static_cast<std::size_t>(head));
    KvPool pool;
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      ops::KvView view;
      view.k = carver.take_bytes(bytes);
      view.v = carver.take_bytes(bytes);
      view.type = shape.type;
      view.block_tokens = shape.block_tokens;
      view.kv_heads = kv_heads;
      view.head_dim = head_dim;
      pool.layers_.push_back(view);
    }
    return pool;
  }

  [[nodiscard]] const ops::KvView& layer(std::int64_t index) const {
    return layers_[static_cast<std::size_t>(index)];
  }

 private:
  std::vector<ops::KvView> layers_;
};

}  // namespace sb::model
