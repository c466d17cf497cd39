// AVX-512 with VNNI.
//
// vpdpbusd multiplies 64 unsigned weights (16 rows x 4 columns) with 4 signed activations that are
// broadcast from memory as part of the instruction, so a tile of n tokens costs one load of weights
// and n instructions per quad. With 8 tokens there are 8 independent chains, twice what the
// latency of 4 cycles asks for at one instruction a cycle.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "base/machine.h"
#include "ops/float_ops.h"
#include "ops/layout.h"
#include "ops/matmul_tiles.h"
#include "ops/quantise.h"
#include "ops/tables.h"

namespace sb::ops {
namespace {

struct Lanes512 {
  using F = __m512;
  static constexpr int kSums = 16;

  static __mmask16 first(std::int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

  static F zero() { return _mm512_setzero_ps(); }
  static F set(float x) { return _mm512_set1_ps(x); }
  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static F load(const float* p, std::int64_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static void store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static void store(float* p, F v, std::int64_t n) { _mm512_mask_storeu_ps(p, first(n), v); }
  static F load_half(const std::uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static F load_half(const std::uint16_t* p, std::int64_t n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p));
  }
  static F set_half(std::uint16_t half) { return set(_cvtsh_ss(half)); }
  static F widen_brain(__m256i brains) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(brains), 16));
  }
  static F load_brain(const std::uint16_t* p) {
    return widen_brain(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static F load_brain(const std::uint16_t* p, std::int64_t n) {
    return widen_brain(_mm256_maskz_loadu_epi16(first(n), p));
  }
  static F load_bytes(const std::int8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
  }
  static F load_bytes(const std::int8_t* p, std::int64_t n) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first(n), p)));
  }
  static __m256i to_half(F v) {
    return _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static void store_half(std::uint16_t* p, F v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_half(v));
  }
  static void store_half(std::uint16_t* p, F v, std::int64_t n) {
    _mm256_mask_storeu_epi16(p, first(n), to_half(v));
  }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F add_exponent(F v, F t) {
    const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(t), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(v), exponent));
  }
  static float sum(F v) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static float maximum(F v) {
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

void quantise_block(const float* x, std::int8_t* q, float* scale, BlockSum* sum) {
  const __m512 a = _mm512_loadu_ps(x);
  const __m512 b = _mm512_loadu_ps(x + 16);
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  const __m512i largest = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(a), magnitude),
                                           _mm512_and_si512(_mm512_castps_si512(b), magnitude));
  const QuantScale s = quant_scale(_mm512_reduce_max_epu32(largest));
  *scale = s.scale;
  // A mask instead of a product with 0: infinities and NaNs become 0 too.
  const __mmask16 keep = s.inverse == 0 ? 0 : 0xffff;
  const __m512 inverse = _mm512_set1_ps(s.inverse);
  const __m512i qa = _mm512_maskz_cvtps_epi32(keep, _mm512_mul_ps(a, inverse));
  const __m512i qb = _mm512_maskz_cvtps_epi32(keep, _mm512_mul_ps(b, inverse));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm512_cvtepi32_epi8(qa));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q + 16), _mm512_cvtepi32_epi8(qb));
  const std::int32_t first_half = _mm512_reduce_add_epi32(qa);
  sum->first_half = first_half;
  sum->all = first_half + _mm512_reduce_add_epi32(qb);
}

void quantise(const float* x, std::int64_t k, std::int64_t m_begin, std::int64_t m_end,
              std::int8_t* q, float* scale, BlockSum* sum) {
  for (std::int64_t i = m_begin * k; i < m_end * k; i += kQuantBlock) {
    const std::int64_t block = i / kQuantBlock;
    quantise_block(x + i, q + i, scale + block, sum + block);
  }
}

__m512i load_bytes(const std::uint8_t* p) { return _mm512_loadu_si512(p); }

__m512 load_halves(const std::uint8_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

__m128i load_16(const std::uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

__m512 load_small_unsigned(const std::uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_16(p)));
}

