// The operations on float vectors, written once over a vector of 16 floats and compiled for each
// instruction set. Every lane sees the same operations in the same order whatever the set, and
// sums over lanes use one fixed tree, so the variants agree bit for bit.
//
// V has internal linkage in each file that includes this one, hence so has everything here that is
// compiled with that file's instruction set. A V offers, static, over its type F of 16 floats:
//
//   zero() set(x) load(p) load(p, n) store(p, v) store(p, v, n)      n < 16 lanes, others zero
//   load_half(p) load_half(p, n) store_half(p, v) store_half(p, v, n)
//   add sub mul div max(a, b)      max is a > b ? a : b
//   fma(a, b, c)                   a * b + c, rounded once
//   add_exponent(v, t)             bits(v) + (bits(t) << 23)
//   sum(v) maximum(v)              lanes i and i + 8, then i and i + 4, i + 2, i + 1
//   kSums                          how many Fs a loop may sum in registers
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/op.h"

namespace sb::ops {

static constexpr std::int64_t kLanes = 16;

static constexpr std::int64_t pad_to_lanes(std::int64_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

template <class V>
struct FloatOps {
  using F = typename V::F;

  // e^x within 1.2 units in the last place for x in [-87, 88]; outside, the bound's value. A NaN
  // stays a NaN. n = round(x / ln 2) is found by adding 1.5 * 2^23, which leaves n in the low bits.
  static F exp(F x) {
    x = V::max(V::set(-87.0f), x);
    x = V::sub(V::zero(), V::max(V::set(-88.0f), V::sub(V::zero(), x)));
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

  static void silu_mul(const float* gate, const float* up, std::int64_t n, float* out) {
    for_lanes(n, [&](std::int64_t i, auto lanes) {
      const F g = lanes.load(gate + i);
      const F e = exp(V::sub(V::zero(), g));
      const F silu = V::div(g, V::add(V::set(1.0f), e));
      lanes.store(out + i, V::mul(silu, lanes.load(up + i)));
    });
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
    if (kv.f16) {
      store_heads<Half>(kv, block, slot, kv_head, k, v);
    } else {
      store_heads<Single>(kv, block, slot, kv_head, k, v);
    }
  }

  // Per block of the table: the scores of its positions, each summed over the head's dimensions in
  // order; the running maximum; the exponentials and their sum by lane (lane = position in the
  // block modulo 16); the weighted sum of V in position order. When the maximum grows, what was
  // summed so far is scaled down to it.
  static void attention(const KvView& kv, std::span<const std::int32_t> blocks,
                        std::int32_t kv_head, std::int32_t n_context, const float* q,
                        std::int32_t n_queries, float scale, float* out, float* scratch) {
    if (kv.f16) {
      attend<Half>(kv, blocks.data(), kv_head, n_context, q, n_queries, scale, out, scratch);
    } else {
      attend<Single>(kv, blocks.data(), kv_head, n_context, q, n_queries, scale, out, scratch);
    }
  }

 private:
  static constexpr int kQueryTile = 4;  // query heads that share one pass over a row of K or V

  struct AllLanes {
    static F load(const float* p) { return V::load(p); }
    static void store(float* p, F v) { V::store(p, v); }
  };
  struct SomeLanes {
    std::int64_t n;
    F load(const float* p) const { return V::load(p, n); }
    void store(float* p, F v) const { V::store(p, v, n); }
  };

  // How K and V elements are kept.
  struct Single {
    using Element = float;
    static F load(const float* p) { return V::load(p); }
    static F load(const float* p, std::int64_t n) { return V::load(p, n); }
    static void store(float* p, F v) { V::store(p, v); }
    static void store(float* p, F v, std::int64_t n) { V::store(p, v, n); }
  };
  struct Half {
    using Element = std::uint16_t;
    static F load(const std::uint16_t* p) { return V::load_half(p); }
    static F load(const std::uint16_t* p, std::int64_t n) { return V::load_half(p, n); }
    static void store(std::uint16_t* p, F v) { V::store_half(p, v); }
    static void store(std::uint16_t* p, F v, std::int64_t n) { V::store_half(p, v, n); }
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

  // Of a block's first row for a head, in elements.
  static std::ptrdiff_t kv_offset(const KvView& kv, std::int32_t block, std::int32_t kv_head) {
    const std::ptrdiff_t head = static_cast<std::ptrdiff_t>(block) * kv.kv_heads + kv_head;
    return head * kv.block_tokens * kv.head_dim;
  }

  template <class Store>
  static void store_heads(const KvView& kv, std::int32_t block, std::int32_t slot,
                          std::int32_t kv_head, const float* k, const float* v) {
    using Element = typename Store::Element;
    const std::int64_t dim = kv.head_dim;
    const std::ptrdiff_t at = kv_offset(kv, block, kv_head);
    Element* values = reinterpret_cast<Element*>(kv.v) + at + slot * dim;
    Element* keys = reinterpret_cast<Element*>(kv.k) + at + slot;
    for (std::int64_t i = 0; i < dim; i += kLanes) {
      const std::int64_t n = dim - i < kLanes ? dim - i : kLanes;
      Element column[kLanes];
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

  // scratch: per query the block's weights, their sums by lane, the maximum (one lane group each).
  struct Softmax {
    float* weights;
    float* sums;
    float* maximum;
    std::int64_t stride;

    Softmax(float* scratch, std::int32_t n_queries, std::int32_t block_tokens)
        : weights(scratch),
          sums(scratch + n_queries * pad_to_lanes(block_tokens)),
          maximum(sums + n_queries * kLanes),
          stride(pad_to_lanes(block_tokens)) {}
  };

  template <class Store>
  static void attend(const KvView& kv, const std::int32_t* blocks, std::int32_t kv_head,
                     std::int32_t n_context, const float* q, std::int32_t n_queries, float scale,
                     float* out, float* scratch) {
    const std::int64_t dim = kv.head_dim;
    Softmax softmax(scratch, n_queries, kv.block_tokens);
    for (std::int64_t i = 0; i < n_queries * dim; ++i) out[i] = 0;
    for (std::int32_t i = 0; i < n_queries; ++i) {
      V::store(softmax.sums + i * kLanes, V::zero());
      softmax.maximum[i] = -__builtin_huge_valf();
    }
    for (std::int32_t begin = 0; begin < n_context; begin += kv.block_tokens, ++blocks) {
      const std::int32_t left = n_context - begin;
      const std::int32_t tokens = left < kv.block_tokens ? left : kv.block_tokens;
      const std::ptrdiff_t at = kv_offset(kv, *blocks, kv_head);
      const auto* k = reinterpret_cast<const typename Store::Element*>(kv.k) + at;
      const auto* v = reinterpret_cast<const typename Store::Element*>(kv.v) + at;
      std::int32_t i = 0;
      for (; i + kQueryTile <= n_queries; i += kQueryTile) {
        attend_block<Store, kQueryTile>(k, v, tokens, kv, q, i, scale, softmax, out);
      }
      attend_rest<Store, kQueryTile - 1>(n_queries - i, k, v, tokens, kv, q, i, scale, softmax,
                                         out);
    }
    for (std::int32_t i = 0; i < n_queries; ++i) {
      const F inverse = V::set(1.0f / V::sum(V::load(softmax.sums + i * kLanes)));
      float* row = out + i * dim;
      for_lanes(dim, [&](std::int64_t c, auto lanes) {
        lanes.store(row + c, V::mul(lanes.load(row + c), inverse));
      });
    }
  }

  template <class Store, int kQueries>
  static void attend_rest(std::int32_t n, const typename Store::Element* k,
                          const typename Store::Element* v, std::int32_t tokens, const KvView& kv,
                          const float* q, std::int32_t first_query, float scale, Softmax& softmax,
                          float* out) {
    if constexpr (kQueries > 0) {
      if (n == kQueries) {
        attend_block<Store, kQueries>(k, v, tokens, kv, q, first_query, scale, softmax, out);
      } else {
        attend_rest<Store, kQueries - 1>(n, k, v, tokens, kv, q, first_query, scale, softmax, out);
      }
    }
  }

  template <class Store, int kQueries>
  static void attend_block(const typename Store::Element* k, const typename Store::Element* v,
                           std::int32_t tokens, const KvView& kv, const float* q,
                           std::int32_t first_query, float scale, Softmax& softmax, float* out) {
    constexpr int kVectors = vectors_beside(kQueries);
    const std::int64_t dim = kv.head_dim;
    float* weights = softmax.weights + first_query * softmax.stride;
    const float* queries = q + first_query * dim;
    float* outputs = out + first_query * dim;
    scores<Store, kQueries, kVectors>(k, tokens, 0, kv, queries, scale, weights, softmax.stride);
    for (int i = 0; i < kQueries; ++i) {
      exponentials(softmax, first_query + i, tokens, dim, outputs + i * dim);
    }
    accumulate<Store, kQueries, kVectors>(v, tokens, 0, dim, weights, softmax.stride, outputs);
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
  static void scores(const typename Store::Element* k, std::int32_t tokens, std::int32_t t,
                     const KvView& kv, const float* q, float scale, float* weights,
                     std::int64_t stride) {
    const auto load = [](const auto* p) { return Store::load(p); };
    for (; t + kVectors * kLanes <= kv.block_tokens && t + (kVectors - 1) * kLanes < tokens;
         t += kVectors * kLanes) {
      score_positions<Store, kQueries, kVectors>(k + t, kv, q, scale, weights + t, stride, load);
    }
    if constexpr (kVectors > 1) {
      scores<Store, kQueries, kVectors / 2>(k, tokens, t, kv, q, scale, weights, stride);
    } else if (t < tokens) {
      const std::int64_t n = kv.block_tokens - t;
      score_positions<Store, kQueries, 1>(k + t, kv, q, scale, weights + t, stride,
                                          [n](const auto* p) { return Store::load(p, n); });
    }
  }

  template <class Store, int kQueries, int kVectors, class Load>
  static void score_positions(const typename Store::Element* k, const KvView& kv, const float* q,
                              float scale, float* weights, std::int64_t stride, Load load) {
    F sums[kQueries][kVectors];
#pragma GCC unroll 16
    for (int i = 0; i < kQueries * kVectors; ++i) sums[i / kVectors][i % kVectors] = V::zero();
    for (std::int64_t c = 0; c < kv.head_dim; ++c, k += kv.block_tokens) {
      F keys[kVectors];
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) keys[j] = load(k + j * kLanes);
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

  static void exponentials(Softmax& softmax, std::int32_t query, std::int32_t tokens,
                           std::int64_t dim, float* out) {
    float* weights = softmax.weights + query * softmax.stride;
    float* sums = softmax.sums + query * kLanes;
    F block_maximum = V::set(-__builtin_huge_valf());
    for (std::int32_t t = tokens; t < pad_to_lanes(tokens); ++t)
      weights[t] = -__builtin_huge_valf();
    for (std::int32_t t = 0; t < tokens; t += kLanes) {
      block_maximum = V::max(V::load(weights + t), block_maximum);
    }
    const float before = softmax.maximum[query];
    const float now = V::maximum(block_maximum);
    if (now > before) {
      softmax.maximum[query] = now;
      const F factor = exp(V::set(before - now));
      V::store(sums, V::mul(V::load(sums), factor));
      for_lanes(dim, [&](std::int64_t c, auto lanes) {
        lanes.store(out + c, V::mul(lanes.load(out + c), factor));
      });
    }
    const F maximum = V::set(softmax.maximum[query]);
    F sum = V::load(sums);
    for (std::int32_t t = 0; t < tokens; t += kLanes) {
      V::store(weights + t, exp(V::sub(V::load(weights + t), maximum)));
      const std::int32_t left = tokens - t;
      sum = V::add(sum, left < kLanes ? V::load(weights + t, left) : V::load(weights + t));
    }
    V::store(sums, sum);
  }

  // Columns of the outputs from c on.
  template <class Store, int kQueries, int kVectors>
  static void accumulate(const typename Store::Element* v, std::int32_t tokens, std::int64_t c,
                         std::int64_t dim, const float* weights, std::int64_t stride, float* out) {
    for (; c + kVectors * kLanes <= dim; c += kVectors * kLanes) {
      accumulate_columns<Store, kQueries, kVectors>(v + c, tokens, dim, weights, stride, out + c,
                                                    AllLanes{},
                                                    [](const auto* p) { return Store::load(p); });
    }
    if constexpr (kVectors > 1) {
      accumulate<Store, kQueries, kVectors / 2>(v, tokens, c, dim, weights, stride, out);
    } else if (c < dim) {
      const std::int64_t n = dim - c;
      accumulate_columns<Store, kQueries, 1>(v + c, tokens, dim, weights, stride, out + c,
                                             SomeLanes{n},
                                             [n](const auto* p) { return Store::load(p, n); });
    }
  }

  template <class Store, int kQueries, int kVectors, class Lanes, class Load>
  static void accumulate_columns(const typename Store::Element* v, std::int32_t tokens,
                                 std::int64_t dim, const float* weights, std::int64_t stride,
                                 float* out, Lanes lanes, Load load) {
    F sums[kQueries][kVectors];
#pragma GCC unroll 16
    for (int i = 0; i < kQueries * kVectors; ++i) {
      sums[i / kVectors][i % kVectors] =
          lanes.load(out + i / kVectors * dim + i % kVectors * kLanes);
    }
    for (std::int32_t t = 0; t < tokens; ++t, v += dim) {
      F values[kVectors];
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) values[j] = load(v + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kQueries; ++i) {
        const F weight = V::set(weights[i * stride + t]);
#pragma GCC unroll 16
        for (int j = 0; j < kVectors; ++j) sums[i][j] = V::fma(weight, values[j], sums[i][j]);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kQueries * kVectors; ++i) {
      lanes.store(out + i / kVectors * dim + i % kVectors * kLanes,
                  sums[i / kVectors][i % kVectors]);
    }
  }
};

}  // namespace sb::ops
