// Quantised weights times quantised activations, with the bits of the CPU's kernels: integer
// products are exact in any order, and each output sums its blocks of 32 columns in column order.
#pragma once

#include "cuda/device.h"
#include "cuda/matmul_output.cuh"
#include "cuda/one_lane.h"
#include "cuda/packed.cuh"
#include "cuda/prepare.cuh"

namespace sb::cuda {

struct QuantisedMatmul {
  Matrices matrices;
  const std::int8_t* q;
  const float* scale;
  const ops::BlockSum* sum;
  std::int64_t m;
};

// ---- up to eight tokens ----
// A team of threads has a group of 16 rows; a block of threads is one team where it only
// multiplies. Each half-warp takes a block of 32 columns, a thread one of its rows, so that a load
// of the warp is two lines of 64 bytes and the weights are read once and stay in registers for all
// tokens. The shares go to shared memory, where 16 threads per token add them up in column order
// while the others already read the next columns: the order costs a chain of fused multiply-adds of
// four cycles per 32 columns, beside memory that takes about seventy for them.

inline constexpr int kVectorThreads = 256;
inline constexpr int kVectorBlocks = kVectorThreads / static_cast<int>(ops::kRowGroup);

// Floats of a block's share.
template <ops::WeightType kType>
inline constexpr int kShareFloats = ops::format_of(kType).has_minimum() ? 4 : 2;

template <ops::WeightType kType, int kTokens>
constexpr std::size_t vector_shared_bytes() {
  SharedCarver carver;
  static_cast<void>(
      carver.take<float>(2 * kVectorBlocks * kTokens * ops::kRowGroup * kShareFloats<kType>));
  return carver.bytes();
}

// Shares lie by block, token, kind and row: a half-warp writes 64 bytes side by side.
template <ops::WeightType kType, int kTokens>
SB_DEVICE float* share_at(float* shares, int block, int token) {
  return shares + (block * kTokens + token) * kShareFloats<kType> * 16;
}

// What a thread reads of a block: its row.
template <ops::WeightType kType>
struct RowOfBlock {
  std::uint32_t lines[kLines<kType>];
  RawScale scale;
};

template <ops::WeightType kType>
SB_DEVICE RowOfBlock<kType> load_row(const PackedGroup& group, int block, int row) {
  const PackedPlace place = packed_place<kType>(group, block);
  const LinesAt from{place.integers, row};
  RowOfBlock<kType> result;
#pragma unroll
  for (int i = 0; i < kLines<kType>; ++i) result.lines[i] = from(i);
  result.scale = raw_scale<kType>(place, row);
  return result;
}

template <ops::WeightType kType, int kTokens>
SB_DEVICE void put_shares(const QuantisedMatmul& args, const PackedGroup& group, int block, int row,
                          const RowOfBlock<kType>& weights, float* shares) {
  const RowScale scales = row_scale<kType>(weights.scale);
  const auto line = [&](int i) { return weights.lines[i]; };
  std::uint32_t words[8];
#pragma unroll
  for (int quad = 0; quad < 8; ++quad) words[quad] = quad_word<kType>(line, quad);
#pragma unroll
  for (int token = 0; token < kTokens; ++token) {
    if (token >= args.m) break;
    const std::int64_t at = token * static_cast<std::int64_t>(group.blocks) + block;
    const auto* x = reinterpret_cast<const std::uint32_t*>(args.q + at * ops::kQuantBlock);
    int halves[2] = {0, 0};
#pragma unroll
    for (int quad = 0; quad < 8; ++quad) {
      halves[quad / 4] = dot4(words[quad], x[quad], halves[quad / 4]);
    }
    const Share share =
        block_share<kType>(scales, halves[0], halves[1], args.scale[at], args.sum[at]);
    float* to = share_at<kType, kTokens>(shares, block % kVectorBlocks, token) + row;
    to[0] = share.product;
    to[16] = share.scale;
    if constexpr (kShareFloats<kType> == 4) {
      to[32] = share.minimum;
      to[48] = share.scaled;
    }
  }
}

template <ops::WeightType kType, int kTokens>
SB_DEVICE float add_shares(float* shares, int blocks, int token, int row, float y) {
  for (int block = 0; block < blocks; ++block) {
    const float* from = share_at<kType, kTokens>(shares, block, token) + row;
    Share share;
    share.product = from[0];
    share.scale = from[16];
    if constexpr (kShareFloats<kType> == 4) {
      share.minimum = from[32];
      share.scaled = from[48];
    }
    y = add_share<kType>(share, y);
  }
  return y;
}

// Thread "part" * 16 + "row" of a team returns that row's output of token "part", if there is one.
// All teams of a block have as many columns. A team that has no group waits with the others.
template <ops::WeightType kType, int kTokens>
SB_DEVICE float multiply_group(const QuantisedMatmul& args, const PackedGroup& group, bool there,
                               float* buffer) {
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  const int row = thread_id() % kRows;
  const int part =
      thread_id() % kVectorThreads / kRows;  // of the blocks; of the tokens when adding
  const int own_blocks = there ? group.blocks : 0;
  float* other = buffer + kVectorBlocks * kTokens * kShareFloats<kType> * kRows;
  float y = 0;
  RowOfBlock<kType> now{};
  if (part < own_blocks) now = load_row<kType>(group, part, row);
  await_launch_before();
  for (int begin = 0; begin < group.blocks; begin += kVectorBlocks) {
    const int blocks = own_blocks - begin < kVectorBlocks ? own_blocks - begin : kVectorBlocks;
    // The next blocks are on their way while these are multiplied.
    RowOfBlock<kType> next{};
    if (begin + kVectorBlocks + part < own_blocks) {
      next = load_row<kType>(group, begin + kVectorBlocks + part, row);
    }
    if (part < blocks) {
      put_shares<kType, kTokens>(args, group, begin + part, row, now, buffer);
    }
    now = next;
    // Two buffers: whoever writes one again has seen all readers of it arrive here.
    block_barrier();
    if (part < args.m) y = add_shares<kType, kTokens>(buffer, blocks, part, row, y);
    float* const swap = buffer;
    buffer = other;
    other = swap;
  }
  return y;
}

template <ops::WeightType kType, int kTokens>
SB_KERNEL(kVectorThreads)
multiply_vectors(QuantisedMatmul args) {
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  const GroupAt at = group_at(args.matrices, block_x());
  const MatmulOutput& to = args.matrices.each[at.matrix];
  const PackedGroup group = packed_group<kType>(to.w, at.group);
  const float y = multiply_group<kType, kTokens>(args, group, true, shared_at<float>(0));
  const int token = thread_id() / kRows;
  const std::int64_t row = std::int64_t{at.group} * kRows + thread_id() % kRows;
  if (token < args.m && row < to.w.rows) put_output(to, args.matrices.softcap, token, row, y);
}

// ---- a gate, what it lets through, and what goes on, of one token ----
// What goes on is quantised by 32 columns, which are 32 rows of both matrices: a block of threads
// has four teams, for two groups of either matrix. More tokens would take more shared memory than
// every device has.

inline constexpr int kGateTeams = 4;
inline constexpr int kGateThreads = kGateTeams * kVectorThreads;

template <ops::WeightType kType>
constexpr std::size_t gated_shared_bytes() {
  SharedCarver carver;
  static_cast<void>(carver.take<float>(kGateTeams * ops::kRowGroup));
  return carver.bytes() + kGateTeams * vector_shared_bytes<kType, 1>();
}

template <ops::WeightType kType>
SB_KERNEL(kGateThreads)
multiply_gated(QuantisedMatmul args, GateOutput to) {
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  constexpr int kOfMatrix = kGateTeams / 2;
  SharedCarver carver;
  float* outputs = shared_at<float>(carver.take<float>(kGateTeams * kRows));
  const int team = thread_id() / kVectorThreads;
  const MatmulOutput& matrix = args.matrices.each[team / kOfMatrix];
  const int index = block_x() * kOfMatrix + team % kOfMatrix;
  const bool there = index < row_groups(matrix.w);
  const std::size_t buffer =
      carver.bytes() + static_cast<std::size_t>(team) * vector_shared_bytes<kType, 1>();
  const float y = multiply_group<kType, 1>(args, packed_group<kType>(matrix.w, there ? index : 0),
                                           there, shared_at<float>(buffer));
  const std::int64_t row = std::int64_t{index} * kRows + thread_id() % kRows;
  if (thread_id() % kVectorThreads < kRows && row < matrix.w.rows) {
    outputs[team * kRows + thread_id() % kRows] = finished(matrix, 0, row, y);
  }
  block_barrier();
  if (thread_id() >= kWarpThreads) return;
  const std::int64_t column = std::int64_t{block_x()} * kWarpThreads + thread_id();
  float value = 0;
  if (column < to.out.k) {
    value = gated(to.activation, outputs[thread_id()], outputs[kOfMatrix * kRows + thread_id()]);
  }
  put_value(to.out, to.form, 0, column, value);
}

// ---- many tokens ----
// A warp has a group of 16 rows, a block of threads four of them and 32 tokens, whose activations
// are copied to shared memory while the columns before are multiplied. A packed block of weights is
// the A operand as it lies. One tensor-core instruction gives 16 x 8 exact sums of 32 columns, and
// each then takes part in one fused multiply-add.

inline constexpr int kTileWarps = 4;
inline constexpr int kTileThreads = kTileWarps * kWarpThreads;
inline constexpr int kTilesPerSm = 4;  // 128 registers for each thread
inline constexpr int kTileTokens = 32;
inline constexpr int kTileBlocks = 8;  // of 32 columns that are copied at a time
// 16 bytes more than the columns: the words of eight tokens lie in different banks.
inline constexpr int kTileStride = kTileBlocks * 32 + 16;

struct TokenTile {
  std::int8_t* q;      // [token][kTileStride]
  float* scale;        // [token][kTileBlocks]
  ops::BlockSum* sum;  // the same
};

SB_DEVICE TokenTile token_tile(int index) {
  SharedCarver carver;
  const std::size_t q = carver.take<std::int8_t>(2 * kTileTokens * kTileStride);
  const std::size_t scale = carver.take<float>(2 * kTileTokens * kTileBlocks);
  const std::size_t sum = carver.take<ops::BlockSum>(2 * kTileTokens * kTileBlocks);
  return {shared_at<std::int8_t>(q) + index * kTileTokens * kTileStride,
          shared_at<float>(scale) + index * kTileTokens * kTileBlocks,
          shared_at<ops::BlockSum>(sum) + index * kTileTokens * kTileBlocks};
}

constexpr std::size_t tile_shared_bytes() {
  SharedCarver carver;
  static_cast<void>(carver.take<std::int8_t>(2 * kTileTokens * kTileStride));
  static_cast<void>(carver.take<float>(2 * kTileTokens * kTileBlocks));
  static_cast<void>(carver.take<ops::BlockSum>(2 * kTileTokens * kTileBlocks));
  return carver.bytes();
}

// What lies past the tokens or the columns becomes zero.
SB_DEVICE void copy_tile(const QuantisedMatmul& args, std::int64_t first_token, int first_block,
                         int blocks, const TokenTile& tile) {
  for (int i = thread_id(); i < kTileTokens * kTileBlocks; i += kTileThreads) {
    const int token = i / kTileBlocks;
    const int block = i % kTileBlocks;
    const bool there = first_token + token < args.m && first_block + block < blocks;
    const std::int64_t at = there ? (first_token + token) * blocks + first_block + block : 0;
    std::int8_t* q = tile.q + token * kTileStride + block * 32;
    copy_async<16>(q, args.q + at * 32, there ? 16 : 0);
    copy_async<16>(q + 16, args.q + at * 32 + 16, there ? 16 : 0);
    copy_async<4>(tile.scale + i, args.scale + at, there ? 4 : 0);
    copy_async<8>(tile.sum + i, args.sum + at, there ? 8 : 0);
  }
}

// The exact sums of 16 rows and 8 tokens, of both halves of the columns.
template <ops::WeightType kType>
SB_DEVICE void multiply_block(const std::uint32_t (&a)[4], const std::uint32_t* x, int (&first)[4],
                              int (&second)[4]) {
  if constexpr (ops::format_of(kType).halves()) {
    const std::uint32_t a_first[2] = {a[0], a[1]};
    const std::uint32_t a_second[2] = {a[2], a[3]};
    const std::uint32_t b_first[1] = {x[0]};
    const std::uint32_t b_second[1] = {x[4]};
    mma_k16(first, a_first, b_first);
    mma_k16(second, a_second, b_second);
  } else {
    const std::uint32_t b[2] = {x[0], x[4]};
    mma_k32(first, a, b);
  }
}

template <ops::WeightType kType>
SB_DEVICE void add_block(const PackedPlace& place, const TokenTile& tile, int block,
                         float (&y)[kTileTokens / 8][4]) {
  const int g = thread_id() % kWarpThreads / 4;
  const int t = thread_id() % 4;
  const LinesAt upper{place.integers, g};
  const LinesAt lower{place.integers, g + 8};
  const std::uint32_t a[4] = {quad_word<kType>(upper, t), quad_word<kType>(lower, t),
                              quad_word<kType>(upper, t + 4), quad_word<kType>(lower, t + 4)};
  const RowScale scales[2] = {row_scale<kType>(raw_scale<kType>(place, g)),
                              row_scale<kType>(raw_scale<kType>(place, g + 8))};
#pragma unroll
  for (int i = 0; i < kTileTokens / 8; ++i) {
    const auto* x =
        reinterpret_cast<const std::uint32_t*>(tile.q + (8 * i + g) * kTileStride + block * 32) + t;
    int first[4] = {};
    int second[4] = {};
    multiply_block<kType>(a, x, first, second);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int at = (8 * i + 2 * t + j % 2) * kTileBlocks + block;
      y[i][j] = add_share<kType>(
          block_share<kType>(scales[j / 2], first[j], second[j], tile.scale[at], tile.sum[at]),
          y[i][j]);
    }
  }
}

