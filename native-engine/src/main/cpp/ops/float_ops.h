// The operations on float vectors, written once over a vector of 16 floats and compiled for each
// instruction set. Every lane sees the same operations in the same order whatever the set, and
// sums over lanes use one fixed tree, so the variants agree bit for bit.
//
// V has internal linkage in each file that includes this one, hence so has everything here that is
// compiled with that file's instruction set. A V offers, static, over its type F of 16 floats:
//
//   zero() set(x) load(p) load(p, n) store(p, v) store(p, v, n)      n < 16 lanes, others zero
//   load_half(p) load_half(p, n) store_half(p, v) store_half(p, v, n)
//   load_brain(p) load_brain(p, n)   BF16
//   load_bytes(p) load_bytes(p, n)   signed bytes
//   set_half(h)                      in every lane
//   add sub mul div max(a, b)      max is a > b ? a : b
//   fma(a, b, c)                   a * b + c, rounded once
//   add_exponent(v, t)             bits(v) + (bits(t) << 23)
//   sum(v) maximum(v)              lanes i and i + 8, then i and i + 4, i + 2, i + 1
//   kSums                          how many Fs a loop may sum in registers
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/annotate.h"
#include "ops/op.h"
#include "ops/quantise.h"

namespace sb::ops {

static constexpr std::int64_t kLanes = 16;

static constexpr std::int64_t pad_to_lanes(std::int64_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

// Arrays on the stack that whole vectors are stored to say their alignment: GCC assumes it anyway,
// and under the address sanitizer gives it only when told.
template <class V>
struct FloatOps {
  using F = typename V::F;

  // e^x within 1.2 units in the last place for x in [-87, 88]; outside, the bound's value. A NaN
  // stays a NaN. n = round(x / ln 2) is found by adding 1.5 * 2^23, which leaves n in the low bits.
  SB_HOST_DEVICE static F exp(F x) {
    return exp_below_88(V::sub(V::zero(), V::max(V::set(-88.0f), V::sub(V::zero(), x))));
  }

  // The same of what is known not to be above 88.
  SB_HOST_DEVICE static F exp_below_88(F x) {
    x = V::max(V::set(-87.0f), x);
    const F magic = V::set(0x1.8p23f);
    const F shifted = V::fma(x, V::set(0x1.715476p0f), magic);
    const F n = V::sub(shifted, magic);
    F r = V::fma(n, V::set(-0x1.62e43p-1f), x);
    r = V::fma(n, V::set(0x1.05c61p-29f), r);
    // Minimax on [-ln 2 / 2, ln 2 / 2] of (e^r - 1 - r) / r^2.
    F p = V::set(0x1.6a2434p-10f);
    p = V::fma(p, r, V::set(0x1.1239e2p-7f));
    p = V::fma(p, r, V::set(0x1.5558f2p-5f));
    p = V::fma(p, r, V::set(0x1.555492p-3f));
    p = V::fma(p, r, V::set(0x1.fffffcp-2f));
    p = V::fma(V::mul(p, r), r, r);
    return V::add_exponent(V::add(p, V::set(1.0f)), shifted);
  }

  SB_HOST_DEVICE static F silu(F x) {
    const F e = exp(V::sub(V::zero(), x));
    return V::div(x, V::add(V::set(1.0f), e));
  }

  // x / 2 * (1 + tanh(u)) is x * sigmoid(2u), which loses nothing where tanh is near -1.
  SB_HOST_DEVICE static F tanh_gelu(F x) {
    const F cubic =
        V::fma(V::mul(x, x), V::set(-2 * 0.7978845608f * 0.044715f), V::set(-2 * 0.7978845608f));
    const F e = exp(V::mul(x, cubic));
    return V::div(x, V::add(V::set(1.0f), e));
  }

  // max(x, 0) - |x| / 2 * erfc(|x| / sqrt 2), with erfc as formula 7.1.26 of Abramowitz and Stegun
  // has it, within 1.5e-7.
  SB_HOST_DEVICE static F erf_gelu(F x) {
    const F size = V::max(x, V::sub(V::zero(), x));
    const F z = V::mul(size, V::set(0.70710678f));
    const F t = V::div(V::set(1.0f), V::fma(z, V::set(0.3275911f), V::set(1.0f)));
    F p = V::set(1.061405429f);
    p = V::fma(p, t, V::set(-1.453152027f));
    p = V::fma(p, t, V::set(1.421413741f));
    p = V::fma(p, t, V::set(-0.284496736f));
    p = V::fma(p, t, V::set(0.254829592f));
    const F erfc = V::mul(V::mul(p, t), exp(V::sub(V::zero(), V::mul(z, z))));
    const F tail = V::mul(V::mul(size, V::set(0.5f)), erfc);
    return V::sub(V::max(x, V::zero()), tail);
  }

  // cap * tanh(x / cap), within 1.2e-7 * cap.
  SB_HOST_DEVICE static F capped(F x, float cap) {
    const F e = exp(V::mul(x, V::set(2.0f / cap)));
    const F rest = V::div(V::set(2.0f * cap), V::add(e, V::set(1.0f)));
    return V::sub(V::set(cap), rest);
  }

  static void rms_norm(const float* x, const float* weight, float epsilon, std::int64_t n,
                       float* out) {
    F squares = V::zero();
    for_lanes(n, [&](std::int64_t i, auto lanes) {
      const F v = lanes.load(x + i);
      squares = V::fma(v, v, squares);
    });
    const float mean = V::sum(squares) / static_cast<float>(n);
    const F scale = V::set(1.0f / __builtin_sqrtf(mean + epsilon));
    for_lanes(n, [&](std::int64_t i, auto lanes) {
      lanes.store(out + i, V::mul(V::mul(lanes.load(x + i), scale), lanes.load(weight + i)));
    });
  }

  // The variance is summed from the differences, not from the squares: a mean far from zero would
  // leave nothing of it.
  static void layer_norm(const float* x, const float* weight, const float* bias, float epsilon,
                         std::int64_t n, float* out) {
    F total = V::zero();
    for_lanes(n, [&](std::int64_t i, auto lanes) { total = V::add(total, lanes.load(x + i)); });
    const F mean = V::set(V::sum(total) / static_cast<float>(n));
    F squares = V::zero();
    for_lanes(n, [&](std::int64_t i, auto lanes) {
      const F difference = lanes.only(V::sub(lanes.load(x + i), mean));
      squares = V::fma(difference, difference, squares);
    });
    const float variance = V::sum(squares) / static_cast<float>(n);
    const F scale = V::set(1.0f / __builtin_sqrtf(variance + epsilon));
    for_lanes(n, [&](std::int64_t i, auto lanes) {
      const F normed = V::mul(V::sub(lanes.load(x + i), mean), scale);
      lanes.store(out + i, V::fma(normed, lanes.load(weight + i), lanes.load(bias + i)));
    });
  }

  static void silu_mul(const float* gate, const float* up, std::int64_t n, float* out) {
    for_lanes(n, [&](std::int64_t i, auto lanes) {
      lanes.store(out + i, V::mul(silu(lanes.load(gate + i)), lanes.load(up + i)));
    });
  }

  static void gelu_mul(const float* gate, const float* up, std::int64_t n, float* out) {
    for_lanes(n, [&](std::int64_t i, auto lanes) {
      lanes.store(out + i, V::mul(tanh_gelu(lanes.load(gate + i)), lanes.load(up + i)));
    });
  }

  static void gelu(float* x, std::int64_t n) {
    for_lanes(n,
              [&](std::int64_t i, auto lanes) { lanes.store(x + i, erf_gelu(lanes.load(x + i))); });
  }

  static void scale(float* x, float factor, std::int64_t n) {
    for_lanes(n, [&](std::int64_t i, auto lanes) {
      lanes.store(x + i, V::mul(lanes.load(x + i), V::set(factor)));
    });
  }

  static void softcap(float* x, float cap, std::int64_t n) {
    for_lanes(
        n, [&](std::int64_t i, auto lanes) { lanes.store(x + i, capped(lanes.load(x + i), cap)); });
  }

  static void add(float* x, const float* y, std::int64_t n) {
    for_lanes(n, [&](std::int64_t i, auto lanes) {
      lanes.store(x + i, V::add(lanes.load(x + i), lanes.load(y + i)));
    });
  }

  static void rope(const Rope& rope, const float* angles, std::int32_t n_heads,
                   std::int32_t head_dim, float* heads) {
    for (std::int32_t h = 0; h < n_heads; ++h) {
      float* head = heads + static_cast<std::ptrdiff_t>(h) * head_dim;
      if (rope.neox) {
        rotate<1>(head, head + rope.dim / 2, angles, rope.dim / 2);
      } else {
        rotate<2>(head, head + 1, angles, rope.dim / 2);
      }
    }
  }

  static void kv_store(const KvView& kv, std::int32_t block, std::int32_t slot,
                       std::int32_t kv_head, const float* k, const float* v) {
    switch (kv.type) {
      case KvType::kF32:
        return store_heads<Single>(kv, block, slot, kv_head, k, v);
      case KvType::kF16:
        return store_heads<Half>(kv, block, slot, kv_head, k, v);
      case KvType::kBf16:
        return store_heads<Brain>(kv, block, slot, kv_head, k, v);
      case KvType::kQ8:
        return store_quantised(kv, block, slot, kv_head, k, v);
    }
  }

  // Per block of the table: the scores of its positions, each summed over the head's dimensions in
  // order; the running maximum; the exponentials and their sum by lane (lane = position in the
  // block modulo 16); the weighted sum of V in position order. When the maximum grows, what was
  // summed so far is scaled down to it.
  // The parts are summed up each by itself and then joined in order.
  static void attention(const KvView& kv, std::span<const std::int32_t> blocks,
                        std::int32_t kv_head, const AttentionSpan& span, const float* q,
                        std::int32_t n_queries, float* out, float* scratch) {
    attend_tokens(kv, blocks, kv_head, {&span, 1}, q, n_queries, out, scratch);
  }

  // Beside each other, their queries and outputs are those of one token with more heads.
  static void attention_run(const KvView& kv, std::span<const std::int32_t> blocks,
                            std::int32_t kv_head, std::span<const AttentionSpan> spans,
                            const float* q, std::int64_t stride, std::int32_t n_queries, float* out,
                            float* scratch) {
    const std::int64_t row = std::int64_t{n_queries} * kv.head_dim;
    const auto n = static_cast<std::int64_t>(spans.size());
    if (n == 1) return attention(kv, blocks, kv_head, spans[0], q, n_queries, out, scratch);
    float* queries = scratch;
    float* outputs = queries + n * row;
    for (std::int64_t i = 0; i < n; ++i) copy(q + i * stride, row, queries + i * row);
    attend_tokens(kv, blocks, kv_head, spans, queries, n_queries, outputs, outputs + n * row);
    for (std::int64_t i = 0; i < n; ++i) copy(outputs + i * row, row, out + i * stride);
  }

  static void attend_part(const KvView& kv, std::span<const std::int32_t> blocks,
                          std::int32_t kv_head, const AttentionSpan& part, const float* q,
                          std::int32_t n_queries, float* result, float* scratch) {
    attend(kv, blocks.data(), kv_head, {&part, 1}, q, n_queries,
           Attended(result, n_queries, kv.head_dim), scratch);
  }

  static void join_parts(const float* parts, std::int32_t n_parts, std::int32_t n_queries,
                         std::int32_t head_dim, float* out, float* scratch) {
    // Read only: an Attended is also written elsewhere.
    auto* at = const_cast<float*>(parts);
    const std::int64_t outputs = std::int64_t{n_queries} * head_dim;
    const std::int64_t state = n_queries * kLanes + n_queries;
    for (std::int64_t i = 0; i < outputs; ++i) out[i] = at[i];
    for (std::int64_t i = 0; i < state; ++i) scratch[i] = at[outputs + i];
    const Attended so_far(out, scratch, n_queries);
    for (std::int32_t part = 1; part < n_parts; ++part) {
      at += pad_to_lanes(outputs + state);
      join(so_far, Attended(at, n_queries, head_dim), n_queries, head_dim);
    }
    finish(so_far, n_queries, head_dim);
  }

 private:
  // Queries that share one pass over a block's K and V.
  static constexpr int kQueryTile = V::kSums >= 16 ? 8 : 4;

  struct AllLanes {
    static F load(const float* p) { return V::load(p); }
    static void store(float* p, F v) { V::store(p, v); }
    static F only(F v) { return v; }
  };
  struct SomeLanes {
    std::int64_t n;
    F load(const float* p) const { return V::load(p, n); }
    void store(float* p, F v) const { V::store(p, v, n); }
    // The others zero.
    F only(F v) const {
      alignas(64) float lanes[kLanes];
      V::store(lanes, v);
      return V::load(lanes, n);
    }
  };

  // How K and V elements are kept. kScaled: an element counts steps whose size lies apart.
  struct Single {
    using Element = float;
    static constexpr bool kScaled = false;
    static F load(const float* p) { return V::load(p); }
    static F load(const float* p, std::int64_t n) { return V::load(p, n); }
    static void store(float* p, F v) { V::store(p, v); }
    static void store(float* p, F v, std::int64_t n) { V::store(p, v, n); }
  };
  struct Half {
    using Element = std::uint16_t;
    static constexpr bool kScaled = false;
    static F load(const std::uint16_t* p) { return V::load_half(p); }
    static F load(const std::uint16_t* p, std::int64_t n) { return V::load_half(p, n); }
    static void store(std::uint16_t* p, F v) { V::store_half(p, v); }
    static void store(std::uint16_t* p, F v, std::int64_t n) { V::store_half(p, v, n); }
  };
  struct Brain {
    using Element = std::uint16_t;
    static constexpr bool kScaled = false;
    static F load(const std::uint16_t* p) { return V::load_brain(p); }
    static F load(const std::uint16_t* p, std::int64_t n) { return V::load_brain(p, n); }
    static void store(std::uint16_t* p, F v) { store(p, v, kLanes); }
    static void store(std::uint16_t* p, F v, std::int64_t n) {
      alignas(64) float lanes[kLanes];
      V::store(lanes, v);
      for (std::int64_t i = 0; i < n; ++i)
        p[i] = brain_of_bits(__builtin_bit_cast(std::uint32_t, lanes[i]));
    }
  };
  struct Quantised {
    using Element = std::int8_t;
    static constexpr bool kScaled = true;
    static F load(const std::int8_t* p) { return V::load_bytes(p); }
    static F load(const std::int8_t* p, std::int64_t n) { return V::load_bytes(p, n); }
  };

  // Rows of K or V. Sizes of steps are null unless the store is scaled.
  template <class Store>
  struct Rows {
    const typename Store::Element* values;
    const std::uint16_t* steps;
  };

  template <class Body>
  static void for_lanes(std::int64_t n, Body body) {
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) body(i, AllLanes{});
    if (i < n) body(i, SomeLanes{n - i});
  }

  // Pairs (a[kStride * i], b[kStride * i]).
  template <int kStride>
  static void rotate(float* a, float* b, const float* angles, std::int32_t n) {
    const float* cosine = angles;
    const float* sine = angles + n;
    for (std::int32_t i = 0; i < n; ++i) {
      const float x = a[kStride * i];
      const float y = b[kStride * i];
      a[kStride * i] = x * cosine[i] - y * sine[i];
      b[kStride * i] = x * sine[i] + y * cosine[i];
    }
  }

  // Of a head in a block, in bytes.
  static std::ptrdiff_t kv_offset(const KvView& kv, std::int32_t block, std::int32_t kv_head) {
    const std::ptrdiff_t head = static_cast<std::ptrdiff_t>(block) * kv.kv_heads + kv_head;
    return head * kv_head_bytes(kv.type, kv.block_tokens, kv.head_dim);
  }

  static std::int64_t step_count(const KvView& kv) {
    return kv_groups(kv.head_dim) * kv.block_tokens;
  }

  template <class Store>
  static Rows<Store> rows_at(const KvView& kv, const std::byte* head) {
    const auto* steps = reinterpret_cast<const std::uint16_t*>(head);
    if constexpr (Store::kScaled) {
      return {reinterpret_cast<const std::int8_t*>(steps + step_count(kv)), steps};
    } else {
      return {reinterpret_cast<const typename Store::Element*>(head), nullptr};
    }
  }

  template <class Store>
  static void store_heads(const KvView& kv, std::int32_t block, std::int32_t slot,
                          std::int32_t kv_head, const float* k, const float* v) {
    using Element = typename Store::Element;
    const std::int64_t dim = kv.head_dim;
    const std::ptrdiff_t at = kv_offset(kv, block, kv_head);
    Element* values = reinterpret_cast<Element*>(kv.v + at) + slot * dim;
    Element* keys = reinterpret_cast<Element*>(kv.k + at) + slot;
    for (std::int64_t i = 0; i < dim; i += kLanes) {
      const std::int64_t n = dim - i < kLanes ? dim - i : kLanes;
      alignas(64) Element column[kLanes];
      if (n == kLanes) {
        Store::store(values + i, V::load(v + i));
        Store::store(column, V::load(k + i));
      } else {
        Store::store(values + i, V::load(v + i, n), n);
        Store::store(column, V::load(k + i, n));
      }
      for (std::int64_t j = 0; j < n; ++j) keys[(i + j) * kv.block_tokens] = column[j];
    }
  }

  static void store_quantised(const KvView& kv, std::int32_t block, std::int32_t slot,
                              std::int32_t kv_head, const float* k, const float* v) {
    const std::int64_t dim = kv.head_dim;
    const std::int64_t groups = kv_groups(dim);
    const std::ptrdiff_t at = kv_offset(kv, block, kv_head);
    auto* k_steps = reinterpret_cast<std::uint16_t*>(kv.k + at);
    auto* v_steps = reinterpret_cast<std::uint16_t*>(kv.v + at);
    auto* keys = reinterpret_cast<std::int8_t*>(k_steps + step_count(kv)) + slot;
    auto* values = reinterpret_cast<std::int8_t*>(v_steps + step_count(kv)) + slot * dim;
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t i = g * kKvGroup;
      const std::int64_t n = dim - i < kKvGroup ? dim - i : kKvGroup;
      quantise(k + i, n, keys + i * kv.block_tokens, kv.block_tokens,
               k_steps + g * kv.block_tokens + slot);
      quantise(v + i, n, values + i, 1, v_steps + slot * groups + g);
    }
  }

