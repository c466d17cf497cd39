// How a matmul is cut into tiles, once for all instruction sets.
//
// A tile is a group of 16 rows, or two or four side by side where registers are left and loads or
// chains are shared, by up to Machine::kTile tokens; its running sums stay in registers over all
// columns, so a tile's shape never changes an element's order of additions.
// Tokens are spread evenly over the tiles (9 tokens are 5 and 4, not 8 and 1). With several tiles
// the groups are taken in batches that fit the second cache beside one tile's activations, which
// stay in the first.
//
// Machine has internal linkage in each file that includes this one, and so has what it is
// instantiated to.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/op.h"

namespace sb::ops {

template <class Machine>
struct Matmul {
  // Machine::groups<type, n>(w, x, first_token, bias, y, ldy, begin, end, cached) computes n tokens
  // of the groups [begin, end), which another tile has read before if they are cached.
  static void run(const Matrix& w, const Activations& x, const float* bias, float* y,
                  std::int64_t ldy, std::int64_t group_begin, std::int64_t group_end) {
    const Call call = {w, x, bias, y, ldy};
    switch (w.type) {
      case WeightType::kF32:
        return batches<WeightType::kF32>(call, group_begin, group_end);
      case WeightType::kF16:
        return batches<WeightType::kF16>(call, group_begin, group_end);
      case WeightType::kBF16:
        return batches<WeightType::kBF16>(call, group_begin, group_end);
      case WeightType::kQ4_0:
        return batches<WeightType::kQ4_0>(call, group_begin, group_end);
      case WeightType::kQ4_1:
        return batches<WeightType::kQ4_1>(call, group_begin, group_end);
      case WeightType::kQ5_0:
        return batches<WeightType::kQ5_0>(call, group_begin, group_end);
      case WeightType::kQ5_1:
        return batches<WeightType::kQ5_1>(call, group_begin, group_end);
      case WeightType::kQ8_0:
        return batches<WeightType::kQ8_0>(call, group_begin, group_end);
      case WeightType::kQ2_K:
        return batches<WeightType::kQ2_K>(call, group_begin, group_end);
      case WeightType::kQ3_K:
        return batches<WeightType::kQ3_K>(call, group_begin, group_end);
      case WeightType::kQ4_K:
        return batches<WeightType::kQ4_K>(call, group_begin, group_end);
      case WeightType::kQ5_K:
        return batches<WeightType::kQ5_K>(call, group_begin, group_end);
      case WeightType::kQ6_K:
        return batches<WeightType::kQ6_K>(call, group_begin, group_end);
      case WeightType::kIQ4_NL:
        return batches<WeightType::kIQ4_NL>(call, group_begin, group_end);
    }
  }

 private:
  static constexpr std::size_t kBatchBytes = 256 * 1024;  // of weights, in the second cache

  struct Call {
    const Matrix& w;
    const Activations& x;
    const float* bias;
    float* y;
    std::int64_t ldy;
  };

  template <WeightType kType>
  static void batches(const Call& call, std::int64_t group_begin, std::int64_t group_end) {
    const std::int64_t m = call.x.m;
    const std::int64_t tiles = (m + Machine::kTile - 1) / Machine::kTile;
    const auto fitting = static_cast<std::int64_t>(kBatchBytes / (call.w.group_bytes + 1)) + 1;
    const std::int64_t batch = tiles > 1 ? fitting : group_end - group_begin;
    for (std::int64_t begin = group_begin; begin < group_end; begin += batch) {
      const std::int64_t end = begin + batch < group_end ? begin + batch : group_end;
      for (std::int64_t tile = 0; tile < tiles; ++tile) {
        const std::int64_t first = m * tile / tiles;
        tokens<kType, Machine::kTile>(call, begin, end, first, m * (tile + 1) / tiles - first,
                                      tile > 0);
      }
    }
  }

  // Finds the tile made for n tokens.
  template <WeightType kType, int kTokens>
  static void tokens(const Call& call, std::int64_t begin, std::int64_t end, std::int64_t first,
                     std::int64_t n, bool cached) {
    if constexpr (kTokens > 1) {
      if (n < kTokens) return tokens<kType, kTokens - 1>(call, begin, end, first, n, cached);
    }
    Machine::template groups<kType, kTokens>(call.w, call.x, first, call.bias, call.y, call.ldy,
                                             begin, end, cached);
  }
};

}  // namespace sb::ops
