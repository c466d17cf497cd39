// Attention over paged K and V, with the bits of ops/float_ops.h: scores are summed over a head's
// dimensions in order, the softmax runs block by block of positions, outputs are summed over
// positions in order. A span is cut at multiples of ops::kAttentionPart positions; a block of
// threads has one part of a token, or of several tokens of a prompt, and the query heads that share
// a kv head, so each element of K and V is read once for all of them, and parts are joined in order
// afterwards.
//
// A sum in order is a chain: a thread that read its next element from global memory would wait for
// it 0.7 us. So K and V are copied to shared memory tile by tile, each beside the work on the one
// before.
#pragma once

#include <type_traits>

#include "cuda/device.h"
#include "cuda/one_lane.h"
#include "cuda/prepare.cuh"
#include "cuda/rows.cuh"

namespace sb::cuda {

// ---- how elements are kept ----

template <ops::KvType kType>
struct Kept;
template <>
struct Kept<ops::KvType::kF32> {
  using Element = float;
};
template <>
struct Kept<ops::KvType::kF16> {
  using Element = std::uint16_t;
};
template <>
struct Kept<ops::KvType::kBf16> {
  using Element = std::uint16_t;
};
template <>
struct Kept<ops::KvType::kQ8> {
  using Element = std::int8_t;
};

template <ops::KvType kType>
SB_DEVICE float to_float(typename Kept<kType>::Element element) {
  if constexpr (kType == ops::KvType::kF16) {
    return float_of_half(element);
  } else if constexpr (kType == ops::KvType::kBf16) {
    return float_of_bits(static_cast<std::uint32_t>(element) << 16);
  } else {
    return static_cast<float>(element);
  }
}

template <ops::KvType kType>
SB_DEVICE typename Kept<kType>::Element to_element(float value) {
  if constexpr (kType == ops::KvType::kF16) {
    return half_of_float(value);
  } else if constexpr (kType == ops::KvType::kBf16) {
    return ops::brain_of_bits(bits_of_float(value));
  } else {
    return value;
  }
}

// One head of a block: sizes of steps, if it has any, and elements behind them.
template <ops::KvType kType>
struct HeadBlock {
  std::uint16_t* steps;
  typename Kept<kType>::Element* elements;
};

template <ops::KvType kType, class Byte>
SB_DEVICE HeadBlock<kType> head_at(const ops::KvView& kv, Byte* at) {
  auto* steps = reinterpret_cast<std::uint16_t*>(at);
  if constexpr (kType == ops::KvType::kQ8) at += 2 * ops::kv_groups(kv.head_dim) * kv.block_tokens;
  return {steps, reinterpret_cast<typename Kept<kType>::Element*>(at)};
}

template <ops::KvType kType>
SB_DEVICE HeadBlock<kType> head_block(const ops::KvView& kv, std::byte* pool, std::int32_t block,
                                      int kv_head) {
  const std::int64_t head = static_cast<std::int64_t>(block) * kv.kv_heads + kv_head;
  return head_at<kType>(kv, pool + head * ops::kv_head_bytes(kType, kv.block_tokens, kv.head_dim));
}

// ---- storing ----
// A warp has one head of one token.

// Rotates by the angles of its position; pairs as ops::FloatOps::rope has them.
SB_DEVICE void rotate(const ops::Rope& rope, const float* angles, float* head) {
  const int half = rope.dim / 2;
  for (int i = thread_id(); i < half; i += kWarpThreads) {
    float* a = head + (rope.neox ? i : 2 * i);
    float* b = a + (rope.neox ? half : 1);
    const float x = *a;
    const float y = *b;
    *a = x * angles[i] - y * angles[half + i];
    *b = x * angles[half + i] + y * angles[i];
  }
}

// Elements of K lie "tokens" apart, those of V side by side; sizes of steps likewise.
template <ops::KvType kType>
SB_DEVICE void store_head(const float* head, int dim, HeadBlock<kType> to, std::int64_t stride,
                          std::int64_t step_stride) {
  for (int begin = 0; begin < dim; begin += kWarpThreads) {
    const int i = begin + thread_id();
    const float value = i < dim ? head[i] : 0.0f;
    if constexpr (kType == ops::KvType::kQ8) {
      static_assert(ops::kKvGroup == kWarpThreads);
      const float exact = ops::kv_step(warp_max(kAllLanes, magnitude_bits(value)));
      const std::uint16_t kept = half_of_float(exact);
      if (thread_id() == 0) to.steps[begin / ops::kKvGroup * step_stride] = kept;
      const float per_unit = ops::steps_per_unit(float_of_half(kept));
      if (i < dim) to.elements[i * stride] = ops::steps_of(value, per_unit);
    } else {
      if (i < dim) to.elements[i * stride] = to_element<kType>(value);
    }
  }
}

SB_DEVICE std::int32_t kv_block_of(const StoreArgs& args, std::int64_t token,
                                   std::int32_t position) {
  const std::int64_t row = std::int64_t{args.sequences[token]} * args.max_blocks;
  return args.block_tables[row + position / args.kv.block_tokens];
}

template <ops::KvType kType>
SB_DEVICE void store_key_and_value(const StoreArgs& args, std::int64_t token, int kv_head,
                                   const float* key) {
  const ops::KvView& kv = args.kv;
  const std::int32_t position = args.positions[token];
  const std::int32_t block = kv_block_of(args, token, position);
  const int slot = position % kv.block_tokens;
  HeadBlock<kType> k = head_block<kType>(kv, kv.k, block, kv_head);
  HeadBlock<kType> v = head_block<kType>(kv, kv.v, block, kv_head);
  k.steps += slot;
  k.elements += slot;
  v.steps += slot * ops::kv_groups(kv.head_dim);
  v.elements += std::int64_t{slot} * kv.head_dim;
  const float* value = args.v + (token * kv.kv_heads + kv_head) * kv.head_dim;
  store_head<kType>(key, kv.head_dim, k, kv.block_tokens, kv.block_tokens);
  store_head<kType>(value, kv.head_dim, v, 1, 1);
}

template <ops::KvType kType>
SB_KERNEL(kWarpThreads)
prepare_heads(StoreArgs args) {
  await_launch_before();
  const std::int64_t token = block_x();
  const int dim = args.kv.head_dim;
  const int kv_head = block_y() - args.q_heads;  // below 0: a head of q
  float* head = kv_head < 0 ? args.q + (token * args.q_heads + block_y()) * dim
                            : args.k + (token * args.kv.kv_heads + kv_head) * dim;
  const float* norm_weight = kv_head < 0 ? args.q_norm : args.k_norm;
  const RowShared shared = row_shared(dim);
  for (int i = thread_id(); i < dim; i += kWarpThreads) shared.row[i] = head[i];
  if (norm_weight != nullptr) {
    const RowNorm norm = norm_of_row(shared.row, dim, args.epsilon, false, shared.norm);
    for (int i = thread_id(); i < dim; i += kWarpThreads) {
      shared.row[i] = normed(shared.row[i], norm, norm_weight, nullptr, i);
    }
  }
  if (args.rope.dim > 0) {
    warp_barrier(kAllLanes);
    rotate(args.rope, args.angles + std::int64_t{args.positions[token]} * args.rope.dim,
           shared.row);
    warp_barrier(kAllLanes);
  }
  for (int i = thread_id(); i < dim; i += kWarpThreads) head[i] = shared.row[i];
  if (kv_head >= 0) store_key_and_value<kType>(args, token, kv_head, shared.row);
}

// ---- attending ----

inline constexpr int kAttendThreads = 128;
inline constexpr int kAttendBlocks = 4;  // on an SM: more have no room for their tiles
inline constexpr int kPart = ops::kAttentionPart;
inline constexpr int kSumLanes = 16;

// Of so many positions K, or V, lies in shared memory at once, in whole blocks; of fewer where
// these are larger.
inline constexpr int kTilePositions = 128;
inline constexpr int kTileBytes = 32 * 1024;

// What a part leaves of a query head, in floats: outputs, sums by lane, the maximum.
constexpr int part_floats(int head_dim) { return (head_dim + kSumLanes + 1 + 3) / 4 * 4; }

// How K, or V, of one kv head lies in shared memory.
struct TileShape {
  int block_tokens;
  int blocks;
  int block_bytes;
  int stride;  // bytes from block to block