// Four activations in every lane.
__m512i broadcast_quad(const std::int8_t* q) {
  std::int32_t quad;
  std::memcpy(&quad, q, sizeof quad);
  return _mm512_set1_epi32(quad);
}

template <WeightType kType>
constexpr bool kIsFloat =
    kType == WeightType::kF32 || kType == WeightType::kF16 || kType == WeightType::kBF16;

// The scales of a chunk and of one block in it, one lane per row.
template <WeightType kType>
struct Scales {
  static constexpr Format kFormat = format_of(kType);

  __m512 d;
  __m512 d_minimum;
  __m512 scale;
  __m512 minimum;
  __m512i half[2];
  __m512i half_minimum[2];

  void begin_chunk(const std::uint8_t* header) {
    constexpr std::size_t kPrefix = scale_prefix_bytes(kType);
    if constexpr (kPrefix > 0) d = load_halves(header);
    if constexpr (kPrefix > 32) d_minimum = load_halves(header + 32);
  }

  void begin_block(const std::uint8_t* header, std::int64_t block) {
    const std::uint8_t* p = header + scale_prefix_bytes(kType) +
                            scale_block_bytes(kType) * static_cast<std::size_t>(block);
    if constexpr (kFormat.scaling == Scaling::kSuper) {
      scale = _mm512_mul_ps(d, load_small_unsigned(p));
      minimum = _mm512_mul_ps(d_minimum, load_small_unsigned(p + 16));
    } else if constexpr (kFormat.scaling == Scaling::kHalves) {
      scale = d;
      half[0] = _mm512_cvtepi8_epi32(load_16(p));
      half[1] = _mm512_cvtepi8_epi32(load_16(p + 16));
    } else if constexpr (kFormat.scaling == Scaling::kHalvesMinimum) {
      scale = d;
      minimum = d_minimum;
      half[0] = _mm512_cvtepu8_epi32(load_16(p));
      half[1] = _mm512_cvtepu8_epi32(load_16(p + 16));
      half_minimum[0] = _mm512_cvtepu8_epi32(load_16(p + 32));
      half_minimum[1] = _mm512_cvtepu8_epi32(load_16(p + 48));
    } else {
      scale = load_halves(p);
      if constexpr (kFormat.has_minimum()) minimum = load_halves(p + 32);
    }
  }
};

// Moves the bits that stand at kFrom of every byte to kTo; others come along and are masked later.
template <int kFrom, int kTo>
__m512i move_bits(__m512i bytes) {
  if constexpr (kFrom > kTo) return _mm512_srli_epi16(bytes, kFrom - kTo);
  if constexpr (kFrom < kTo) return _mm512_slli_epi16(bytes, kTo - kFrom);
  return bytes;
}

// Quads kQuad and kQuad + 4 of a block as bytes.
template <WeightType kType, int kQuad>
void load_quads(const std::uint8_t* integers, __m512i& first, __m512i& second) {
  constexpr Format kFormat = format_of(kType);
  constexpr int kLow = kFormat.low_bits;
  if constexpr (kLow == 8) {
    first = load_bytes(integers + 64 * kQuad);
    second = load_bytes(integers + 64 * (kQuad + 4));
  } else if constexpr (kLow == 4) {
    const __m512i low_four = _mm512_set1_epi8(15);
    const __m512i bytes = load_bytes(integers + 64 * kQuad);
    first = _mm512_and_si512(bytes, low_four);
    second = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low_four);
  } else {
    const __m512i low_two = _mm512_set1_epi8(3);
    first = _mm512_and_si512(move_bits<2 * kQuad, 0>(load_bytes(integers)), low_two);
    second = _mm512_and_si512(move_bits<2 * kQuad, 0>(load_bytes(integers + 64)), low_two);
  }
  constexpr int kOrOfAnd = 0xf8;  // a | (b & c)
  const std::uint8_t* upper = integers + 64 * kFormat.low_lines();
  if constexpr (kFormat.upper_bits == 1) {
    const __m512i place = _mm512_set1_epi8(1 << kLow);
    const __m512i bits = load_bytes(upper);
    const __m512i first_bits = move_bits<kQuad, kLow>(bits);
    const __m512i second_bits = move_bits<kQuad + 4, kLow>(bits);
    first = _mm512_ternarylogic_epi32(first, first_bits, place, kOrOfAnd);
    second = _mm512_ternarylogic_epi32(second, second_bits, place, kOrOfAnd);
  } else if constexpr (kFormat.upper_bits == 2) {
    const __m512i place = _mm512_set1_epi8(3 << kLow);
    const __m512i low_half = move_bits<2 * kQuad, kLow>(load_bytes(upper));
    const __m512i high_half = move_bits<2 * kQuad, kLow>(load_bytes(upper + 64));
    first = _mm512_ternarylogic_epi32(first, low_half, place, kOrOfAnd);
    second = _mm512_ternarylogic_epi32(second, high_half, place, kOrOfAnd);
  }
  if constexpr (kFormat.looked_up) {
    const __m512i table = _mm512_broadcast_i32x4(load_16(kNonLinear));
    first = _mm512_shuffle_epi8(table, first);
    second = _mm512_shuffle_epi8(table, second);
  }
}

