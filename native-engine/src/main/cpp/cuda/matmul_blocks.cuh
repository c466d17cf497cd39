// BF16 and F16 weights by many tokens.
//
// A block of threads has 256 rows of weights and 128 tokens, each of its eight warps 64 by 64 of
// them: two numbers read from shared memory for 32 products, where sum_runs() reads every
// activation once per 16 rows, from the first cache. Stages of 32 columns are copied ahead.
//
// An output has the bits that sum_runs() gives it. There four warps have a run of 64 columns each
// in turn and their sums are added in order, so here the runs of the first of them come first, then
// those of the second, and what each pass has summed is added to the passes before it. These sums
// wait in shared memory, a place for each thread: registers have no room for both.
//
// The columns' places in shared memory are exchanged so that eight rows of a matrix, of 16 bytes
// each, lie in all banks.
#pragma once

#include "base/annotate.h"
#include "cuda/matmul_float.cuh"
#include "cuda/packed.cuh"

namespace sb::cuda {

inline constexpr int kBlockRows = 256;
inline constexpr int kBlockTokens = 128;
inline constexpr int kBlockColumns = 32;
inline constexpr int kBlockGroups = kBlockRows / static_cast<int>(ops::kRowGroup);
inline constexpr int kBlockThreads = 256;
inline constexpr int kBlockWarpGroups = 4;  // groups of rows of a warp
inline constexpr int kBlockWarpTiles = 8;   // and its tiles of eight tokens
inline constexpr int kBlockWarpsOfRows = kBlockGroups / kBlockWarpGroups;
inline constexpr int kBlockSums = kBlockWarpGroups * kBlockWarpTiles * 4;  // of a thread
inline constexpr int kBlockGroupHalves = kBlockColumns * static_cast<int>(ops::kRowGroup);
inline constexpr int kBlockWeightHalves = kBlockGroups * kBlockGroupHalves;
inline constexpr int kBlockTokenHalves = kBlockTokens * kBlockColumns;
static_assert(kBlockWarpsOfRows * kBlockTokens / (8 * kBlockWarpTiles) ==
              kBlockThreads / kWarpThreads);
static_assert(kRunColumns == 2 * kBlockColumns);

template <int kParts>
inline constexpr int kBlockStages = kParts == 2 ? 3 : 4;
template <int kParts>
inline constexpr int kBlockStageHalves = kBlockWeightHalves + kParts * kBlockTokenHalves;

// 224 KiB, in one part and in two.
template <int kParts>
constexpr std::size_t block_shared_bytes() {
  SharedCarver carver;
  static_cast<void>(carver.take<float>(kBlockSums * kBlockThreads));
  static_cast<void>(carver.take<std::uint16_t>(kBlockStages<kParts> * kBlockStageHalves<kParts>));
  return carver.bytes();
}

struct BlockShared {
  float* sums;            // [sum][thread]
  std::uint16_t* stages;  // [stage]: the weights, then the activations' parts
};

template <int kParts>
SB_DEVICE BlockShared block_shared() {
  SharedCarver carver;
  const std::size_t sums = carver.take<float>(kBlockSums * kBlockThreads);
  const std::size_t stages =
      carver.take<std::uint16_t>(kBlockStages<kParts> * kBlockStageHalves<kParts>);
  return {shared_at<float>(sums), shared_at<std::uint16_t>(stages)};
}

// Which columns come next.
struct BlockColumns {
  int pass = 0;  // the warp of sum_runs() whose columns these are
  int column = 0;

