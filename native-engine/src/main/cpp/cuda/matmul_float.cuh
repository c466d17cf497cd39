// Float weights.
//
// BF16 and F16 go to the tensor cores: 16 rows of weights by 8 tokens, whatever the number of
// tokens. The columns are dealt to the four warps in runs of 64, and the warps' sums are added in
// order; so an output depends on its row and its token only. Activations are two numbers of the
// weights' type whose sum is within 2^-16 of the value, so that the weights' precision is what
// counts; a decode step is bound by memory and does not notice the second product. One part is the
// first number alone.
//
// F32 is summed in column order, as the CPU does.
#pragma once

#include "cuda/device.h"
#include "cuda/matmul_output.cuh"
#include "cuda/prepare.cuh"

namespace sb::cuda {

inline constexpr int kShortWarps = 4;
inline constexpr int kShortThreads = kShortWarps * kWarpThreads;
inline constexpr int kShortBlocksPerSm = 6;  // of a decode step; shared memory has no room for more
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

template <ops::WeightType kType, int kParts, int kTiles, class Args>
SB_DEVICE void add_run(const Args& args, const std::uint16_t* run, int first_token,
                       int first_column, float (&y)[kTiles][4]) {
  const int lane = thread_id() % kWarpThreads;
  const int stride = static_cast<int>(pad16(args.cols));
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
      multiply_shorts<kType>(y[i], a, high);
      if constexpr (kParts == 2) {
        const std::uint32_t low[2] = {pair_at(args.low + at, there),
                                      pair_at(args.low + at + 8, there)};
        multiply_shorts<kType>(y[i], a, low);
      }
    }
  }
}

// What four warps work in.
struct ShortShared {
  std::uint16_t* runs;  // [warp][run]
  float* sums;          // [warp][token][row]
};

template <int kTiles>
SB_DEVICE ShortShared short_shared(int team) {
  const std::size_t begin = static_cast<std::size_t>(team) * short_shared_bytes<kTiles>();
  SharedCarver carver;
  const std::size_t runs = carver.take<std::uint16_t>(kShortWarps * (kRunsAhead + 1) * kRunHalves);
  const std::size_t sums = carver.take<float>(kShortWarps * kTiles * 8 * ops::kRowGroup);
  return {shared_at<std::uint16_t>(begin + runs), shared_at<float>(begin + sums)};
}

// By four warps, each of which leaves its own sums. The warp's number is the caller's: to take it
// modulo four costs many tokens a register that some devices lack.
template <ops::WeightType kType, int kParts, int kTiles, class Args>
SB_DEVICE void sum_runs(const Args& args, const ops::Matrix& w, int number, int first_token,
                        int warp, const ShortShared& shared) {
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  const int cols = static_cast<int>(args.cols);
  const std::uint8_t* group = w.data + static_cast<std::size_t>(number) * w.group_bytes;
  std::uint16_t* runs = shared.runs + warp * (kRunsAhead + 1) * kRunHalves;
  float y[kTiles][4] = {};
  // Run i of the warp's own begins here.
  const auto column_of = [&](int i) { return (i * kShortWarps + warp) * kRunColumns; };
  for (int i = 0; i < kRunsAhead; ++i) {
    copy_run(group, column_of(i), cols, runs + i * kRunHalves);
    commit_copies();
  }
  await_launch_before();
#pragma unroll 1
  for (int i = 0; column_of(i) < cols; ++i) {
    wait_copies<kRunsAhead - 1>();
    // All lanes' copies of this run are there, and all have read the run before, whose place is the
    // next copies'.
    warp_barrier(kAllLanes);
    copy_run(group, column_of(i + kRunsAhead), cols,
             runs + (i + kRunsAhead) % (kRunsAhead + 1) * kRunHalves);
    commit_copies();
    add_run<kType, kParts, kTiles>(args, runs + i % (kRunsAhead + 1) * kRunHalves, first_token,
                                   column_of(i), y);
  }
  wait_copies<0>();
  const int lane = thread_id() % kWarpThreads;
#pragma unroll
  for (int i = 0; i < kTiles * 4; ++i) {
    const int token = 8 * (i / 4) + lane % 4 * 2 + i % 2;
    shared.sums[(warp * kTiles * 8 + token) * kRows + lane / 4 + i % 4 / 2 * 8] = y[i / 4][i % 4];
  }
}