template <WeightType kType, int kGroups, int kTokens, int kQuad>
[[gnu::always_inline]] inline void multiply_quads(const std::uint8_t* const (&integers)[kGroups],
                                                  const std::int8_t* q, std::int64_t k,
                                                  __m512i (&first_half)[kGroups][kTokens],
                                                  __m512i (&second_half)[kGroups][kTokens]) {
  __m512i first[kGroups];
  __m512i second[kGroups];
#pragma GCC unroll 16
  for (int g = 0; g < kGroups; ++g) load_quads<kType, kQuad>(integers[g], first[g], second[g]);
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const std::int8_t* quad = q + t * k + 4 * kQuad;
    const __m512i low = broadcast_quad(quad);
    const __m512i high = broadcast_quad(quad + 16);
#pragma GCC unroll 16
    for (int g = 0; g < kGroups; ++g) {
      first_half[g][t] = _mm512_dpbusd_epi32(first_half[g][t], first[g], low);
      // One chain is enough where the halves are not scaled apart.
      __m512i& sum = format_of(kType).halves() ? second_half[g][t] : first_half[g][t];
      sum = _mm512_dpbusd_epi32(sum, second[g], high);
    }
  }
}

// Where a sum of products starts, so that the offset of the integers adds nothing to it. Taken off
// at the end instead, it cost a prompt 2 to 3 % of its multiplications on Zen 4.
template <WeightType kType>
__m512i less_offset(std::int32_t x_sum) {
  constexpr int kOffset = format_of(kType).offset;
  const __m512i zero = _mm512_setzero_si512();
  if constexpr (kOffset == 0) {
    return zero;
  } else {
    static_assert((kOffset & (kOffset - 1)) == 0);
    constexpr auto kShift = static_cast<unsigned>(__builtin_ctz(kOffset));
    return _mm512_sub_epi32(zero, _mm512_slli_epi32(_mm512_set1_epi32(x_sum), kShift));
  }
}

template <WeightType kType>
__m512i integer_product(const Scales<kType>& scales, __m512i first_half, __m512i second_half) {
  if constexpr (!format_of(kType).halves()) return first_half;
  return _mm512_add_epi32(_mm512_mullo_epi32(first_half, scales.half[0]),
                          _mm512_mullo_epi32(second_half, scales.half[1]));
}

// The block's activations as the minimums weight them.
template <WeightType kType>
__m512 scaled_sums(const Scales<kType>& scales, const BlockSum& sum, float x_scale) {
  if constexpr (format_of(kType).halves()) {
    const __m512i first = _mm512_set1_epi32(sum.first_half);
    const __m512i second = _mm512_set1_epi32(sum.all - sum.first_half);
    const __m512i weighted = _mm512_add_epi32(_mm512_mullo_epi32(first, scales.half_minimum[0]),
                                              _mm512_mullo_epi32(second, scales.half_minimum[1]));
    return _mm512_mul_ps(_mm512_set1_ps(x_scale), _mm512_cvtepi32_ps(weighted));
  } else {
    return _mm512_set1_ps(x_scale * static_cast<float>(sum.all));
  }
}