  // Counts in steps of the size that is kept, not of the exact one, so that its rounding costs
  // nothing.
  static void quantise(const float* x, std::int64_t n, std::int8_t* out, std::int64_t stride,
                       std::uint16_t* step) {
    std::uint32_t largest = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::uint32_t magnitude = __builtin_bit_cast(std::uint32_t, x[i]) & 0x7fffffffu;
      largest = magnitude > largest ? magnitude : largest;
    }
    V::store_half(step, V::set(kv_step(largest)), 1);
    // The other lanes are 0, and a NaN is below none of them: it counts for nothing either way.
    const float kept = V::maximum(V::load_half(step, 1));
    const float per_unit = steps_per_unit(kept);
    for (std::int64_t i = 0; i < n; ++i) out[i * stride] = steps_of(x[i], per_unit);
  }

  // What attending to some positions has given: per query the outputs, not yet divided by the sum
  // of the weights, that sum by lane, and the maximum that the weights are relative to.
  struct Attended {
    float* out;
    float* sums;
    float* maximum;

    Attended(float* outputs, float* state, std::int32_t n_queries)
        : out(outputs), sums(state), maximum(state + n_queries * kLanes) {}
    Attended(float* all, std::int32_t n_queries, std::int32_t head_dim)
        : Attended(all, all + std::int64_t{n_queries} * head_dim, n_queries) {}
  };

  // The weights of a block's positions, in scratch, beside what they lead to.
  struct Softmax {
    float* weights;
    float* sums;
    float* maximum;
    std::int64_t stride;

    Softmax(float* scratch, const Attended& to, std::int32_t block_tokens)
        : weights(scratch),
          sums(to.sums),
          maximum(to.maximum),
          stride(pad_to_lanes(block_tokens)) {}
  };

  struct Piece {
    std::int32_t first;
    std::int32_t end;

    // Where the vector that holds the first position begins.
    std::int32_t from() const { return static_cast<std::int32_t>(first / kLanes * kLanes); }
  };

  static void copy(const float* from, std::int64_t n, float* to) {
    for_lanes(n, [&](std::int64_t i, auto lanes) { lanes.store(to + i, lanes.load(from + i)); });
  }

  // One token for each span, with queries and outputs one behind the other.
  static void attend_tokens(const KvView& kv, std::span<const std::int32_t> blocks,
                            std::int32_t kv_head, std::span<const AttentionSpan> spans,
                            const float* q, std::int32_t n_queries, float* out, float* scratch) {
    const auto n = static_cast<std::int32_t>(spans.size());
    const std::int32_t all = n * n_queries;
    float* state = scratch + all * pad_to_lanes(kv.block_tokens);
    const Attended so_far(out, state, all);
    const Attended next(state + pad_to_lanes(all * kLanes + all), all, kv.head_dim);
    const std::int32_t parts = attention_parts(spans[0]);
    AttentionSpan cut[kMaxRunTokens];
    for (std::int32_t part = 0; part < parts; ++part) {
      for (std::size_t i = 0; i < spans.size(); ++i) {
        cut[i] = ops::attention_part(spans[i], part);
      }
      attend(kv, blocks.data(), kv_head, {cut, spans.size()}, q, n_queries,
             part == 0 ? so_far : next, scratch);
      if (part > 0) join(so_far, next, all, kv.head_dim);
    }
    finish(so_far, all, kv.head_dim);
  }

  static void attend(const KvView& kv, const std::int32_t* blocks, std::int32_t kv_head,
                     std::span<const AttentionSpan> spans, const float* q, std::int32_t n_queries,
                     const Attended& to, float* scratch) {
    switch (kv.type) {
      case KvType::kF32:
        return attend<Single>(kv, blocks, kv_head, spans, q, n_queries, to, scratch);
      case KvType::kF16:
        return attend<Half>(kv, blocks, kv_head, spans, q, n_queries, to, scratch);
      case KvType::kBf16:
        return attend<Brain>(kv, blocks, kv_head, spans, q, n_queries, to, scratch);
      case KvType::kQ8:
        return attend<Quantised>(kv, blocks, kv_head, spans, q, n_queries, to, scratch);
    }
  }

  static Piece piece_of(const AttentionSpan& span, std::int32_t at_begin, std::int32_t tokens) {
    return {span.begin > at_begin ? span.begin - at_begin : 0,
            span.end - at_begin < tokens ? span.end - at_begin : tokens};
  }

  template <class Store>
  static void attend(const KvView& kv, const std::int32_t* blocks, std::int32_t kv_head,
                     std::span<const AttentionSpan> spans, const float* q, std::int32_t n_queries,
                     const Attended& to, float* scratch) {
    const auto n = static_cast<std::int32_t>(spans.size());
    const AttentionSpan* const each = spans.data();
    Softmax softmax(scratch, to, kv.block_tokens);
    for (std::int64_t i = 0; i < n * n_queries * std::int64_t{kv.head_dim}; ++i) to.out[i] = 0;
    for (std::int32_t i = 0; i < n * n_queries; ++i) {
      V::store(softmax.sums + i * kLanes, V::zero());
      softmax.maximum[i] = -__builtin_huge_valf();
    }
    const std::int32_t tokens = kv.block_tokens;
    for (std::int32_t b = spans[0].begin / tokens; b * tokens < spans[0].end; ++b) {
      const std::ptrdiff_t at = kv_offset(kv, blocks[b], kv_head);
      const Rows<Store> k = rows_at<Store>(kv, kv.k + at);
      const Rows<Store> v = rows_at<Store>(kv, kv.v + at);
      // Those who attend to the same of its positions go together.
      for (std::int32_t i = 0, together; i < n; i += together) {
        const Piece piece = piece_of(each[i], b * tokens, tokens);
        for (together = 1; i + together < n; ++together) {
          const Piece other = piece_of(each[i + together], b * tokens, tokens);
          if (other.first != piece.first || other.end != piece.end) break;
        }
        attend_queries<Store>(k, v, piece, kv, q, {i * n_queries, (i + together) * n_queries},
                              spans[0], softmax, to.out);
      }
    }
  }

  // Queries from first to below end.
  struct Queries {
    std::int32_t first;
    std::int32_t end;
  };

  template <class Store>
  static void attend_queries(Rows<Store> k, Rows<Store> v, Piece piece, const KvView& kv,
                             const float* q, Queries queries, const AttentionSpan& span,
                             Softmax& softmax, float* out) {
    constexpr int kRest = 4;
    std::int32_t i = queries.first;
    for (; i + kQueryTile <= queries.end; i += kQueryTile) {
      attend_block<Store, kQueryTile>(k, v, piece, kv, q, i, span, softmax, out);
    }
    for (; kQueryTile > kRest && i + kRest <= queries.end; i += kRest) {
      attend_block<Store, kRest>(k, v, piece, kv, q, i, span, softmax, out);
    }
    attend_rest<Store, kRest - 1>(queries.end - i, k, v, piece, kv, q, i, span, softmax, out);
  }

  // Takes both to the greater of their maxima and adds.
  static void join(const Attended& so_far, const Attended& next, std::int32_t n_queries,
                   std::int64_t dim) {
    for (std::int32_t i = 0; i < n_queries; ++i) {
      const float before = so_far.maximum[i];
      const float maximum = next.maximum[i] > before ? next.maximum[i] : before;
      const F ours = exp(V::set(before - maximum));
      const F theirs = exp(V::set(next.maximum[i] - maximum));
      so_far.maximum[i] = maximum;
      float* sums = so_far.sums + i * kLanes;
      V::store(sums, V::fma(V::load(next.sums + i * kLanes), theirs, V::mul(V::load(sums), ours)));
      float* out = so_far.out + i * dim;
      const float* more = next.out + i * dim;
      for_lanes(dim, [&](std::int64_t c, auto lanes) {
        lanes.store(out + c,
                    V::fma(lanes.load(more + c), theirs, V::mul(lanes.load(out + c), ours)));
      });
    }
  }

  static void finish(const Attended& to, std::int32_t n_queries, std::int64_t dim) {
    for (std::int32_t i = 0; i < n_queries; ++i) {
      const F inverse = V::set(1.0f / V::sum(V::load(to.sums + i * kLanes)));
      float* row = to.out + i * dim;
      for_lanes(dim, [&](std::int64_t c, auto lanes) {
        lanes.store(row + c, V::mul(lanes.load(row + c), inverse));
      });
    }
  }

  template <class Store, int kQueries>
  static void attend_rest(std::int32_t n, Rows<Store> k, Rows<Store> v, Piece piece,
                          const KvView& kv, const float* q, std::int32_t first_query,
                          const AttentionSpan& span, Softmax& softmax, float* out) {
    if constexpr (kQueries > 0) {
      if (n == kQueries) {
        attend_block<Store, kQueries>(k, v, piece, kv, q, first_query, span, softmax, out);
      } else {
        attend_rest<Store, kQueries - 1>(n, k, v, piece, kv, q, first_query, span, softmax, out);
      }
    }
  }

  template <class Store, int kQueries>
  static void attend_block(Rows<Store> k, Rows<Store> v, Piece piece, const KvView& kv,
                           const float* q, std::int32_t first_query, const AttentionSpan& span,
                           Softmax& softmax, float* out) {
    constexpr int kVectors = vectors_beside(kQueries);
    const std::int64_t dim = kv.head_dim;
    float* weights = softmax.weights + first_query * softmax.stride;
    const float* queries = q + first_query * dim;
    float* outputs = out + first_query * dim;
    scores<Store, kQueries, kVectors>(k, piece.end, piece.from(), kv, queries, span.scale, weights,
                                      softmax.stride);
    for (int i = 0; span.softcap != 0 && i < kQueries; ++i) {
      cap_scores(softmax, first_query + i, piece, span.softcap);
    }
    float factors[kQueries];
    exponentials<kQueries>(softmax, first_query, piece, factors);
    v.values += piece.first * dim;
    if constexpr (Store::kScaled) v.steps += piece.first * kv_groups(dim);
    accumulate<Store, kQueries, kVectors>(v, piece.end - piece.first, 0, dim, weights + piece.first,
                                          softmax.stride, factors, outputs);
  }

  // Vectors of positions, or of columns, that are summed beside each other for so many queries: a
  // power of two, at most 4.
  static constexpr int vectors_beside(int queries) {
    const int fit = V::kSums / queries;
    return fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
  }

  // Weights of the block's positions from t on. K lies by dimension, so 16 positions are one vector
  // and no sum over lanes is needed. Lanes past the block's last token hold whatever the slot held.
  template <class Store, int kQueries, int kVectors>
  static void scores(Rows<Store> k, std::int32_t tokens, std::int32_t t, const KvView& kv,
                     const float* q, float scale, float* weights, std::int64_t stride) {
    for (; t + kVectors * kLanes <= kv.block_tokens && t + (kVectors - 1) * kLanes < tokens;
         t += kVectors * kLanes) {
      score_positions<Store, kQueries, kVectors>(k, t, kv, q, scale, weights + t, stride,
                                                 LoadAll{});
    }
    if constexpr (kVectors > 1) {
      scores<Store, kQueries, kVectors / 2>(k, tokens, t, kv, q, scale, weights, stride);
    } else if (t < tokens) {
      score_positions<Store, kQueries, 1>(k, t, kv, q, scale, weights + t, stride,
                                          LoadSome{kv.block_tokens - t});
    }
  }

  // Full vectors of elements, or only the first lanes of one.
  struct LoadAll {
    template <class Store>
    F elements(const typename Store::Element* p) const {
      return Store::load(p);
    }
    F steps(const std::uint16_t* p) const { return V::load_half(p); }
  };
  struct LoadSome {
    std::int64_t n;
    template <class Store>
    F elements(const typename Store::Element* p) const {
      return Store::load(p, n);
    }
    F steps(const std::uint16_t* p) const { return V::load_half(p, n); }
  };

  template <class Store, int kQueries, int kVectors, class Load>
  static void score_positions(Rows<Store> k, std::int64_t t, const KvView& kv, const float* q,
                              float scale, float* weights, std::int64_t stride, Load load) {
    F sums[kQueries][kVectors];
    F steps[kVectors];  // of the group of dimensions that c is in
    if constexpr (Store::kScaled) {
      for (int j = 0; j < kVectors; ++j) steps[j] = V::zero();
    }
    const typename Store::Element* elements = k.values + t;
#pragma GCC unroll 16
    for (int i = 0; i < kQueries * kVectors; ++i) sums[i / kVectors][i % kVectors] = V::zero();
    for (std::int64_t c = 0; c < kv.head_dim; ++c, elements += kv.block_tokens) {
      F keys[kVectors];
      if constexpr (Store::kScaled) {
        if (c % kKvGroup == 0) {
          const std::uint16_t* group = k.steps + c / kKvGroup * kv.block_tokens + t;
#pragma GCC unroll 16
          for (int j = 0; j < kVectors; ++j) steps[j] = load.steps(group + j * kLanes);
        }
      }
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) {
        keys[j] = load.template elements<Store>(elements + j * kLanes);
        if constexpr (Store::kScaled) keys[j] = V::mul(keys[j], steps[j]);
      }
#pragma GCC unroll 16
      for (int i = 0; i < kQueries; ++i) {
        const F query = V::set(q[i * kv.head_dim + c]);
#pragma GCC unroll 16
        for (int j = 0; j < kVectors; ++j) sums[i][j] = V::fma(query, keys[j], sums[i][j]);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kQueries * kVectors; ++i) {
      V::store(weights + i / kVectors * stride + i % kVectors * kLanes,
               V::mul(sums[i / kVectors][i % kVectors], V::set(scale)));
    }
  }

  static void cap_scores(Softmax& softmax, std::int32_t query, Piece piece, float cap) {
    float* weights = softmax.weights + query * softmax.stride;
    for (std::int32_t t = piece.from(); t < piece.end; t += kLanes) {
      V::store(weights + t, capped(V::load(weights + t), cap));
    }
  }

  // Makes the scores weights, and says by what their outputs so far are to be multiplied: e to what
  // their maximum grew by, or 1. The queries go side by side and without a branch on a maximum:
  // each chain alone, from the scores to the sum, takes a hundred cycles.
  template <int kQueries>
  static void exponentials(Softmax& softmax, std::int32_t first_query, Piece piece,
                           float* factors) {
    float* weights = softmax.weights + first_query * softmax.stride;
    float* sums = softmax.sums + first_query * kLanes;
    F maxima[kQueries];
    maxima_of<kQueries>(weights, softmax.stride, piece, maxima);
    alignas(64) float grown[kLanes] = {};
    for (int i = 0; i < kQueries; ++i) {
      float& maximum = softmax.maximum[first_query + i];
      const float now = V::maximum(maxima[i]);
      const float before = maximum;
      maximum = now > before ? now : before;
      grown[i] = now > before ? before - now : 0.0f;
      maxima[i] = V::set(maximum);
    }
    V::store(grown, exp_below_88(V::load(grown)));
    F total[kQueries];
#pragma GCC unroll 16
    for (int i = 0; i < kQueries; ++i) {
      factors[i] = grown[i];
      total[i] = V::mul(V::load(sums + i * kLanes), V::set(grown[i]));
    }
    for (std::int32_t t = piece.from(); t < piece.end; t += kLanes) {
      const std::int32_t left = piece.end - t;
#pragma GCC unroll 16
      for (int i = 0; i < kQueries; ++i) {
        float* at = weights + i * softmax.stride + t;
        V::store(at, exp_below_88(V::sub(V::load(at), maxima[i])));
        // The bound's value is small, not zero.
        if (t < piece.first) fill(at, 0, piece.first - t, 0.0f);
        total[i] = V::add(total[i], left < kLanes ? V::load(at, left) : V::load(at));
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kQueries; ++i) V::store(sums + i * kLanes, total[i]);
  }

  // By lane, of the piece's scores; those around it are minus infinity from then on.
  template <int kQueries>
  static void maxima_of(float* scores, std::int64_t stride, Piece piece, F* maxima) {
    constexpr float kNone = -__builtin_huge_valf();
    for (int i = 0; i < kQueries; ++i) {
      fill(scores + i * stride, piece.from(), piece.first, kNone);
      fill(scores + i * stride, piece.end, pad_to_lanes(piece.end), kNone);
      maxima[i] = V::set(kNone);
    }
    for (std::int32_t t = piece.from(); t < piece.end; t += kLanes) {
#pragma GCC unroll 16
      for (int i = 0; i < kQueries; ++i) {
        maxima[i] = V::max(V::load(scores + i * stride + t), maxima[i]);
      }
    }
  }

  static void fill(float* values, std::int64_t begin, std::int64_t end, float value) {
    for (std::int64_t i = begin; i < end; ++i) values[i] = value;
  }

  // Columns of the outputs from c on, which are multiplied by their factors first.
  template <class Store, int kQueries, int kVectors>
  static void accumulate(Rows<Store> v, std::int32_t tokens, std::int64_t c, std::int64_t dim,
                         const float* weights, std::int64_t stride, const float* factors,
                         float* out) {
    for (; c + kVectors * kLanes <= dim; c += kVectors * kLanes) {
      accumulate_columns<Store, kQueries, kVectors>(v, tokens, c, dim, weights, stride, factors,
                                                    out, AllLanes{}, LoadAll{});
    }
    if constexpr (kVectors > 1) {
      accumulate<Store, kQueries, kVectors / 2>(v, tokens, c, dim, weights, stride, factors, out);
    } else if (c < dim) {
      accumulate_columns<Store, kQueries, 1>(v, tokens, c, dim, weights, stride, factors, out,
                                             SomeLanes{dim - c}, LoadSome{dim - c});
    }
  }

  template <class Store, int kQueries, int kVectors, class Lanes, class Load>
  static void accumulate_columns(Rows<Store> v, std::int32_t tokens, std::int64_t c,
                                 std::int64_t dim, const float* weights, std::int64_t stride,
                                 const float* factors, float* out, Lanes lanes, Load load) {
    F sums[kQueries][kVectors];
    const std::int64_t groups = kv_groups(dim);
    const typename Store::Element* elements = v.values + c;
#pragma GCC unroll 16
    for (int i = 0; i < kQueries * kVectors; ++i) {
      sums[i / kVectors][i % kVectors] =
          V::mul(lanes.load(out + i / kVectors * dim + c + i % kVectors * kLanes),
                 V::set(factors[i / kVectors]));
    }
    for (std::int32_t t = 0; t < tokens; ++t, elements += dim) {
      F values[kVectors];
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) {
        values[j] = load.template elements<Store>(elements + j * kLanes);
        if constexpr (Store::kScaled) {
          const std::int64_t group = (c + j * kLanes) / kKvGroup;
          values[j] = V::mul(values[j], V::set_half(v.steps[t * groups + group]));
        }
      }
#pragma GCC unroll 16
      for (int i = 0; i < kQueries; ++i) {
        const F weight = V::set(weights[i * stride + t]);
#pragma GCC unroll 16
        for (int j = 0; j < kVectors; ++j) sums[i][j] = V::fma(weight, values[j], sums[i][j]);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kQueries * kVectors; ++i) {
      lanes.store(out + i / kVectors * dim + c + i % kVectors * kLanes,
                  sums[i / kVectors][i % kVectors]);
    }
  }
};

}  // namespace sb::ops
