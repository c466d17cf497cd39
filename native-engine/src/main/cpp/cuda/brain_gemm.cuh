// BF16 weights by many tokens on devices with wgmma (sm_90a).
//
// A block of threads has 256 rows of weights and 128 tokens. One thread of its last warp keeps a
// ring of stages filled: 64 columns of the weights, of the activations' first numbers and, where
// both count, of their second ones, copied tile by tile beside the threads. Two warpgroups of four
// warps each multiply 128 of the rows. A stage is full when its bytes have come, and empty when
// each of the eight warps has said so, one stage after the one it is at: while a stage's products
// run, those of the next are put in behind them.
//
// Twice as many rows as tokens, since a token brings two numbers per column: 64 KiB for 2048
// cycles of products, 32 bytes per cycle.
//
// Weights are the A operand as they lie in ops::pack()'s form: 16 rows of a column side by side,
// then the next column. That is wgmma's layout by columns with a swizzle of 32 bytes. Activations
// are B, 64 columns of a token side by side, with one of 128 bytes.
//
// One shape of product for every number of tokens, and per output one sum: columns in steps of 16,
// in each the first numbers, then the second. So an output depends on its row and its token only.
#pragma once

#include "base/annotate.h"
#include "cuda/matmul_output.cuh"

namespace sb::cuda {

inline constexpr int kGemmRows = 256;
inline constexpr int kGemmTokens = 128;
inline constexpr int kGemmColumns = 64;
inline constexpr int kGemmGroups = kGemmRows / static_cast<int>(ops::kRowGroup);
inline constexpr int kGemmWarps = 8;  // that multiply
inline constexpr int kGemmWarpgroup = 4 * kWarpThreads;
inline constexpr int kGemmThreads = (kGemmWarps + 1) * kWarpThreads;
inline constexpr unsigned kGemmGroupBytes = kGemmColumns * 2 * ops::kRowGroup;
inline constexpr unsigned kGemmWeightBytes = kGemmGroups * kGemmGroupBytes;
inline constexpr unsigned kGemmTokenBytes = kGemmTokens * kGemmColumns * 2;
inline constexpr unsigned kGemmAlignment = 1024;  // of what is swizzled by 128 bytes

template <int kParts>
inline constexpr unsigned kGemmStageBytes = kGemmWeightBytes + kParts * kGemmTokenBytes;
template <int kParts>
inline constexpr int kGemmStages = kParts == 2 ? 3 : 4;  // 192 KiB

template <int kParts>
constexpr std::size_t gemm_shared_bytes() {
  return kGemmAlignment +
         kGemmStages<kParts> * (kGemmStageBytes<kParts> + 2 * sizeof(std::uint64_t));
}

template <int kParts>
struct GemmRing {
  std::uint8_t* tiles;
  std::uint64_t* arrivals;

  SB_HOST_DEVICE std::uint8_t* weights(int stage) const {
    return tiles + static_cast<unsigned>(stage) * kGemmStageBytes<kParts>;
  }
  SB_HOST_DEVICE std::uint8_t* tokens(int stage, int part) const {
    return weights(stage) + kGemmWeightBytes + static_cast<unsigned>(part) * kGemmTokenBytes;
  }
  SB_HOST_DEVICE std::uint64_t* full(int stage) const { return arrivals + stage; }
  SB_HOST_DEVICE std::uint64_t* empty(int stage) const {
    return arrivals + kGemmStages<kParts> + stage;
  }
};

template <int kParts>
SB_DEVICE GemmRing<kParts> gemm_ring() {
  std::uint8_t* tiles = aligned_shared_memory(kGemmAlignment);
  return {tiles,
          reinterpret_cast<std::uint64_t*>(tiles + kGemmStages<kParts> * kGemmStageBytes<kParts>)};
}

template <int kParts>
SB_DEVICE void fill_ring(const GemmRing<kParts>& ring, const TensorMap& weights,
                         const TensorMap& high, const TensorMap& low, int steps) {
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    const int stage = step % kGemmStages<kParts>;
    const unsigned round = static_cast<unsigned>(step / kGemmStages<kParts>);
    const int column = step * kGemmColumns;
    // The phase that ended when the stage's last tiles had been read.
    if (round > 0) arrival_await(ring.empty(stage), (round - 1) % 2);
    arrival_expect(ring.full(stage), kGemmStageBytes<kParts>);
    load_tile(ring.weights(stage), weights, 0, column, block_x() * kGemmGroups, ring.full(stage));
    load_tile(ring.tokens(stage, 0), high, column, block_y() * kGemmTokens, ring.full(stage));
    if constexpr (kParts == 2) {
      load_tile(ring.tokens(stage, 1), low, column, block_y() * kGemmTokens, ring.full(stage));
    }
  }
}