template <WeightType kType, int kGroups, int kTokens>
[[gnu::always_inline]] inline void quantised_block(const Scales<kType> (&scales)[kGroups],
                                                   const std::uint8_t* const (&integers)[kGroups],
                                                   const Activations& x, std::int64_t first_token,
                                                   std::int64_t col,
                                                   __m512 (&sums)[kGroups][kTokens]) {
  constexpr bool kHalves = format_of(kType).halves();
  const std::int64_t blocks_per_token = x.k / kQuantBlock;
  const std::int64_t at = first_token * blocks_per_token + col / kQuantBlock;
  __m512i first_half[kGroups][kTokens];
  __m512i second_half[kGroups][kTokens];
#pragma GCC unroll 16
  for (int i = 0; i < kGroups * kTokens; ++i) {
    const BlockSum& sum = x.sum[at + i % kTokens * blocks_per_token];
    first_half[i / kTokens][i % kTokens] = less_offset<kType>(kHalves ? sum.first_half : sum.all);
    second_half[i / kTokens][i % kTokens] = less_offset<kType>(sum.all - sum.first_half);
  }
  const std::int8_t* q = x.q + first_token * x.k + col;
  multiply_quads<kType, kGroups, kTokens, 0>(integers, q, x.k, first_half, second_half);
  multiply_quads<kType, kGroups, kTokens, 1>(integers, q, x.k, first_half, second_half);
  multiply_quads<kType, kGroups, kTokens, 2>(integers, q, x.k, first_half, second_half);
  multiply_quads<kType, kGroups, kTokens, 3>(integers, q, x.k, first_half, second_half);
#pragma GCC unroll 16
  for (int i = 0; i < kGroups * kTokens; ++i) {
    const int g = i / kTokens;
    const int t = i % kTokens;
    const BlockSum& sum = x.sum[at + t * blocks_per_token];
    const float x_scale = x.scale[at + t * blocks_per_token];
    const __m512i product = integer_product<kType>(scales[g], first_half[g][t], second_half[g][t]);
    const __m512 scale = _mm512_mul_ps(scales[g].scale, _mm512_set1_ps(x_scale));
    sums[g][t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), scale, sums[g][t]);
    if constexpr (format_of(kType).has_minimum()) {
      const __m512 weighted = scaled_sums<kType>(scales[g], sum, x_scale);
      sums[g][t] = _mm512_fnmadd_ps(scales[g].minimum, weighted, sums[g][t]);
    }
  }
}

// Measured on Zen 4: with one or two tokens the loads of many blocks are in flight at once and the
// hardware prefetcher alone reaches the memory's bandwidth, while asking ahead costs up to a third
// of it. A larger tile fills the reorder buffer with arithmetic, so its weights must be asked for;
// 8 KiB ahead into the second cache doubles the speed of 8 tokens. Where a block has a whole line
// of scales beside its integers, the hardware prefetcher loses its way among the two streams: 9
// GB/s instead of 16 with one token of Q4_1. Zen 5 wants to be asked for everything.
template <WeightType kType, int kTokens>
constexpr bool kPrefetches = scale_block_bytes(kType) == kCacheLine ||
                             kTokens > (format_of(kType).halves() ? 1 : 2);

// How far ahead, measured on Zen 5: a core looks ahead as many instructions as its reorder buffer
// holds, so the more of them a byte of weights makes, the farther it must be asked for; Q8_0 has
// nothing to unpack. One token of Q4_0 comes to two cores at 71 GB/s from 4 KiB ahead and at 77
// from 6, of 83 at most; 7 win one more, and lose 2 % where the memory itself is slower. A tile of
// few tokens leaves room in the first cache (two of Q8_0: 75 GB/s, and 63 into the second); a
// larger one lives there itself.
template <WeightType kType, int kTokens, bool kAhead>
void prefetch(const std::uint8_t* p, std::size_t bytes) {
  constexpr int kUnpacks = format_of(kType).low_bits < 8 ? 1 : 0;
  constexpr int kSteps = kTokens > 4 ? 2 : kUnpacks + (kTokens > 1 ? 1 : 0);
  constexpr std::size_t kPrefetchBytes = 4096 + 2048 * kSteps;
  constexpr auto kCache = kTokens > 4 ? _MM_HINT_T1 : _MM_HINT_T0;
  if constexpr (kAhead) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < bytes; i += kCacheLine) {
      _mm_prefetch(reinterpret_cast<const char*>(p + kPrefetchBytes + i), kCache);
    }
  }
}