// The sum of the warps' sums number i, in their order.
template <int kTiles, class Args>
SB_DEVICE float joined(const Args& args, const float* sums, int i, std::int64_t token) {
  float y = sums[i];
#pragma unroll
  for (int warp = 1; warp < kShortWarps; ++warp) {
    y += sums[warp * kTiles * 8 * static_cast<int>(ops::kRowGroup) + i];
  }
  return args.power == nullptr ? y : y * args.power[token];
}

// Of a group, what four warps have summed.
template <int kTiles, class Args>
SB_DEVICE void put_joined(const Args& args, const MatmulOutput& to, float softcap, int group,
                          std::int64_t first_token, const float* sums) {
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  for (int i = thread_id(); i < kTiles * 8 * kRows; i += kShortThreads) {
    const std::int64_t token = first_token + i / kRows;
    const std::int64_t row = std::int64_t{group} * kRows + i % kRows;
    if (token >= args.m || row >= to.w.rows) continue;
    put_output(to, softcap, token, row, joined<kTiles>(args, sums, i, token));
  }
}

// Up to eight tokens.
template <ops::WeightType kType, int kParts>
SB_KERNEL(kShortThreads, kShortBlocksPerSm)
multiply_short_floats(FloatMatmul args) {
  const GroupAt at = group_at(args.matrices, block_x());
  const MatmulOutput& to = args.matrices.each[at.matrix];
  const ShortShared shared = short_shared<1>(0);
  sum_runs<kType, kParts, 1>(args, to.w, at.group, 0, thread_id() / kWarpThreads, shared);
  block_barrier();
  put_joined<1>(args, to, args.matrices.softcap, at.group, 0, shared.sums);
}

// More tokens, and one matrix: the joint form would have more registers, and an SM fewer blocks of
// threads.
inline constexpr int kShortTiles = 4;

template <ops::WeightType kType, int kParts>
SB_KERNEL(kShortThreads)
multiply_short_tiles(OneFloatMatmul args) {
  const ShortShared shared = short_shared<kShortTiles>(0);
  const int first_token = block_y() * kShortTiles * 8;
  sum_runs<kType, kParts, kShortTiles>(args, args.to.w, block_x(), first_token,
                                       thread_id() / kWarpThreads, shared);
  block_barrier();
  put_joined<kShortTiles>(args, args.to, args.softcap, block_x(), first_token, shared.sums);
}

// ---- a gate and what it lets through, of up to eight tokens ----
// Four warps have a group of the one matrix, four the same of the other. What goes on is worked out
// column by column: not for quantised weights behind it, nor for F16 ones.

inline constexpr int kGatedShortThreads = 2 * kShortThreads;

template <ops::WeightType kType, int kParts>
SB_KERNEL(kGatedShortThreads)
multiply_gated_shorts(FloatMatmul args, GateOutput to) {
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  const int team = thread_id() / kShortThreads;
  sum_runs<kType, kParts, 1>(args, args.matrices.each[team].w, block_x(), 0,
                             thread_id() / kWarpThreads % kShortWarps, short_shared<1>(team));
  block_barrier();
  const int token = thread_id() / kRows;
  const std::int64_t column = std::int64_t{block_x()} * kRows + thread_id() % kRows;
  if (token >= args.m) return;
  float value = 0;
  if (column < to.out.k) {
    const auto output = [&](int matrix) {
      const float y = joined<1>(args, short_shared<1>(matrix).sums, thread_id(), token);
      return finished(args.matrices.each[matrix], 0, column, y);
    };
    value = gated(to.activation, output(0), output(1));
  }
  put_value(to.out, to.form, token, column, value);
}

// ---- F32 ----

inline constexpr int kOrderedThreads = 128;

SB_KERNEL(kOrderedThreads) multiply_floats(FloatMatmul args) {
  await_launch_before();
  constexpr int kRows = static_cast<int>(ops::kRowGroup);
  const std::int64_t token =
      std::int64_t{block_y()} * (kOrderedThreads / kRows) + thread_id() / kRows;
  const GroupAt at = group_at(args.matrices, block_x());
  const MatmulOutput& to = args.matrices.each[at.matrix];
  const std::int64_t row = std::int64_t{at.group} * kRows + thread_id() % kRows;
  if (token >= args.m || row >= to.w.rows) return;
  const std::uint8_t* group = to.w.data + static_cast<std::size_t>(at.group) * to.w.group_bytes;
  const auto* w = reinterpret_cast<const float*>(group) + thread_id() % kRows;
  const float* x = args.f32 + token * args.cols;
  float y = 0;
  for (std::int64_t column = 0; column < args.cols; ++column) {
    y = fma(w[column * kRows], x[column], y);
  }
  put_output(to, args.matrices.softcap, token, row, y);
}

}  // namespace sb::cuda