  SB_HOST_DEVICE bool there(int cols) const { return pass < kShortWarps && column < cols; }
  SB_HOST_DEVICE BlockColumns next(int cols) const {
    const int behind = column + kBlockColumns;
    if (behind % kRunColumns != 0 && behind < cols) return {pass, behind};
    const int run = column / kRunColumns * kRunColumns + kShortWarps * kRunColumns;
    return run < cols ? BlockColumns{pass, run} : BlockColumns{pass + 1, (pass + 1) * kRunColumns};
  }
};

// Where half a column of a group is, and eight columns of a token, in numbers.
SB_DEVICE int weight_place(int column, int half) {
  return column * static_cast<int>(ops::kRowGroup) + (half ^ column / 4 % 2) * 8;
}
SB_DEVICE int token_place(int token, int piece) {
  return token * kBlockColumns + (piece ^ token / 2 % 4) * 8;
}

// What lies outside the matrix becomes zero.
SB_DEVICE void copy_weights(const ops::Matrix& w, int first_group, int groups, int first_column,
                            std::uint16_t* to) {
  constexpr int kPieces = kBlockWeightHalves / 8;
#pragma unroll
  for (int i = 0; i < kPieces / kBlockThreads; ++i) {
    const int piece = i * kBlockThreads + thread_id();
    const int group = piece / (2 * kBlockColumns);
    const int column = piece / 2 % kBlockColumns;
    const int half = piece % 2;
    const bool there = first_group + group < groups && first_column + column < w.cols;
    const std::uint8_t* from = w.data +
                               static_cast<std::size_t>(first_group + group) * w.group_bytes +
                               std::int64_t{first_column + column} * 32 + half * 16;
    copy_async<16>(to + group * kBlockGroupHalves + weight_place(column, half),
                   there ? from : w.data, there ? 16 : 0);
  }
}

// Numbers of tokens, whose rows are as long as pad16() says.
SB_DEVICE void copy_tokens(const OneFloatMatmul& args, const std::uint16_t* numbers,
                           std::int64_t first_token, int first_column, std::uint16_t* to) {
  constexpr int kPieces = kBlockTokenHalves / 8;
  const std::int64_t stride = pad16(args.cols);
#pragma unroll
  for (int i = 0; i < kPieces / kBlockThreads; ++i) {
    const int piece = i * kBlockThreads + thread_id();
    const int token = piece / (kBlockColumns / 8);
    const int of_token = piece % (kBlockColumns / 8);
    const int column = first_column + of_token * 8;
    const bool there = first_token + token < args.m && column < stride;
    copy_async<16>(to + token_place(token, of_token),
                   there ? numbers + (first_token + token) * stride + column : numbers,
                   there ? 16 : 0);
  }
}

template <int kParts>
SB_DEVICE void copy_stage(const OneFloatMatmul& args, int first_column, std::uint16_t* stage) {
  const std::int64_t first_token = std::int64_t{block_y()} * kBlockTokens;
  std::uint16_t* tokens = stage + kBlockWeightHalves;
  copy_weights(args.to.w, block_x() * kBlockGroups, static_cast<int>(row_groups(args.to.w)),
               first_column, stage);
  copy_tokens(args, args.high, first_token, first_column, tokens);
  if constexpr (kParts == 2) {
    copy_tokens(args, args.low, first_token, first_column, tokens + kBlockTokenHalves);
  }
}

using BlockTile = float[kBlockWarpGroups][kBlockWarpTiles][4];

template <ops::WeightType kType, int kParts>
SB_DEVICE void multiply_stage(const std::uint16_t* stage, BlockTile& y) {
  const int lane = thread_id() % kWarpThreads;
  const int warp = thread_id() / kWarpThreads;
  const std::uint16_t* groups =
      stage + warp % kBlockWarpsOfRows * kBlockWarpGroups * kBlockGroupHalves;
  const std::uint16_t* tokens = stage + kBlockWeightHalves;
  const int first = warp / kBlockWarpsOfRows * kBlockWarpTiles * 8 + lane / 4;
  // Unrolled, the two steps' addresses take more registers than there are.
#pragma unroll 1
  for (int step = 0; step < kBlockColumns; step += 16) {
    std::uint32_t a[kBlockWarpGroups][4];
#pragma unroll
    for (int group = 0; group < kBlockWarpGroups; ++group) {
      load_transposed(a[group], groups + group * kBlockGroupHalves +
                                    weight_place(step + lane % 8 + lane / 16 * 8, lane / 8 % 2));
    }
#pragma unroll
    for (int tile = 0; tile < kBlockWarpTiles; ++tile) {
#pragma unroll
      for (int part = 0; part < kParts; ++part) {
        const std::uint16_t* numbers = tokens + part * kBlockTokenHalves;
        const int token = first + 8 * tile;
        const std::uint32_t b[2] = {
            pair_at(numbers + token_place(token, step / 8) + lane % 4 * 2, true),
            pair_at(numbers + token_place(token, step / 8 + 1) + lane % 4 * 2, true)};
#pragma unroll
        for (int group = 0; group < kBlockWarpGroups; ++group) {
          multiply_shorts<kType>(y[group][tile], a[group], b);
        }
      }
    }
  }
}

// Calls work with each of the thread's sums, its number, and the row and the token it is of.
template <class Work>
SB_DEVICE void each_sum(BlockTile& y, const Work& work) {
  const int lane = thread_id() % kWarpThreads;
  const int warp = thread_id() / kWarpThreads;
#pragma unroll
  for (int i = 0; i < kBlockSums; ++i) {
    const int group = i / (4 * kBlockWarpTiles);
    const int tile = i / 4 % kBlockWarpTiles;
    const int row =
        (warp % kBlockWarpsOfRows * kBlockWarpGroups + group) * static_cast<int>(ops::kRowGroup) +
        lane / 4 + i % 4 / 2 * 8;
    const int token =
        (warp / kBlockWarpsOfRows * kBlockWarpTiles + tile) * 8 + lane % 4 * 2 + i % 2;
    work(y[group][tile][i % 4], i, row, token);
  }
}

// Ends a pass, of which not the last: nobody but the thread reads its sums.
SB_DEVICE void keep_pass(BlockTile& y, float* sums, bool first) {
  each_sum(y, [&](float& sum, int i, int, int) {
    float* kept = sums + i * kBlockThreads + thread_id();
    *kept = first ? sum : *kept + sum;
    sum = 0;
  });
}

// The sums of all passes, where the last one's are still in y.
SB_DEVICE void put_blocks(const OneFloatMatmul& args, BlockTile& y, const float* sums) {
  const std::int64_t first_row = std::int64_t{block_x()} * kBlockRows;
  const std::int64_t first_token = std::int64_t{block_y()} * kBlockTokens;
  each_sum(y, [&](float last, int i, int of_rows, int of_tokens) {
    const std::int64_t row = first_row + of_rows;
    const std::int64_t token = first_token + of_tokens;
    if (row >= args.to.w.rows || token >= args.m) return;
    const float all = sums[i * kBlockThreads + thread_id()] + last;
    put_output(args.to, args.softcap, token, row,
               args.power == nullptr ? all : all * args.power[token]);
  });
}

template <ops::WeightType kType, int kParts>
SB_KERNEL(kBlockThreads, 1)
multiply_blocks(OneFloatMatmul args) {
  await_launch_before();
  constexpr int kStages = kBlockStages<kParts>;
  const BlockShared shared = block_shared<kParts>();
  const int cols = static_cast<int>(args.cols);
  const auto stage_at = [&](int number) {
    return shared.stages + number % kStages * kBlockStageHalves<kParts>;
  };
  BlockColumns coming;
  const auto copy_next = [&](int number) {
    if (coming.there(cols)) {
      copy_stage<kParts>(args, coming.column, stage_at(number));
      coming = coming.next(cols);
    }
    commit_copies();
  };
  for (int number = 0; number < kStages - 1; ++number) copy_next(number);
  BlockTile y = {};
  BlockColumns at;
#pragma unroll 1
  for (int number = 0; at.there(cols); ++number) {
    wait_copies<kStages - 2>();
    // All threads' copies of this stage are there, and all have read the one before, whose place is
    // the next copies'.
    block_barrier();
    copy_next(number + kStages - 1);
    multiply_stage<kType, kParts>(stage_at(number), y);
    const BlockColumns next = at.next(cols);
    // A pass without columns adds what is still zero.
    if (next.pass != at.pass && next.pass < kShortWarps) keep_pass(y, shared.sums, at.pass == 0);
    at = next;
  }
  put_blocks(args, y, shared.sums);
}

}  // namespace sb::cuda