template <WeightType kType, int kGroups, int kTokens, bool kAhead>
[[gnu::always_inline]] inline void quantised_tile(const Matrix& w, const std::uint8_t* group,
                                                  const Activations& x, std::int64_t first_token,
                                                  __m512 (&sums)[kGroups][kTokens]) {
  Scales<kType> scales[kGroups];
  const std::uint8_t* chunk[kGroups];
  const std::uint8_t* integers[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    chunk[g] = group + static_cast<std::size_t>(g) * w.group_bytes;
  }
  for (std::int64_t col = 0; col < w.cols;) {
    const std::int64_t blocks = chunk_blocks(w.first_col, w.cols, col);
    const std::size_t header_bytes = chunk_header_bytes(kType, blocks);
#pragma GCC unroll 16
    for (int g = 0; g < kGroups; ++g) {
      prefetch<kType, kTokens, kAhead>(chunk[g], header_bytes);
      scales[g].begin_chunk(chunk[g]);
      integers[g] = chunk[g] + header_bytes;
    }
    for (std::int64_t b = 0; b < blocks; ++b, col += kQuantBlock) {
#pragma GCC unroll 16
      for (int g = 0; g < kGroups; ++g) {
        scales[g].begin_block(chunk[g], b);
        prefetch<kType, kTokens, kAhead>(integers[g], packed_block_bytes(kType));
      }
      quantised_block<kType, kGroups, kTokens>(scales, integers, x, first_token, col, sums);
#pragma GCC unroll 16
      for (int g = 0; g < kGroups; ++g) integers[g] += packed_block_bytes(kType);
    }
#pragma GCC unroll 16
    for (int g = 0; g < kGroups; ++g) chunk[g] = integers[g];
  }
}

template <WeightType kType>
__m512 load_weights(const std::uint8_t* column) {
  if constexpr (kType == WeightType::kF32) {
    return _mm512_loadu_ps(column);
  } else if constexpr (kType == WeightType::kF16) {
    return load_halves(column);
  } else {
    const __m256i upper = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(upper), 16));
  }
}

template <WeightType kType, int kGroups, int kTokens>
[[gnu::always_inline]] inline void float_tile(const Matrix& w, const std::uint8_t* group,
                                              const Activations& x, std::int64_t first_token,
                                              __m512 (&sums)[kGroups][kTokens]) {
  constexpr std::int64_t kColumnBytes = kType == WeightType::kF32 ? 64 : 32;
  const float* rows = x.f32 + first_token * x.k;
  for (std::int64_t col = 0; col < w.cols; ++col) {
#pragma GCC unroll 16
    for (int g = 0; g < kGroups; ++g) {
      const std::uint8_t* column =
          group + static_cast<std::size_t>(g) * w.group_bytes + col * kColumnBytes;
      const __m512 weights = load_weights<kType>(column);
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) {
        sums[g][t] = _mm512_fmadd_ps(weights, _mm512_set1_ps(rows[t * x.k + col]), sums[g][t]);
      }
    }
  }
}

void store_group(const Matrix& w, std::int64_t g, const float* bias, __m512 sum, float* row) {
  const std::int64_t left = w.rows - g * kRowGroup;
  const __mmask16 own = left < kRowGroup ? Lanes512::first(left) : 0xffff;
  if (bias != nullptr) {
    sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(own, bias + g * kRowGroup));
  }
  _mm512_mask_storeu_ps(row + g * kRowGroup, own, sum);
}

struct Machine {
  static constexpr int kTile = 8;