// 64 rows, whose first group of a stage lies at the address, by all tokens.
template <int kParts>
SB_DEVICE void multiply_stage(float (&y)[64], unsigned groups, unsigned tokens) {
  constexpr unsigned kColumns = 8;  // of a piece
  constexpr unsigned kOfGroup = kColumns * 2 * static_cast<unsigned>(ops::kRowGroup);
#pragma unroll
  for (unsigned step = 0; step < kGemmColumns / 16; ++step) {
    const std::uint64_t a =
        tile_descriptor<32>(groups + step * 2 * kOfGroup, kGemmGroupBytes, kOfGroup);
#pragma unroll
    for (unsigned part = 0; part < kParts; ++part) {
      const std::uint64_t b = tile_descriptor<128>(
          tokens + part * kGemmTokenBytes + step * 2 * kColumns * 2, 0, 8 * 2 * kGemmColumns);
      wgmma_brain(y, a, b);
    }
  }
}

SB_DEVICE void put_sums(const FloatMatmul& args, const float (&y)[64], std::int64_t first_row) {
  const int lane = thread_id() % kWarpThreads;
#pragma unroll
  for (int i = 0; i < 64; ++i) {
    const std::int64_t token =
        std::int64_t{block_y()} * kGemmTokens + 8 * (i / 4) + lane % 4 * 2 + i % 2;
    const std::int64_t row = first_row + lane / 4 + i % 4 / 2 * 8;
    if (token < args.m && row < args.matrices.each[0].w.rows) {
      put_output(args.matrices.each[0], args.matrices.softcap, token, row, y[i]);
    }
  }
}

template <int kParts>
SB_DEVICE void empty_ring(const GemmRing<kParts>& ring, const FloatMatmul& args, int steps) {
  const int warp = thread_id() / kWarpThreads;
  const bool speaks = thread_id() % kWarpThreads == 0;
  const unsigned groups = static_cast<unsigned>(warp / 4) * 8 * kGemmGroupBytes;
  float first[64] = {};
  float second[64] = {};
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    const int stage = step % kGemmStages<kParts>;
    arrival_await(ring.full(stage), static_cast<unsigned>(step / kGemmStages<kParts>) % 2);
    const unsigned weights = shared_address(ring.weights(stage)) + groups;
    const unsigned tokens = shared_address(ring.tokens(stage, 0));
    wgmma_fence();
    multiply_stage<kParts>(first, weights, tokens);
    multiply_stage<kParts>(second, weights + 4 * kGemmGroupBytes, tokens);
    wgmma_commit();
    wgmma_wait<1>();
    if (step > 0 && speaks) arrival_arrive(ring.empty((step - 1) % kGemmStages<kParts>));
  }
  wgmma_wait<0>();
  wgmma_take(first);
  wgmma_take(second);
  const std::int64_t row = std::int64_t{block_x()} * kGemmRows + warp / 4 * 128 + warp % 4 * 16;
  put_sums(args, first, row);
  put_sums(args, second, row + 64);
}

template <int kParts>
SB_KERNEL(kGemmThreads, 1)
multiply_brains([[maybe_unused]] SB_TENSOR_MAP weights, [[maybe_unused]] SB_TENSOR_MAP high,
                [[maybe_unused]] SB_TENSOR_MAP low, [[maybe_unused]] FloatMatmul args) {
  await_launch_before();
#ifdef SB_WGMMA
  const GemmRing<kParts> ring = gemm_ring<kParts>();
  const int steps = (static_cast<int>(args.cols) + kGemmColumns - 1) / kGemmColumns;
  if (thread_id() == 0) {
    for (int stage = 0; stage < kGemmStages<kParts>; ++stage) {
      arrival_init(ring.full(stage), 1);
      arrival_init(ring.empty(stage), kGemmWarps);
    }
    // The copies are to see them as well.
    fence_async();
  }
  block_barrier();
  if (thread_id() < kGemmWarps * kWarpThreads) {
    empty_ring<kParts>(ring, args, steps);
  } else if (thread_id() % kWarpThreads == 0) {
    fill_ring<kParts>(ring, weights, high, low, steps);
  }
#endif
}

}  // namespace sb::cuda