template <ops::WeightType kType>
SB_KERNEL(kTileThreads, kTilesPerSm)
multiply_tiles(QuantisedMatmul args) {
  await_launch_before();
  const std::int64_t index = std::int64_t{block_x()} * kTileWarps + thread_id() / kWarpThreads;
  const std::int64_t first_token = std::int64_t{block_y()} * kTileTokens;
  const MatmulOutput& to = args.matrices.each[0];
  const PackedGroup group = packed_group<kType>(to.w, index);
  float y[kTileTokens / 8][4] = {};
  copy_tile(args, first_token, 0, group.blocks, token_tile(0));
  commit_copies();
  for (int begin = 0, now = 0; begin < group.blocks; begin += kTileBlocks, now ^= 1) {
    wait_copies<0>();
    // All threads' copies are there, and all have read the other tile, which the next ones
    // overwrite.
    block_barrier();
    if (begin + kTileBlocks < group.blocks) {
      copy_tile(args, first_token, begin + kTileBlocks, group.blocks, token_tile(now ^ 1));
      commit_copies();
    }
    const int blocks = group.blocks - begin < kTileBlocks ? group.blocks - begin : kTileBlocks;
#pragma unroll 1
    for (int block = 0; block < blocks && index < row_groups(to.w); ++block) {
      add_block<kType>(packed_place<kType>(group, begin + block), token_tile(now), block, y);
    }
  }
  if (index >= row_groups(to.w)) return;
  const int g = thread_id() % kWarpThreads / 4;
  const int t = thread_id() % 4;
#pragma unroll
  for (int i = 0; i < kTileTokens / 8 * 4; ++i) {
    const std::int64_t token = first_token + 8 * (i / 4) + 2 * t + i % 2;
    const std::int64_t row = index * ops::kRowGroup + g + 8 * (i % 4 / 2);
    if (token < args.m && row < to.w.rows) {
      put_output(to, args.matrices.softcap, token, row, y[i / 4][i % 4]);
    }
  }
}

}  // namespace sb::cuda
