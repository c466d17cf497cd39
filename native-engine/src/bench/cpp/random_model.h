// Models with random weights, as large as real ones, in memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "abi/switchboard.h"

namespace sb::bench {

struct Shape {
  const char* name;
  sb_type type;
  int32_t n_layers, dim, ffn_dim, n_heads, n_kv_heads, head_dim, vocab;
};

struct Blocks {
  int64_t elements;
  int64_t bytes;
};

inline Blocks blocks_of(sb_type type) {
  switch (type) {
    case SB_TYPE_Q8_0:
      return {32, 34};
    case SB_TYPE_Q4_K:
      return {256, 144};
    case SB_TYPE_BF16:
      return {1, 2};
    default:
      return {1, 4};
  }
}

// What memory a model's matrices take.
enum class Matrices {
  kOfASizeAlike,  // little: what is read of them is the same
  kEachItsOwn,    // as much as a file: a matrix in the place of another one gives other tokens
};

class RandomModel {
 public:
  RandomModel(const Shape& shape, Matrices matrices) : shape_(shape), matrices_(matrices) {
    const int64_t q = int64_t{shape.n_heads} * shape.head_dim;
    const int64_t kv = int64_t{shape.n_kv_heads} * shape.head_dim;
    add(SB_TOKEN_EMBD, -1, shape.vocab, shape.dim);
    add_norm(SB_OUTPUT_NORM, -1);
    for (int32_t layer = 0; layer < shape.n_layers; ++layer) {
      add_norm(SB_ATTN_NORM, layer);
      add(SB_ATTN_Q, layer, q, shape.dim);
      add(SB_ATTN_K, layer, kv, shape.dim);
      add(SB_ATTN_V, layer, kv, shape.dim);
      add(SB_ATTN_OUTPUT, layer, shape.dim, q);
      add_norm(SB_FFN_NORM, layer);
      add(SB_FFN_GATE, layer, shape.ffn_dim, shape.dim);
      add(SB_FFN_UP, layer, shape.ffn_dim, shape.dim);
      add(SB_FFN_DOWN, layer, shape.dim, shape.ffn_dim);
    }
  }

  [[nodiscard]] sb_model_config config(int32_t context) const {
    sb_model_config config{};
    config.struct_size = sizeof(config);
    config.arch = SB_ARCH_LLAMA;
    config.n_layers = shape_.n_layers;
    config.dim = shape_.dim;
    config.ffn_dim = shape_.ffn_dim;
    config.n_heads = shape_.n_heads;
    config.n_kv_heads = shape_.n_kv_heads;
    config.head_dim = shape_.head_dim;
    config.vocab = shape_.vocab;
    config.context = context;
    config.rope_dim = shape_.head_dim;
    config.rope_base = 500000;
    config.rope_scale = 1;
    config.rope_magnitude = 1;
    config.norm_epsilon = 1e-5F;
    config.embedding_scale = 1;
    config.attention_scale = 0.125F;
    config.n_tensors = static_cast<uint32_t>(tensors_.size());
    config.tensors = tensors_.data();
    return config;
  }

 private:
  // Small numbers of any pattern, about as many below zero as above.
  const void* data(int64_t bytes, bool norm) {
    for (const auto& piece : pieces_) {
      if (!norm && matrices_ == Matrices::kEachItsOwn) break;
      if (piece.norm == norm && static_cast<int64_t>(piece.bytes.size()) == bytes) {
        return piece.bytes.data();
      }
    }
    std::mt19937 random(static_cast<uint32_t>(pieces_.size()));
    pieces_.push_back({norm, std::vector<uint8_t>(static_cast<size_t>(bytes))});
    std::vector<uint8_t>& piece = pieces_.back().bytes;
    const Blocks blocks = blocks_of(norm ? SB_TYPE_F32 : shape_.type);
    for (size_t i = 0; i + 4 <= piece.size(); i += 4) {
      const auto word = static_cast<uint32_t>(random());
      std::memcpy(&piece[i], &word, 4);
    }
    for (size_t at = 0; at < piece.size(); at += static_cast<size_t>(blocks.bytes)) {
      put_scale(&piece[at], norm);
    }
    return piece.data();
  }

  void put_scale(uint8_t* at, bool norm) const {
    const float one = 1;
    if (norm) {
      std::memcpy(at, &one, 4);
    } else if (shape_.type == SB_TYPE_BF16) {
      at[1] = static_cast<uint8_t>((at[1] & 0x80) | 0x3c);  // about 0.01
    } else {
      // The second is a minimum's, of Q4_K: 7.5 times the first, half of what four bits give.
      const bool minimum = shape_.type == SB_TYPE_Q4_K;
      const uint16_t halves[2] = {static_cast<uint16_t>(minimum ? 0x0400 : 0x0800), 0x0f80};
      std::memcpy(at, halves, minimum ? 4 : 2);
    }
  }

  void add(sb_role role, int32_t layer, int64_t rows, int64_t cols) {
    const Blocks blocks = blocks_of(shape_.type);
    const int64_t bytes = rows * cols / blocks.elements * blocks.bytes;
    tensors_.push_back({sizeof(sb_tensor), role, layer, shape_.type, rows, cols, data(bytes, false),
                        static_cast<uint64_t>(bytes)});
  }

  void add_norm(sb_role role, int32_t layer) {
    const int64_t bytes = int64_t{shape_.dim} * 4;
    tensors_.push_back({sizeof(sb_tensor), role, layer, SB_TYPE_F32, 1, shape_.dim,
                        data(bytes, true), static_cast<uint64_t>(bytes)});
  }

  struct Piece {
    bool norm;
    std::vector<uint8_t> bytes;
  };

  Shape shape_;
  Matrices matrices_;
  std::vector<Piece> pieces_;
  std::vector<sb_tensor> tensors_;
};

}  // namespace sb::bench
