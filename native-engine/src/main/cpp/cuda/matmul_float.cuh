// Float weights.
//
// BF16 and F16 go to the tensor cores: 16 rows of weights by 8 tokens, whatever the number of
// tokens. The columns are dealt to the four warps in runs of 64, and the warps' sums are added in
// order; so an output depends on its row and its token only. Activations are two numbers of the
// weights' type whose sum is within 2^-16 of the value, so that the weights' precision is what
// counts; a decode step is bound by memory and does not notice the second product.
//
// F32 is summed in column order, as the CPU does.
#pragma once

#include "cuda/device.h"
#include "cuda/matmul_output.cuh"

namespace sb::cuda {

inline constexpr int kShortWarps = 4;
inline constexpr int kShortThreads = kShortWarps * kWarpThreads;
inline constexpr int kRunColumns = 64;
inline constexpr int kRunsAhead = 3;  // 6 KiB of each warp's are on their way
inline constexpr int kRunHalves = kRunColumns * static_cast<int>(ops::kRowGroup);

template <int kTiles>
constexpr std::size_t short_shared_bytes() {
  SharedCarver carver;
  static_cast<void>(carver.take<std::uint16_t>(kShortWarps * (kRunsAhead + 1) * kRunHalves));
  static_cast<void>(carver.take<float>(kShortWarps * kTiles * 8 * ops::kRowGroup));
  return carver.bytes();
}

// A run of columns as it lies, 16 rows of each side by side; columns past the end become zero.
SB_DEVICE void copy_run(const std::uint8_t* group, int first, int cols, std::uint16_t* to) {
  constexpr int kPieces = kRunHalves / 8;
#pragma unroll
  for (int i = 0; i < kPieces / kWarpThreads; ++i) {
    const int piece = i * kWarpThreads + thread_id() % kWarpThreads;
    const bool there = first + piece / 2 < cols;
    copy_async<16>(to + 8 * piece, group + (there ? std::int64_t{first} * 32 + 16 * piece : 0),
                   there ? 16 : 0);
  }
}

// Two neighbouring columns of a token's activations.
SB_DEVICE std::uint32_t pair_at(const std::uint16_t* row, bool there) {
  return there ? *reinterpret_cast<const std::uint32_t*>(row) : 0;
}

template <ops::WeightType kType>
SB_DEVICE void multiply_shorts(float (&y)[4], const std::uint32_t (&a)[4],
                               const std::uint32_t (&b)[2]) {
  if constexpr (kType == ops::WeightType::kBF16) {
    mma_brain(y, a, b);
  } else {
    mma_half(y, a, b);
  }
}

template <ops::WeightType kType, int kTiles>
SB_DEVICE void add_run(const FloatMatmul& args, const std::uint16_t* run, int first_token,
                       int first_column, float (&y)[kTiles][4]) {
  const int lane = thread_id() % kWarpThreads;
  const int stride = static_cast<int>(pad16(args.w.cols));
  // Matrices: columns 0 to 7 of rows 0 to 7, then of rows 8 to 15; columns 8 to 15 likewise.
  const std::uint16_t* matrices = run + (lane % 8 + lane / 16 * 8) * 16 + lane / 8 % 2 * 8;
  const int pair = lane % 4 * 2;
#pragma unroll
  for (int step = 0; step < kRunColumns; step += 16) {
    std::uint32_t a[4];
    load_transposed(a, matrices + step * 16);
    const bool column_there = first_column + step < stride;
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
      const int token = first_token + 8 * i + lane / 4;
      const bool there = column_there && token < args.m;
      const std::int64_t at = std::int64_t{token} * stride + first_column + step + pair;
      const std::uint32_t high[2] = {pair_at(args.high + at, there),
                                     pair_at(args.high + at + 8, there)};
      const std::uint32_t low[2] = {pair_at(args.low + at, there),
                                    pair_at(args.low + at + 8, there)};
      multiply_shorts<kType>(y[i], a, high);
      multiply_shorts<kType>(y[i], a, low);
    }
  }
}