  [[nodiscard]] SB_HOST_DEVICE constexpr int positions() const { return blocks * block_tokens; }
  [[nodiscard]] SB_HOST_DEVICE constexpr int bytes() const { return blocks * stride; }
};

// Between blocks there is room for 16 positions of K, or a warp that reads two blocks would meet
// the same banks twice.
template <ops::KvType kType>
SB_HOST_DEVICE inline TileShape tile_shape(const ops::KvView& kv) {
  const auto bytes = static_cast<int>(ops::kv_head_bytes(kType, kv.block_tokens, kv.head_dim));
  const int few = kTileBytes / bytes;
  const int most = kTilePositions / kv.block_tokens;
  const int blocks = few < 1 || most < 1 ? 1 : few < most ? few : most;
  constexpr int kApart = 16 * static_cast<int>(sizeof(typename Kept<kType>::Element));
  return {kv.block_tokens, blocks, bytes, bytes + kApart};
}

// A block of threads has a column for each query head of each of its tokens; half of the columns
// are a thread's, so that one element of K or V that it reads serves all of these.
template <int kQueries, int kTokens>
struct Columns {
  static constexpr int kAll = kQueries * kTokens;
  static constexpr int kGroups = kAll > 1 ? 2 : 1;
  static constexpr int kOfThread = kAll / kGroups;
  // So many elements are read at once: a chain waits for shared memory once in as many.
  static constexpr int kAhead = kOfThread >= 8 ? 4 : kOfThread >= 4 ? 8 : 16;
};

// Those of a thread, side by side: one read or two.
template <int kOfThread>
struct alignas(kOfThread < 4 ? 4 * kOfThread : 16) Those {
  float column[kOfThread];
};

template <class T>
struct alignas(2 * sizeof(T)) Pair {
  T first;
  T second;
};

struct AttendShared {
  float* q;              // [head_dim][column]
  float* weights;        // [position of the tile][column]; at first the scores
  float* maxima;         // [1 + block of the tile][column]: of all positions up to its end
  float* factors;        // [block][column]: what is summed before is multiplied by it
  float* sums;           // [kSumLanes][column]
  float* out;            // [head_dim][column]
  std::int32_t* begins;  // [token]: its positions in this part
  std::int32_t* ends;
  std::int32_t* table;  // the blocks of this part
  std::uint8_t* keys;
  std::uint8_t* values;  // behind the keys, or in their place
};

struct AttendPlaces {
  std::size_t q, weights, maxima, factors, sums, out, begins, ends, table, keys, values, bytes;
};

SB_HOST_DEVICE constexpr AttendPlaces attend_places(const TileShape& tile, int head_dim,
                                                    int columns, bool apart) {
  SharedCarver carver;
  AttendPlaces at{};
  const auto each = [&](int n) { return static_cast<std::size_t>(n * columns); };
  at.q = carver.take<float>(each(head_dim));
  at.weights = carver.take<float>(each(tile.positions()));
  at.maxima = carver.take<float>(each(tile.blocks + 1));
  at.factors = carver.take<float>(each(tile.blocks));
  at.sums = carver.take<float>(each(kSumLanes));
  at.out = carver.take<float>(each(head_dim));
  at.begins = carver.take<std::int32_t>(each(1));
  at.ends = carver.take<std::int32_t>(each(1));
  at.table = carver.take<std::int32_t>(static_cast<std::size_t>(kPart / tile.block_tokens));
  at.keys = carver.take<std::uint8_t>(static_cast<std::size_t>(tile.bytes()));
  at.values = apart ? carver.take<std::uint8_t>(static_cast<std::size_t>(tile.bytes())) : at.keys;
  at.bytes = carver.bytes();
  return at;
}

SB_DEVICE AttendShared attend_shared(const AttendPlaces& at) {
  return {shared_at<float>(at.q),
          shared_at<float>(at.weights),
          shared_at<float>(at.maxima),
          shared_at<float>(at.factors),
          shared_at<float>(at.sums),
          shared_at<float>(at.out),
          shared_at<std::int32_t>(at.begins),
          shared_at<std::int32_t>(at.ends),
          shared_at<std::int32_t>(at.table),
          shared_at<std::uint8_t>(at.keys),
          shared_at<std::uint8_t>(at.values)};
}

// Tokens in rows next to each other that are of one sequence and whose spans begin in one part,
// and the query heads of one kv head that are worked out together.
struct Run {
  std::int64_t row;
  int tokens;
  int kv_head;
  int first_query;  // of a token's
  int queries;
  int from;  // positions of this part that any token attends to
  int to;
  int all_from;  // and those that all do
  int all_to;
};

struct Span {
  int begin;
  int end;
};

SB_DEVICE std::int64_t token_of(const AttendArgs& args, std::int64_t row) {
  return args.kept == nullptr ? row : args.kept[row];
}

// A token's positions in the part that the block of threads has.
SB_DEVICE Span part_of_span(const AttendArgs& args, std::int64_t token) {
  const int begins = args.begins[token];
  const int ends = args.ends[token];
  const int begin = (begins / kPart + block_z()) * kPart;
  return {begin > begins ? begin : begins, begin + kPart < ends ? begin + kPart : ends};
}

template <int kQueries, int kTokens>
SB_DEVICE Run run_at(const AttendArgs& args, std::int64_t row, std::int64_t end) {
  const int group = args.q_heads / args.kv.kv_heads;
  const int tiles = (group + kQueries - 1) / kQueries;
  const int first = block_y() % tiles * kQueries;
  const std::int64_t token = token_of(args, row);
  const Span span = part_of_span(args, token);
  Run run;
  run.row = row;
  run.kv_head = block_y() / tiles;
  run.first_query = run.kv_head * group + first;
  run.queries = group - first < kQueries ? group - first : kQueries;
  run.from = run.all_from = span.begin;
  run.to = run.all_to = span.end;
  run.tokens = 1;
  for (; run.tokens < kTokens && row + run.tokens < end; ++run.tokens) {
    const std::int64_t next = token_of(args, row + run.tokens);
    if (args.sequences[next] != args.sequences[token] ||
        args.begins[next] / kPart != args.begins[token] / kPart) {
      break;
    }
    const Span other = part_of_span(args, next);
    run.from = other.begin < run.from ? other.begin : run.from;
    run.to = other.end > run.to ? other.end : run.to;
    run.all_from = other.begin > run.all_from ? other.begin : run.all_from;
    run.all_to = other.end < run.all_to ? other.end : run.all_to;
  }
  return run;
}

// Columns of query heads and tokens that there are not count like others and are not kept.
template <int kQueries, int kTokens>
SB_DEVICE void begin_run(const AttendArgs& args, const Run& run, const AttendShared& shared) {
  constexpr int kColumns = kQueries * kTokens;
  const int dim = args.kv.head_dim;
  const std::int64_t token = token_of(args, run.row);
  const std::int32_t* blocks =
      args.block_tables + std::int64_t{args.sequences[token]} * args.max_blocks;
  const int first = run.from / args.kv.block_tokens;
  const int last = (run.to - 1) / args.kv.block_tokens;
  for (int b = first + thread_id(); b <= last; b += kAttendThreads) {
    shared.table[b - first] = blocks[b];
  }
  for (int i = thread_id(); i < kTokens; i += kAttendThreads) {
    const int there = i < run.tokens ? i : run.tokens - 1;
    const Span span = part_of_span(args, token_of(args, run.row + there));
    shared.begins[i] = span.begin;
    shared.ends[i] = span.end;
  }
  for (int i = thread_id(); i < kColumns * dim; i += kAttendThreads) {
    const int column = i / dim;
    const int query = column % kQueries;
    const int there = column / kQueries < run.tokens ? column / kQueries : run.tokens - 1;
    const float* q =
        args.q + (token_of(args, run.row + there) * args.q_heads + run.first_query) * dim;
    shared.q[i % dim * kColumns + column] = query < run.queries ? q[query * dim + i % dim] : 0.0f;
  }
}

// The blocks of one tile.
struct Tile {
  int first;   // position
  int table;   // where its blocks stand in the table
  int blocks;  // there are
  int from;    // positions that some token attends to
  int to;
  bool begins;  // the first
};

SB_DEVICE Tile tile_at(const Run& run, const TileShape& shape, int number) {
  const int first = run.from / shape.block_tokens + number * shape.blocks;
  const int blocks = (run.to - 1) / shape.block_tokens + 1 - first;
  Tile tile;
  tile.first = first * shape.block_tokens;
  tile.table = number * shape.blocks;
  tile.blocks = blocks < shape.blocks ? blocks : shape.blocks;
  tile.from = run.from > tile.first ? run.from : tile.first;
  const int end = tile.first + tile.blocks * shape.block_tokens;
  tile.to = run.to < end ? run.to : end;
  tile.begins = number == 0;
  return tile;
}

// Copies K, or V, of a tile's blocks; none where there is no such tile.
SB_DEVICE void copy_tile(const AttendArgs& args, const Run& run, const TileShape& shape,
                         const Tile& tile, const std::byte* pool, const std::int32_t* table,
                         std::uint8_t* to) {
  for (int b = 0; b < tile.blocks; ++b) {
    const std::int64_t head = std::int64_t{table[tile.table + b]} * args.kv.kv_heads + run.kv_head;
    const std::byte* from = pool + head * shape.block_bytes;
    for (int at = 16 * thread_id(); at < shape.block_bytes; at += 16 * kAttendThreads) {
      copy_async<16>(to + b * shape.stride + at, from + at);
    }
  }
}

// A thread has two positions, and its columns.
template <ops::KvType kType, int kQueries, int kTokens>
SB_DEVICE void put_scores(const AttendArgs& args, const TileShape& shape, const Tile& tile,
                          const AttendShared& shared) {
  using C = Columns<kQueries, kTokens>;
  using Mine = Those<C::kOfThread>;
  const int dim = args.kv.head_dim;
  const int tokens = shape.block_tokens;
  const int pairs = shape.positions() / 2;
  for (int i = thread_id(); i < pairs * C::kGroups; i += kAttendThreads) {
    const int at = i % pairs * 2;
    const int first_column = i / pairs * C::kOfThread;
    if (tile.first + at + 1 < tile.from || tile.first + at >= tile.to) continue;
    const HeadBlock<kType> k = head_at<kType>(args.kv, shared.keys + at / tokens * shape.stride);
    const int slot = at % tokens;
    float scores[2][C::kOfThread] = {};
    float step[2] = {1, 1};
#pragma unroll C::kAhead
    for (int c = 0; c < dim; ++c) {
      const auto& key = *reinterpret_cast<const Pair<typename Kept<kType>::Element>*>(
          k.elements + c * tokens + slot);
      float keys[2] = {to_float<kType>(key.first), to_float<kType>(key.second)};
      if constexpr (kType == ops::KvType::kQ8) {
        if (c % ops::kKvGroup == 0) {
          const std::uint16_t* steps = k.steps + c / ops::kKvGroup * tokens + slot;
          step[0] = float_of_half(steps[0]);
          step[1] = float_of_half(steps[1]);
        }
        keys[0] = keys[0] * step[0];
        keys[1] = keys[1] * step[1];
      }
      const auto& q = *reinterpret_cast<const Mine*>(shared.q + c * C::kAll + first_column);
#pragma unroll
      for (int j = 0; j < C::kOfThread; ++j) {
        scores[0][j] = fma(q.column[j], keys[0], scores[0][j]);
        scores[1][j] = fma(q.column[j], keys[1], scores[1][j]);
      }
    }
#pragma unroll
    for (int both = 0; both < 2; ++both) {
      Mine mine;
#pragma unroll
      for (int j = 0; j < C::kOfThread; ++j) {
        float score = scores[both][j] * args.scale;
        if (args.softcap != 0) score = Formulas::capped(score, args.softcap);
        mine.column[j] = score;
      }
      *reinterpret_cast<Mine*>(shared.weights + (at + both) * C::kAll + first_column) = mine;
    }
  }
}

// Of each block the maximum of its scores, then the running ones. Where a column has no position in
// a block it stays as it is.
template <int kQueries, int kTokens>
SB_DEVICE void put_maxima(const TileShape& shape, const Tile& tile, const AttendShared& shared) {
  constexpr float kNone = -__builtin_huge_valf();
  constexpr int kColumns = kQueries * kTokens;
  for (int i = thread_id(); i < tile.blocks * kColumns; i += kAttendThreads) {
    const int column = i % kColumns;
    const int begin = shared.begins[column / kQueries] - tile.first;
    const int end = shared.ends[column / kQueries] - tile.first;
    const int first = i / kColumns * shape.block_tokens;
    const int to = end < first + shape.block_tokens ? end : first + shape.block_tokens;
    float maximum = kNone;
#pragma unroll 4
    for (int at = begin > first ? begin : first; at < to; ++at) {
      const float score = shared.weights[at * kColumns + column];
      maximum = score > maximum ? score : maximum;
    }
    shared.maxima[kColumns + i] = maximum;
  }
  block_barrier();
  for (int column = thread_id(); column < kColumns; column += kAttendThreads) {
    float* maxima = shared.maxima + column;
    float maximum = tile.begins ? kNone : maxima[0];
    maxima[0] = maximum;
    for (int b = 1; b <= tile.blocks; ++b) {
      const float now = maxima[b * kColumns];
      maximum = now > maximum ? now : maximum;
      maxima[b * kColumns] = maximum;
    }
  }
  block_barrier();
}

template <int kQueries, int kTokens>
SB_DEVICE void put_weights(const TileShape& shape, const Tile& tile, const AttendShared& shared) {
  constexpr int kColumns = kQueries * kTokens;
  for (int i = thread_id(); i < tile.blocks * kColumns; i += kAttendThreads) {
    const float before = shared.maxima[i];
    const float now = shared.maxima[kColumns + i];
    shared.factors[i] = Formulas::exp_below_88(now > before ? before - now : 0.0f);
  }
  const int end = (tile.to - tile.first) * kColumns;
  for (int i = (tile.from - tile.first) * kColumns + thread_id(); i < end; i += kAttendThreads) {
    const int block = i / kColumns / shape.block_tokens;
    const float maximum = shared.maxima[(block + 1) * kColumns + i % kColumns];
    shared.weights[i] = Formulas::exp_below_88(shared.weights[i] - maximum);
  }
}

// Sums of the weights by lane: a position's number in its block modulo 16. The last maximum becomes
// the first one of the next tile.
template <int kQueries, int kTokens>
SB_DEVICE void sum_weights(const TileShape& shape, const Tile& tile, const AttendShared& shared) {
  constexpr int kColumns = kQueries * kTokens;
  for (int i = thread_id(); i < kSumLanes * kColumns; i += kAttendThreads) {
    const int column = i % kColumns;
    const int begin = shared.begins[column / kQueries] - tile.first;
    const int end = shared.ends[column / kQueries] - tile.first;
    float sum = tile.begins ? 0.0f : shared.sums[i];
    for (int b = 0; b < tile.blocks; ++b) {
      sum = sum * shared.factors[b * kColumns + column];
      for (int at = b * shape.block_tokens + i / kColumns; at < (b + 1) * shape.block_tokens;
           at += kSumLanes) {
        if (at >= begin && at < end) sum = sum + shared.weights[at * kColumns + column];
      }
    }
    shared.sums[i] = sum;
  }
  for (int column = thread_id(); column < kColumns; column += kAttendThreads) {
    shared.maxima[column] = shared.maxima[tile.blocks * kColumns + column];
  }
}

// Two dimensions of the outputs of a thread's columns.
template <int kOfThread>
struct Outputs {
  float of[2][kOfThread];
};

// Adds V of one position; with kSome only to the columns whose tokens attend to it.
template <ops::KvType kType, int kQueries, int kTokens, bool kSome>
SB_DEVICE void add_value(const HeadBlock<kType>& v, int slot, int c, int groups,
                         const float* weights, int first_column, int position,
                         const AttendShared& shared,
                         Outputs<Columns<kQueries, kTokens>::kOfThread>& out) {
  using C = Columns<kQueries, kTokens>;
  const auto& kept = *reinterpret_cast<const Pair<typename Kept<kType>::Element>*>(v.elements);
  float values[2] = {to_float<kType>(kept.first), to_float<kType>(kept.second)};
  if constexpr (kType == ops::KvType::kQ8) {
    const float step = float_of_half(v.steps[slot * groups + c / ops::kKvGroup]);
    values[0] = values[0] * step;
    values[1] = values[1] * step;
  }
  const auto& mine = *reinterpret_cast<const Those<C::kOfThread>*>(weights);
#pragma unroll
  for (int j = 0; j < C::kOfThread; ++j) {
    if constexpr (kSome) {
      const int token = (first_column + j) / kQueries;
      if (position < shared.begins[token] || position >= shared.ends[token]) continue;
    }
    out.of[0][j] = fma(mine.column[j], values[0], out.of[0][j]);
    out.of[1][j] = fma(mine.column[j], values[1], out.of[1][j]);
  }
}

template <ops::KvType kType, int kQueries, int kTokens>
SB_DEVICE void sum_values(const AttendArgs& args, const Run& run, const TileShape& shape,
                          const Tile& tile, const AttendShared& shared) {
  using C = Columns<kQueries, kTokens>;
  using Mine = Those<C::kOfThread>;
  const int dim = args.kv.head_dim;
  const int tokens = shape.block_tokens;
  const auto groups = static_cast<int>(ops::kv_groups(dim));
  for (int i = thread_id(); i < dim / 2 * C::kGroups; i += kAttendThreads) {
    const int c = i % (dim / 2) * 2;
    const int first_column = i / (dim / 2) * C::kOfThread;
    float* kept = shared.out + c * C::kAll + first_column;
    Outputs<C::kOfThread> out = {};
    if (!tile.begins) {
      const auto& first = *reinterpret_cast<const Mine*>(kept);
      const auto& second = *reinterpret_cast<const Mine*>(kept + C::kAll);
#pragma unroll
      for (int j = 0; j < C::kOfThread; ++j) {
        out.of[0][j] = first.column[j];
        out.of[1][j] = second.column[j];
      }
    }
    for (int b = 0; b < tile.blocks; ++b) {
      const auto& factors =
          *reinterpret_cast<const Mine*>(shared.factors + b * C::kAll + first_column);
#pragma unroll
      for (int j = 0; j < C::kOfThread; ++j) {
        out.of[0][j] = out.of[0][j] * factors.column[j];
        out.of[1][j] = out.of[1][j] * factors.column[j];
      }
      const HeadBlock<kType> v = head_at<kType>(args.kv, shared.values + b * shape.stride);
      const int first = tile.first + b * tokens;
      const int from = tile.from > first ? tile.from : first;
      const int to = tile.to < first + tokens ? tile.to : first + tokens;
      const auto add = [&]<bool kSome>(std::bool_constant<kSome>, int t) {
        const int slot = t - first;
        add_value<kType, kQueries, kTokens, kSome>(
            {v.steps, v.elements + slot * dim + c}, slot, c, groups,
            shared.weights + (t - tile.first) * C::kAll + first_column, first_column, t, shared,
            out);
      };
      if (kTokens == 1 || (from >= run.all_from && to <= run.all_to)) {
#pragma unroll C::kAhead
        for (int t = from; t < to; ++t) add(std::false_type(), t);
      } else {
#pragma unroll 1
        for (int t = from; t < to; ++t) add(std::true_type(), t);
      }
    }
    auto& first = *reinterpret_cast<Mine*>(kept);
    auto& second = *reinterpret_cast<Mine*>(kept + C::kAll);
#pragma unroll
    for (int j = 0; j < C::kOfThread; ++j) {
      first.column[j] = out.of[0][j];
      second.column[j] = out.of[1][j];
    }
  }
}

SB_DEVICE float* part_at(const AttendArgs& args, std::int64_t row, int query, int part) {
  const std::int64_t index = (row * args.q_heads + query) * args.max_parts + part;
  return args.parts + index * part_floats(args.kv.head_dim);
}

// Nobody reads what it keeps of tokens that have no positions in this part. The next run writes
// none of what is read here before all threads have met.
template <int kQueries, int kTokens>
SB_DEVICE void keep_part(const AttendArgs& args, const Run& run, const AttendShared& shared) {
  constexpr int kColumns = kQueries * kTokens;
  const int dim = args.kv.head_dim;
  const int floats = dim + kSumLanes + 1;
  for (int i = thread_id(); i < run.tokens * run.queries * floats; i += kAttendThreads) {
    const int token = i / floats / run.queries;
    const int query = i / floats % run.queries;
    const int column = token * kQueries + query;
    const int at = i % floats;
    part_at(args, run.row + token, run.first_query + query, block_z())[at] =
        at < dim               ? shared.out[at * kColumns + column]
        : at < dim + kSumLanes ? shared.sums[(at - dim) * kColumns + column]
                               : shared.maxima[column];
  }
}

// Tile by tile: scores of K's, their weights, then sums of V's, while the next ones are copied. K
// and V have a place each, or where a block is so large that the device has no room for both, one.
template <ops::KvType kType, int kQueries, int kTokens>
SB_DEVICE void attend_run(const AttendArgs& args, const Run& run, bool apart) {
  constexpr int kColumns = kQueries * kTokens;
  const TileShape shape = tile_shape<kType>(args.kv);
  const AttendShared shared =
      attend_shared(attend_places(shape, args.kv.head_dim, kColumns, apart));
  const int blocks = (run.to - 1) / shape.block_tokens + 1 - run.from / shape.block_tokens;
  const int tiles = (blocks + shape.blocks - 1) / shape.blocks;
  const auto copy_keys = [&](int tile) {
    copy_tile(args, run, shape, tile_at(run, shape, tile), args.kv.k, shared.table, shared.keys);
    commit_copies();
  };
  const auto copy_values = [&](int tile) {
    copy_tile(args, run, shape, tile_at(run, shape, tile), args.kv.v, shared.table, shared.values);
    commit_copies();
  };
  const auto await_first = [&] {
    if (apart) {
      wait_copies<1>();
    } else {
      wait_copies<0>();
    }
    block_barrier();
  };
  begin_run<kQueries, kTokens>(args, run, shared);
  block_barrier();
  copy_keys(0);
  if (apart) copy_values(0);
#pragma unroll 1
  for (int number = 0; number < tiles; ++number) {
    const Tile tile = tile_at(run, shape, number);
    await_first();
    put_scores<kType, kQueries, kTokens>(args, shape, tile, shared);
    block_barrier();
    if (apart) {
      copy_keys(number + 1);
    } else {
      copy_values(number);
    }
    put_maxima<kQueries, kTokens>(shape, tile, shared);
    put_weights<kQueries, kTokens>(shape, tile, shared);
    await_first();
    sum_weights<kQueries, kTokens>(shape, tile, shared);
    sum_values<kType, kQueries, kTokens>(args, run, shape, tile, shared);
    block_barrier();
    if (apart) {
      copy_values(number + 1);
    } else {
      copy_keys(number + 1);
    }
  }
  keep_part<kQueries, kTokens>(args, run, shared);
}

template <ops::KvType kType, int kQueries, int kTokens>
SB_KERNEL(kAttendThreads, kAttendBlocks)
attend_part(AttendArgs args, bool apart) {
  await_launch_before();
  const std::int64_t first = std::int64_t{block_x()} * kTokens;
  const std::int64_t end = first + kTokens < args.rows ? first + kTokens : args.rows;
  for (std::int64_t row = first; row < end;) {
    const Run run = run_at<kQueries, kTokens>(args, row, end);
    if (run.from < run.to) attend_run<kType, kQueries, kTokens>(args, run, apart);
    row += run.tokens;
  }
}

// ---- joining parts ----

inline constexpr int kJoinThreads = 64;

// One float of the state, taken to the greater of the maxima part by part; every thread works out
// the same factors.
SB_DEVICE float join_at(const float* parts, int n_parts, int head_dim, int at) {
  const int stride = part_floats(head_dim);
  float value = parts[at];
  float maximum = parts[head_dim + kSumLanes];
  for (int part = 1; part < n_parts; ++part) {
    const float* next = parts + part * stride;
    const float theirs = next[head_dim + kSumLanes];
    const float before = maximum;
    maximum = theirs > before ? theirs : before;
    const float kept = value * Formulas::exp(before - maximum);
    value = fma(next[at], Formulas::exp(theirs - maximum), kept);
  }
  return value;
}

SB_KERNEL(kJoinThreads) join_parts(AttendArgs args) {
  await_launch_before();
  const int dim = args.kv.head_dim;
  const std::int64_t token = args.kept == nullptr ? block_x() : args.kept[block_x()];
  const int n_parts = (args.ends[token] - 1) / kPart - args.begins[token] / kPart + 1;
  const float* parts = part_at(args, block_x(), block_y(), 0);
  float* inverse = shared_at<float>(0);
  if (thread_id() < kSumLanes) {
    const float sum = half_warp_sum(kHalfWarp, join_at(parts, n_parts, dim, dim + thread_id()));
    if (thread_id() == 0) *inverse = 1.0f / sum;
  }
  block_barrier();
  const std::int64_t row = args.first_out + block_x();
  for (int c = thread_id(); c < dim; c += kJoinThreads) {
    const float value = join_at(parts, n_parts, dim, c) * *inverse;
    put_value(args.out, args.form, row, std::int64_t{block_y()} * dim + c, value);
  }
}

}  // namespace sb::cuda
