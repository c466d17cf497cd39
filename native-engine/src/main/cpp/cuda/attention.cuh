// Attention over paged K and V, with the bits of ops/float_ops.h: scores are summed over a head's
// dimensions in order, the softmax runs block by block of positions, outputs are summed over
// positions in order. A span is cut at multiples of ops::kAttentionPart positions; a block of
// threads has one part of one token and the query heads that share a kv head, so each element of K
// and V is read once for all of them, and parts are joined in order afterwards.
//
// What is in order is a chain of at most 512 fused multiply-adds per part, 1.2 us; scores and
// weights of all positions are worked out side by side.
#pragma once

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

template <ops::KvType kType>
SB_DEVICE HeadBlock<kType> head_block(const ops::KvView& kv, std::byte* pool, std::int32_t block,
                                      int kv_head) {
  const std::int64_t head = static_cast<std::int64_t>(block) * kv.kv_heads + kv_head;
  std::byte* at = pool + head * ops::kv_head_bytes(kType, kv.block_tokens, kv.head_dim);
  auto* steps = reinterpret_cast<std::uint16_t*>(at);
  if constexpr (kType == ops::KvType::kQ8) at += 2 * ops::kv_groups(kv.head_dim) * kv.block_tokens;
  return {steps, reinterpret_cast<typename Kept<kType>::Element*>(at)};
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
inline constexpr int kPart = ops::kAttentionPart;
inline constexpr int kSumLanes = 16;

// Blocks that a part of positions can touch.
constexpr int part_blocks(int block_tokens) { return kPart / block_tokens + 2; }

// What a part leaves of a query head, in floats: outputs, sums by lane, the maximum.
constexpr int part_floats(int head_dim) { return (head_dim + kSumLanes + 1 + 3) / 4 * 4; }

template <int kQueries>
struct AttendShared {
  float* q;        // [query][head_dim]
  float* weights;  // [query][kPart]
  float* maxima;   // [query][block], running
  float* factors;  // [query][block]: what is summed before is multiplied by it
};

template <int kQueries>
constexpr std::size_t attend_shared_bytes(int head_dim, int block_tokens) {
  SharedCarver carver;
  static_cast<void>(carver.take<float>(static_cast<std::size_t>(kQueries * head_dim)));
  static_cast<void>(carver.take<float>(kQueries * kPart));
  const auto blocks = static_cast<std::size_t>(kQueries * part_blocks(block_tokens));
  static_cast<void>(carver.take<float>(blocks));
  static_cast<void>(carver.take<float>(blocks));
  return carver.bytes();
}

template <int kQueries>
SB_DEVICE AttendShared<kQueries> attend_shared(int head_dim, int block_tokens) {
  SharedCarver carver;
  const std::size_t q = carver.take<float>(static_cast<std::size_t>(kQueries * head_dim));
  const std::size_t weights = carver.take<float>(kQueries * kPart);
  const auto blocks = static_cast<std::size_t>(kQueries * part_blocks(block_tokens));
  const std::size_t maxima = carver.take<float>(blocks);
  const std::size_t factors = carver.take<float>(blocks);
  return {shared_at<float>(q), shared_at<float>(weights), shared_at<float>(maxima),
          shared_at<float>(factors)};
}

// A part of a token's span, and the query heads of one kv head that are worked out together.
struct Portion {
  std::int64_t token;
  int kv_head;
  int first_query;  // of the token's
  int queries;
  int begin;
  int end;
  const std::int32_t* blocks;

  // Positions of the block numbered b, within the part.
  [[nodiscard]] SB_HOST_DEVICE int from(int b, int block_tokens) const {
    return b * block_tokens > begin ? b * block_tokens : begin;
  }
  [[nodiscard]] SB_HOST_DEVICE int to(int b, int block_tokens) const {
    return (b + 1) * block_tokens < end ? (b + 1) * block_tokens : end;
  }
};

template <int kQueries>
SB_DEVICE Portion portion_of(const AttendArgs& args) {
  const int group = args.q_heads / args.kv.kv_heads;
  const int tiles = (group + kQueries - 1) / kQueries;
  Portion p;
  p.token = args.kept == nullptr ? block_x() : args.kept[block_x()];
  p.kv_head = block_y() / tiles;
  const int first = block_y() % tiles * kQueries;
  p.first_query = p.kv_head * group + first;
  p.queries = group - first < kQueries ? group - first : kQueries;
  const int begin = (args.begins[p.token] / kPart + block_z()) * kPart;
  p.begin = begin > args.begins[p.token] ? begin : args.begins[p.token];
  p.end = begin + kPart < args.ends[p.token] ? begin + kPart : args.ends[p.token];
  p.blocks = args.block_tables + std::int64_t{args.sequences[p.token]} * args.max_blocks;
  return p;
}

template <ops::KvType kType, int kQueries>
SB_DEVICE void put_scores(const AttendArgs& args, const Portion& p, int position,
                          const AttendShared<kQueries>& shared) {
  const ops::KvView& kv = args.kv;
  const int slot = position % kv.block_tokens;
  const HeadBlock<kType> k =
      head_block<kType>(kv, kv.k, p.blocks[position / kv.block_tokens], p.kv_head);
  float scores[kQueries] = {};
  float step = 1;
  for (int c = 0; c < kv.head_dim; ++c) {
    float key = to_float<kType>(k.elements[std::int64_t{c} * kv.block_tokens + slot]);
    if constexpr (kType == ops::KvType::kQ8) {
      if (c % ops::kKvGroup == 0) {
        step = float_of_half(k.steps[c / ops::kKvGroup * kv.block_tokens + slot]);
      }
      key = key * step;
    }
#pragma unroll
    for (int i = 0; i < kQueries; ++i) {
      scores[i] = fma(shared.q[i * kv.head_dim + c], key, scores[i]);
    }
  }
#pragma unroll
  for (int i = 0; i < kQueries; ++i) {
    float score = scores[i] * args.scale;
    if (args.softcap != 0) score = Formulas::capped(score, args.softcap);
    shared.weights[i * kPart + position - p.begin] = score;
  }
}

// The maximum of each block's scores, then the running ones, and what the sums before are
// multiplied by when it grows.
template <int kQueries>
SB_DEVICE void put_maxima(const Portion& p, int block_tokens,
                          const AttendShared<kQueries>& shared) {
  constexpr float kNone = -__builtin_huge_valf();
  const int most = part_blocks(block_tokens);
  const int first = p.begin / block_tokens;
  const int blocks = (p.end - 1) / block_tokens - first + 1;
  for (int i = thread_id(); i < p.queries * blocks; i += kAttendThreads) {
    const int query = i / blocks;
    const int block = i % blocks;
    const float* scores = shared.weights + query * kPart - p.begin;
    float maximum = kNone;
    for (int t = p.from(first + block, block_tokens); t < p.to(first + block, block_tokens); ++t) {
      maximum = scores[t] > maximum ? scores[t] : maximum;
    }
    shared.maxima[query * most + block] = maximum;
  }
  block_barrier();
  if (thread_id() < p.queries) {
    float* maxima = shared.maxima + thread_id() * most;
    float* factors = shared.factors + thread_id() * most;
    float maximum = kNone;
    for (int block = 0; block < blocks; ++block) {
      const float now = maxima[block];
      factors[block] = Formulas::exp_below_88(now > maximum ? maximum - now : 0.0f);
      maximum = now > maximum ? now : maximum;
      maxima[block] = maximum;
    }
  }
  block_barrier();
}

template <int kQueries>
SB_DEVICE void put_weights(const Portion& p, int block_tokens,
                           const AttendShared<kQueries>& shared) {
  const int most = part_blocks(block_tokens);
  const int positions = p.end - p.begin;
  for (int i = thread_id(); i < p.queries * positions; i += kAttendThreads) {
    const int query = i / positions;
    const int at = i % positions;
    const int block = (p.begin + at) / block_tokens - p.begin / block_tokens;
    float& weight = shared.weights[query * kPart + at];
    weight = Formulas::exp_below_88(weight - shared.maxima[query * most + block]);
  }
}

// Sums of the weights by lane: a position's number in its block modulo 16.
template <int kQueries>
SB_DEVICE float sum_weights(const Portion& p, int block_tokens, int query, int lane,
                            const AttendShared<kQueries>& shared) {
  const int first = p.begin / block_tokens;
  const float* weights = shared.weights + query * kPart - p.begin;
  const float* factors = shared.factors + query * part_blocks(block_tokens);
  float sum = 0;
  for (int b = first; b * block_tokens < p.end; ++b) {
    sum = sum * factors[b - first];
    const int from = p.from(b, block_tokens);
    const int skip = (lane - (from - b * block_tokens) % kSumLanes + kSumLanes) % kSumLanes;
    for (int t = from + skip; t < p.to(b, block_tokens); t += kSumLanes) sum = sum + weights[t];
  }
  return sum;
}

// Column c of the outputs of all queries.
template <ops::KvType kType, int kQueries>
SB_DEVICE void sum_values(const AttendArgs& args, const Portion& p, int c,
                          const AttendShared<kQueries>& shared, float (&out)[kQueries]) {
  const ops::KvView& kv = args.kv;
  const int tokens = kv.block_tokens;
  const int most = part_blocks(tokens);
  const int first = p.begin / tokens;
  for (int b = first; b * tokens < p.end; ++b) {
    const HeadBlock<kType> v = head_block<kType>(kv, kv.v, p.blocks[b], p.kv_head);
#pragma unroll
    for (int i = 0; i < kQueries; ++i) {
      if (i < p.queries) out[i] = out[i] * shared.factors[i * most + b - first];
    }
    for (int t = p.from(b, tokens); t < p.to(b, tokens); ++t) {
      const std::int64_t slot = t - b * tokens;
      float value = to_float<kType>(v.elements[slot * kv.head_dim + c]);
      if constexpr (kType == ops::KvType::kQ8) {
        value =
            value * float_of_half(v.steps[slot * ops::kv_groups(kv.head_dim) + c / ops::kKvGroup]);
      }
#pragma unroll
      for (int i = 0; i < kQueries; ++i) {
        if (i < p.queries) out[i] = fma(shared.weights[i * kPart + t - p.begin], value, out[i]);
      }
    }
  }
}

SB_DEVICE float* part_at(const AttendArgs& args, std::int64_t row, int query, int part) {
  const std::int64_t index = (row * args.q_heads + query) * args.max_parts + part;
  return args.parts + index * part_floats(args.kv.head_dim);
}

template <ops::KvType kType, int kQueries>
SB_KERNEL(kAttendThreads)
attend_part(AttendArgs args) {
  await_launch_before();
  const int dim = args.kv.head_dim;
  const int tokens = args.kv.block_tokens;
  const Portion p = portion_of<kQueries>(args);
  if (p.begin >= p.end) return;
  const AttendShared<kQueries> shared = attend_shared<kQueries>(dim, tokens);
  // Queries that the tile has room for but not the group count as zero.
  const float* q = args.q + (p.token * args.q_heads + p.first_query) * dim;
  for (int i = thread_id(); i < kQueries * dim; i += kAttendThreads) {
    shared.q[i] = i < p.queries * dim ? q[i] : 0.0f;
  }
  block_barrier();
  for (int t = p.begin + thread_id(); t < p.end; t += kAttendThreads) {
    put_scores<kType, kQueries>(args, p, t, shared);
  }
  block_barrier();
  put_maxima<kQueries>(p, tokens, shared);
  put_weights<kQueries>(p, tokens, shared);
  block_barrier();
  for (int i = thread_id(); i < p.queries * kSumLanes; i += kAttendThreads) {
    const int query = i / kSumLanes;
    float* part = part_at(args, block_x(), p.first_query + query, block_z());
    part[dim + i % kSumLanes] = sum_weights<kQueries>(p, tokens, query, i % kSumLanes, shared);
    const int last = (p.end - 1) / tokens - p.begin / tokens;
    if (i % kSumLanes == 0) {
      part[dim + kSumLanes] = shared.maxima[query * part_blocks(tokens) + last];
    }
  }
  for (int c = thread_id(); c < dim; c += kAttendThreads) {
    float out[kQueries] = {};
    sum_values<kType, kQueries>(args, p, c, shared, out);
#pragma unroll
    for (int i = 0; i < kQueries; ++i) {
      if (i < p.queries) part_at(args, block_x(), p.first_query + i, block_z())[c] = out[i];
    }
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