// Adds the warps' sums, which lie by warp, token and row.
template <int kTiles>
SB_DEVICE void join_warps(const FloatMatmul& args, const float* sums, std::int64_t first_token) {
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  constexpr int kOutputs = kTiles * 8 * kRows;
  for (int i = thread_id(); i < kOutputs; i += kShortThreads) {
    const std::int64_t token = first_token + i / kRows;
    const std::int64_t row = std::int64_t{block_x()} * kRows + i % kRows;
    if (token >= args.m || row >= args.w.rows) continue;
    float y = sums[i];
#pragma unroll
    for (int warp = 1; warp < kShortWarps; ++warp) y += sums[warp * kOutputs + i];
    put_output(args, token, row, args.power == nullptr ? y : y * args.power[token]);
  }
}

template <ops::WeightType kType, int kTiles>
SB_KERNEL(kShortThreads)
multiply_short_floats(FloatMatmul args) {
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  SharedCarver carver;
  auto* runs = shared_at<std::uint16_t>(
      carver.take<std::uint16_t>(kShortWarps * (kRunsAhead + 1) * kRunHalves));
  auto* sums = shared_at<float>(carver.take<float>(kShortWarps * kTiles * 8 * kRows));
  const int warp = thread_id() / kWarpThreads;
  const int first_token = block_y() * kTiles * 8;
  const int cols = static_cast<int>(args.w.cols);
  const std::uint8_t* group =
      args.w.data + static_cast<std::size_t>(block_x()) * args.w.group_bytes;
  runs += warp * (kRunsAhead + 1) * kRunHalves;
  float y[kTiles][4] = {};
  // Run i of the warp's own begins here.
  const auto column_of = [&](int i) { return (i * kShortWarps + warp) * kRunColumns; };
  for (int i = 0; i < kRunsAhead; ++i) {
    copy_run(group, column_of(i), cols, runs + i * kRunHalves);
    commit_copies();
  }
#pragma unroll 1
  for (int i = 0; column_of(i) < cols; ++i) {
    wait_copies<kRunsAhead - 1>();
    // All lanes' copies of this run are there, and all have read the run before, whose place is the
    // next copies'.
    warp_barrier(kAllLanes);
    copy_run(group, column_of(i + kRunsAhead), cols,
             runs + (i + kRunsAhead) % (kRunsAhead + 1) * kRunHalves);
    commit_copies();
    add_run<kType, kTiles>(args, runs + i % (kRunsAhead + 1) * kRunHalves, first_token,
                           column_of(i), y);
  }
  wait_copies<0>();
  const int lane = thread_id() % kWarpThreads;
#pragma unroll
  for (int i = 0; i < kTiles * 4; ++i) {
    const int token = 8 * (i / 4) + lane % 4 * 2 + i % 2;
    sums[(warp * kTiles * 8 + token) * kRows + lane / 4 + i % 4 / 2 * 8] = y[i / 4][i % 4];
  }
  block_barrier();
  join_warps<kTiles>(args, sums, first_token);
}

// ---- F32 ----

inline constexpr int kOrderedThreads = 128;

SB_KERNEL(kOrderedThreads) multiply_floats(FloatMatmul args) {
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  const std::int64_t token =
      std::int64_t{block_y()} * (kOrderedThreads / kRows) + thread_id() / kRows;
  const std::int64_t row = std::int64_t{block_x()} * kRows + thread_id() % kRows;
  if (token >= args.m || row >= args.w.rows) return;
  const auto* w = reinterpret_cast<const float*>(args.w.data + static_cast<std::size_t>(block_x()) *
                                                                   args.w.group_bytes) +
                  thread_id() % kRows;
  const float* x = args.f32 + token * args.w.cols;
  float y = 0;
  for (std::int64_t column = 0; column < args.w.cols; ++column) {
    y = fma(w[column * kRows], x[column], y);
  }
  put_output(args, token, row, y);
}

}  // namespace sb::cuda