  template <WeightType kType, int kTokens>
  static void groups(const Matrix& w, const Activations& x, std::int64_t first_token,
                     const float* bias, float* y, std::int64_t ldy, std::int64_t begin,
                     std::int64_t end, bool cached) {
    std::int64_t g = begin;
    if constexpr (kCachedPairs<kType, kTokens>) {
      for (; cached && g + 2 <= end; g += 2) {
        some_groups<kType, 2, kTokens, false>(w, x, first_token, bias, y, ldy, g);
      }
    }
    // A float tile's only chains are its sums: with few tokens several groups go side by side.
    constexpr int kGroups = !kIsFloat<kType> ? 1 : kTokens == 1 ? 4 : kTokens < 4 ? 2 : 1;
    for (; g + kGroups <= end; g += kGroups) {
      from_memory<kType, kGroups, kTokens>(w, x, first_token, bias, y, ldy, g);
    }
    for (; g < end; ++g) from_memory<kType, 1, kTokens>(w, x, first_token, bias, y, ldy, g);
  }

 private:
  // Two groups share the loads of each token's quads, of which there are as many as
  // multiplications: a sixth faster on Zen 5. From memory the two streams would be a third slower
  // than one. What has a sum for each half of a block has no registers left for it.
  template <WeightType kType, int kTokens>
  static constexpr bool kCachedPairs =
      !kIsFloat<kType> && kTokens >= 4 && !format_of(kType).halves();

  template <WeightType kType, int kGroups, int kTokens>
  static void from_memory(const Matrix& w, const Activations& x, std::int64_t first_token,
                          const float* bias, float* y, std::int64_t ldy, std::int64_t g) {
    if (kPrefetches<kType, kTokens> || cpu_features().wants_prefetch) {
      some_groups<kType, kGroups, kTokens, true>(w, x, first_token, bias, y, ldy, g);
    } else {
      some_groups<kType, kGroups, kTokens, false>(w, x, first_token, bias, y, ldy, g);
    }
  }

  template <WeightType kType, int kGroups, int kTokens, bool kAhead>
  static void some_groups(const Matrix& w, const Activations& x, std::int64_t first_token,
                          const float* bias, float* y, std::int64_t ldy, std::int64_t g) {
    __m512 sums[kGroups][kTokens];
#pragma GCC unroll 16
    for (int i = 0; i < kGroups * kTokens; ++i) sums[i / kTokens][i % kTokens] = Lanes512::zero();
    const std::uint8_t* group = w.data + static_cast<std::size_t>(g) * w.group_bytes;
    if constexpr (kIsFloat<kType>) {
      float_tile<kType, kGroups, kTokens>(w, group, x, first_token, sums);
    } else {
      quantised_tile<kType, kGroups, kTokens, kAhead>(w, group, x, first_token, sums);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kGroups * kTokens; ++i) {
      float* row = y + (first_token + i % kTokens) * ldy;
      store_group(w, g + i / kTokens, bias, sums[i / kTokens][i % kTokens], row);
    }
  }
};

}  // namespace

constinit const Kernels kAvx512Kernels = {
    .isa = Isa::kAvx512,
    .name = "avx512",
    .quantise = quantise,
    .matmul = Matmul<Machine>::run,
    .rms_norm = FloatOps<Lanes512>::rms_norm,
    .layer_norm = FloatOps<Lanes512>::layer_norm,
    .rope = FloatOps<Lanes512>::rope,
    .silu_mul = FloatOps<Lanes512>::silu_mul,
    .gelu_mul = FloatOps<Lanes512>::gelu_mul,
    .gelu = FloatOps<Lanes512>::gelu,
    .scale = FloatOps<Lanes512>::scale,
    .softcap = FloatOps<Lanes512>::softcap,
    .add = FloatOps<Lanes512>::add,
    .kv_store = FloatOps<Lanes512>::kv_store,
    .attention = FloatOps<Lanes512>::attention,
    .attention_run = FloatOps<Lanes512>::attention_run,
    .attend_part = FloatOps<Lanes512>::attend_part,
    .join_parts = FloatOps<Lanes512>::join_parts,
};

}  // namespace sb::ops
