// AVX2 with FMA.
//
// vpmaddubsw multiplies unsigned weights (8 rows x 4 columns) with signed activations and adds
// pairs in 16 bits, saturating. Integers of up to 6 bits cannot reach the bound in the few
// additions made here; 8-bit ones can, so there the weight's sign moves to the activation:
// |w| * (sign(w) * x) is at most 2 * 128 * 127 per pair. Every sum is therefore exact.
//
// With 16 registers a tile is 4 tokens; its float sums for both halves of a group stay in
// registers, and the integer sums are those of one half at a time.
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

struct Pair {
  __m256 low;
  __m256 high;
};

struct Lanes256 {
  using F = Pair;
  static constexpr int kSums = 4;

  // All ones in the lanes from `from` on that are below n.
  static __m256i below(std::int64_t n, int from) {
    const __m256i lane =
        _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(from));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
  }

  static F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static F load(const float* p, std::int64_t n) {
    return {_mm256_maskload_ps(p, below(n, 0)), _mm256_maskload_ps(p + 8, below(n, 8))};
  }
  static void store(float* p, F v) {
    _mm256_storeu_ps(p, v.low);
    _mm256_storeu_ps(p + 8, v.high);
  }
  static void store(float* p, F v, std::int64_t n) {
    _mm256_maskstore_ps(p, below(n, 0), v.low);
    _mm256_maskstore_ps(p + 8, below(n, 8), v.high);
  }
  static F load_half(const std::uint16_t* p) {
    const auto* eights = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtph_ps(_mm_loadu_si128(eights)), _mm256_cvtph_ps(_mm_loadu_si128(eights + 1))};
  }
  static F load_half(const std::uint16_t* p, std::int64_t n) {
    std::uint16_t padded[kLanes] = {};
    std::memcpy(padded, p, static_cast<std::size_t>(n) * sizeof *p);
    return load_half(padded);
  }
  static F set_half(std::uint16_t half) { return set(_cvtsh_ss(half)); }
  static F load_brain(const std::uint16_t* p) {
    const auto widen = [](__m128i eight) {
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16));
    };
    const auto* eights = reinterpret_cast<const __m128i*>(p);
    return {widen(_mm_loadu_si128(eights)), widen(_mm_loadu_si128(eights + 1))};
  }
  static F load_brain(const std::uint16_t* p, std::int64_t n) {
    std::uint16_t padded[kLanes] = {};
    std::memcpy(padded, p, static_cast<std::size_t>(n) * sizeof *p);
    return load_brain(padded);
  }
  static F load_bytes(const std::int8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
  }
  static F load_bytes(const std::int8_t* p, std::int64_t n) {
    std::int8_t padded[kLanes] = {};
    std::memcpy(padded, p, static_cast<std::size_t>(n));
    return load_bytes(padded);
  }
  static void store_half(std::uint16_t* p, F v) {
    constexpr int kRounding = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    auto* eights = reinterpret_cast<__m128i*>(p);
    _mm_storeu_si128(eights, _mm256_cvtps_ph(v.low, kRounding));
    _mm_storeu_si128(eights + 1, _mm256_cvtps_ph(v.high, kRounding));
  }
  static void store_half(std::uint16_t* p, F v, std::int64_t n) {
    std::uint16_t padded[kLanes];
    store_half(padded, v);
    std::memcpy(p, padded, static_cast<std::size_t>(n) * sizeof *p);
  }
  static F add(F a, F b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
  static F sub(F a, F b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
  static F mul(F a, F b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
  static F div(F a, F b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
  static F max(F a, F b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
  static F fma(F a, F b, F c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  static __m256 add_exponent(__m256 v, __m256 t) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(v), exponent));
  }
  static F add_exponent(F v, F t) {
    return {add_exponent(v.low, t.low), add_exponent(v.high, t.high)};
  }
  static float sum(F v) {
    const __m256 eight = _mm256_add_ps(v.low, v.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static float maximum(F v) {
    const __m256 eight = _mm256_max_ps(v.low, v.high);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

std::uint32_t largest_lane(__m256i v) {
  __m128i four = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
  return static_cast<std::uint32_t>(_mm_cvtsi128_si32(four));
}

std::int32_t sum_lanes(__m256i v) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}

void quantise_block(const float* x, std::int8_t* q, float* scale, BlockSum* sum) {
  __m256 values[4];
  __m256i largest = _mm256_setzero_si256();
  for (int i = 0; i < 4; ++i) {
    values[i] = _mm256_loadu_ps(x + 8 * i);
    const __m256i magnitude =
        _mm256_and_si256(_mm256_castps_si256(values[i]), _mm256_set1_epi32(0x7fffffff));
    largest = _mm256_max_epu32(largest, magnitude);
  }
  const QuantScale s = quant_scale(largest_lane(largest));
  *scale = s.scale;
  // A mask instead of a product with 0: infinities and NaNs become 0 too.
  const __m256i keep = _mm256_set1_epi32(s.inverse == 0 ? 0 : -1);
  const __m256 inverse = _mm256_set1_ps(s.inverse);
  __m256i integers[4];
  for (int i = 0; i < 4; ++i) {
    integers[i] = _mm256_and_si256(keep, _mm256_cvtps_epi32(_mm256_mul_ps(values[i], inverse)));
  }
  sum->first_half = sum_lanes(_mm256_add_epi32(integers[0], integers[1]));
  sum->all = sum->first_half + sum_lanes(_mm256_add_epi32(integers[2], integers[3]));
  // The packs work within 128 bits and leave groups of 4 in the order 0 2 4 6 1 3 5 7.
  const __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(integers[0], integers[1]),
                                            _mm256_packs_epi32(integers[2], integers[3]));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), _mm256_permutevar8x32_epi32(packed, order));
}

void quantise(const float* x, std::int64_t k, std::int64_t m_begin, std::int64_t m_end,
              std::int8_t* q, float* scale, BlockSum* sum) {
  for (std::int64_t i = m_begin * k; i < m_end * k; i += kQuantBlock) {
    const std::int64_t block = i / kQuantBlock;
    quantise_block(x + i, q + i, scale + block, sum + block);
  }
}

__m256i load_bytes(const std::uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

__m256 load_halves(const std::uint8_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

__m128i load_8(const std::uint8_t* p) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
}

__m256 load_small_unsigned(const std::uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(load_8(p)));
}

// Four activations in every lane.
__m256i broadcast_quad(const std::int8_t* q) {
  std::int32_t quad;
  std::memcpy(&quad, q, sizeof quad);
  return _mm256_set1_epi32(quad);
}

template <WeightType kType>
constexpr bool kIsFloat =
    kType == WeightType::kF32 || kType == WeightType::kF16 || kType == WeightType::kBF16;

// The scales of one block for 8 of the 16 rows.
template <WeightType kType>
struct Scales {
  static constexpr Format kFormat = format_of(kType);

  __m256 scale;
  __m256 minimum;
  __m256i half[2];
  __m256i half_minimum[2];

  Scales(const std::uint8_t* header, std::int64_t block, int first_row) {
    const std::uint8_t* part = header + scale_prefix_bytes(kType) +
                               scale_block_bytes(kType) * static_cast<std::size_t>(block);
    const std::uint8_t* p = part + first_row;
    if constexpr (scale_prefix_bytes(kType) == 0) {
      scale = load_halves(part + 2 * first_row);
      if constexpr (kFormat.has_minimum()) minimum = load_halves(part + 32 + 2 * first_row);
    } else {
      scale = load_halves(header + 2 * first_row);
      if constexpr (kFormat.has_minimum()) minimum = load_halves(header + 32 + 2 * first_row);
    }
    if constexpr (kFormat.scaling == Scaling::kSuper) {
      scale = _mm256_mul_ps(scale, load_small_unsigned(p));
      minimum = _mm256_mul_ps(minimum, load_small_unsigned(p + 16));
    } else if constexpr (kFormat.scaling == Scaling::kHalves) {
      half[0] = _mm256_cvtepi8_epi32(load_8(p));
      half[1] = _mm256_cvtepi8_epi32(load_8(p + 16));
    } else if constexpr (kFormat.scaling == Scaling::kHalvesMinimum) {
      half[0] = _mm256_cvtepu8_epi32(load_8(p));
      half[1] = _mm256_cvtepu8_epi32(load_8(p + 16));
      half_minimum[0] = _mm256_cvtepu8_epi32(load_8(p + 32));
      half_minimum[1] = _mm256_cvtepu8_epi32(load_8(p + 48));
    }
  }
};

// Keeps a running sum in its register: left to itself the compiler makes a tree of the additions,
// which needs more registers than there are.
void keep(__m256i& sum) { asm("" : "+x"(sum)); }

// Sums of products of one half of a block (4 quads) with each of the tile's tokens.
template <int kTokens>
using Sums = __m256i[kTokens];

// Whether vpmaddubsw needs the weights' signs moved to the activations.
template <WeightType kType>
constexpr bool kIsSigned = format_of(kType).offset == 128;

// The bits that stand at "from" of every byte at "to"; others come along and are masked later.
__m256i move_bits(__m256i bytes, int from, int to) {
  return from > to ? _mm256_srli_epi16(bytes, from - to) : _mm256_slli_epi16(bytes, to - from);
}

// Quad `quad` (0..7) as bytes, signed where kIsSigned; integers points at the 8 rows' first byte of
// the block.
template <WeightType kType>
[[gnu::always_inline]] inline __m256i load_quad(const std::uint8_t* integers, int quad) {
  constexpr Format kFormat = format_of(kType);
  constexpr int kLow = kFormat.low_bits;
  __m256i bytes;
  if constexpr (kLow == 8) {
    bytes = load_bytes(integers + 64 * quad);
  } else if constexpr (kLow == 4) {
    bytes = move_bits(load_bytes(integers + 64 * (quad % 4)), quad / 4 * 4, 0);
    bytes = _mm256_and_si256(bytes, _mm256_set1_epi8(15));
  } else {
    bytes = move_bits(load_bytes(integers + 64 * (quad / 4)), quad % 4 * 2, 0);
    bytes = _mm256_and_si256(bytes, _mm256_set1_epi8(3));
  }
  const std::uint8_t* upper = integers + 64 * kFormat.low_lines();
  if constexpr (kFormat.upper_bits == 1) {
    const __m256i bit = move_bits(load_bytes(upper), quad, kLow);
    bytes = _mm256_or_si256(bytes, _mm256_and_si256(bit, _mm256_set1_epi8(1 << kLow)));
  } else if constexpr (kFormat.upper_bits == 2) {
    const __m256i two = move_bits(load_bytes(upper + 64 * (quad / 4)), quad % 4 * 2, kLow);
    bytes = _mm256_or_si256(bytes, _mm256_and_si256(two, _mm256_set1_epi8(3 << kLow)));
  }
  if constexpr (kFormat.looked_up) {
    const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kNonLinear));
    bytes = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), bytes);
  }
  if constexpr (kIsSigned<kType>) {
    bytes = _mm256_xor_si256(bytes, _mm256_set1_epi8(static_cast<char>(0x80)));
  }
  return bytes;
}

__m256i add_pairs(__m256i sixteens) { return _mm256_madd_epi16(sixteens, _mm256_set1_epi16(1)); }

// Quads whose products may be added in 16 bits: each adds at most 2 * integer * 127.
template <WeightType kType>
constexpr int quads_in_sixteen_bits() {
  constexpr Format kFormat = format_of(kType);
  constexpr int kLargest = (1 << (kFormat.low_bits + kFormat.upper_bits)) - 1;
  constexpr int kFit = 32767 / (2 * kLargest * 127);
  return kFit >= 8 ? 8 : kFit >= 4 ? 4 : kFit >= 2 ? 2 : 1;
}

// Sums the products of kQuads quads from first_quad on.
template <WeightType kType, int kTokens, int kQuads>
[[gnu::always_inline]] inline void multiply_unsigned(const std::uint8_t* integers,
                                                     const std::int8_t* q, std::int64_t k,
                                                     int first_quad, Sums<kTokens>& sums) {
  constexpr int kFit = quads_in_sixteen_bits<kType>();
  constexpr int kStep = kFit < kQuads ? kFit : kQuads;
#pragma GCC unroll 8
  for (int begin = first_quad; begin < first_quad + kQuads; begin += kStep) {
    __m256i sixteens[kTokens];
#pragma GCC unroll 8
    for (int quad = begin; quad < begin + kStep; ++quad) {
      const __m256i weights = load_quad<kType>(integers, quad);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) {
        const __m256i product = _mm256_maddubs_epi16(weights, broadcast_quad(q + t * k + 4 * quad));
        sixteens[t] = quad == begin ? product : _mm256_add_epi16(sixteens[t], product);
        keep(sixteens[t]);
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      const __m256i product = add_pairs(sixteens[t]);
      sums[t] = begin == first_quad ? product : _mm256_add_epi32(sums[t], product);
      keep(sums[t]);
    }
  }
}

// 8-bit integers, signed already: no offset is left to take back.
template <WeightType kType, int kTokens>
[[gnu::always_inline]] inline void multiply_signed(const std::uint8_t* integers,
                                                   const std::int8_t* q, std::int64_t k,
                                                   Sums<kTokens>& sums) {
#pragma GCC unroll 8
  for (int quad = 0; quad < 8; ++quad) {
    const __m256i weights = load_quad<kType>(integers, quad);
    const __m256i magnitude = _mm256_abs_epi8(weights);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      const __m256i x = _mm256_sign_epi8(broadcast_quad(q + t * k + 4 * quad), weights);
      const __m256i product = add_pairs(_mm256_maddubs_epi16(magnitude, x));
      sums[t] = quad == 0 ? product : _mm256_add_epi32(sums[t], product);
      keep(sums[t]);
    }
  }
}

template <WeightType kType>
__m256i minus_offset(__m256i sum, std::int32_t x_sum) {
  constexpr int kOffset = format_of(kType).offset;
  if constexpr (kOffset == 0) return sum;
  return _mm256_sub_epi32(sum, _mm256_set1_epi32(kOffset * x_sum));
}

template <WeightType kType, int kTokens>
[[gnu::always_inline]] inline void integer_products(
    const Scales<kType>& scales, const std::uint8_t* integers, const std::int8_t* q, std::int64_t k,
    const BlockSum* sum, std::int64_t blocks_per_token, Sums<kTokens>& products) {
  if constexpr (kIsSigned<kType>) {
    multiply_signed<kType, kTokens>(integers, q, k, products);
  } else if constexpr (format_of(kType).halves()) {
    Sums<kTokens> second;
    multiply_unsigned<kType, kTokens, 4>(integers, q, k, 0, products);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      const std::int32_t x_sum = sum[t * blocks_per_token].first_half;
      products[t] = _mm256_mullo_epi32(minus_offset<kType>(products[t], x_sum), scales.half[0]);
    }
    multiply_unsigned<kType, kTokens, 4>(integers, q, k, 4, second);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      const BlockSum& s = sum[t * blocks_per_token];
      const __m256i product =
          _mm256_mullo_epi32(minus_offset<kType>(second[t], s.all - s.first_half), scales.half[1]);
      products[t] = _mm256_add_epi32(products[t], product);
    }
  } else {
    multiply_unsigned<kType, kTokens, 8>(integers, q, k, 0, products);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      products[t] = minus_offset<kType>(products[t], sum[t * blocks_per_token].all);
    }
  }
}

// The block's activations as the minimums weight them.
template <WeightType kType>
__m256 scaled_sums(const Scales<kType>& scales, const BlockSum& sum, float x_scale) {
  if constexpr (format_of(kType).halves()) {
    const __m256i first = _mm256_set1_epi32(sum.first_half);
    const __m256i second = _mm256_set1_epi32(sum.all - sum.first_half);
    const __m256i weighted = _mm256_add_epi32(_mm256_mullo_epi32(first, scales.half_minimum[0]),
                                              _mm256_mullo_epi32(second, scales.half_minimum[1]));
    return _mm256_mul_ps(_mm256_set1_ps(x_scale), _mm256_cvtepi32_ps(weighted));
  } else {
    return _mm256_set1_ps(x_scale * static_cast<float>(sum.all));
  }
}

// One block for the 8 rows from first_row on.
template <WeightType kType, int kTokens>
[[gnu::always_inline]] inline void quantised_block(const Scales<kType>& scales,
                                                   const std::uint8_t* integers,
                                                   const Activations& x, std::int64_t first_token,
                                                   std::int64_t col, __m256 (&sums)[kTokens]) {
  const std::int64_t blocks_per_token = x.k / kQuantBlock;
  const std::int64_t at = first_token * blocks_per_token + col / kQuantBlock;
  Sums<kTokens> products;
  integer_products<kType, kTokens>(scales, integers, x.q + first_token * x.k + col, x.k, x.sum + at,
                                   blocks_per_token, products);
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
    const float x_scale = x.scale[at + t * blocks_per_token];
    const __m256 scale = _mm256_mul_ps(scales.scale, _mm256_set1_ps(x_scale));
    sums[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products[t]), scale, sums[t]);
    if constexpr (format_of(kType).has_minimum()) {
      const BlockSum& sum = x.sum[at + t * blocks_per_token];
      sums[t] = _mm256_fnmadd_ps(scales.minimum, scaled_sums<kType>(scales, sum, x_scale), sums[t]);
    }
  }
}

// With one token the hardware prefetcher alone reaches the memory's bandwidth; a larger tile fills
// the reorder buffer with arithmetic, so its weights must be asked for. Zen 5 wants to be asked for
// everything.
template <bool kAhead>
void prefetch(const std::uint8_t* p, std::size_t bytes) {
  constexpr std::size_t kPrefetchBytes = 8192;
  if constexpr (kAhead) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < bytes; i += kCacheLine) {
      _mm_prefetch(reinterpret_cast<const char*>(p + kPrefetchBytes + i), _MM_HINT_T1);
    }
  }
}

template <WeightType kType, int kTokens, bool kAhead>
[[gnu::always_inline]] inline void quantised_tile(const Matrix& w, const std::uint8_t* group,
                                                  const Activations& x, std::int64_t first_token,
                                                  __m256 (&low)[kTokens], __m256 (&high)[kTokens]) {
  const std::uint8_t* chunk = group;
  for (std::int64_t col = 0; col < w.cols;) {
    const std::int64_t blocks = chunk_blocks(w.first_col, w.cols, col);
    const std::size_t header_bytes = chunk_header_bytes(kType, blocks);
    const std::uint8_t* integers = chunk + header_bytes;
    prefetch<kAhead>(chunk, header_bytes);
    for (std::int64_t b = 0; b < blocks; ++b, col += kQuantBlock) {
      prefetch<kAhead>(integers, packed_block_bytes(kType));
      const Scales<kType> low_scales(chunk, b, 0);
      quantised_block<kType, kTokens>(low_scales, integers, x, first_token, col, low);
      const Scales<kType> high_scales(chunk, b, 8);
      quantised_block<kType, kTokens>(high_scales, integers + 32, x, first_token, col, high);
      integers += packed_block_bytes(kType);
    }
    chunk = integers;
  }
}

template <WeightType kType>
Pair load_weights(const std::uint8_t* column) {
  if constexpr (kType == WeightType::kF32) {
    return {_mm256_castsi256_ps(load_bytes(column)), _mm256_castsi256_ps(load_bytes(column + 32))};
  } else if constexpr (kType == WeightType::kF16) {
    return {load_halves(column), load_halves(column + 16)};
  } else {
    const auto* eights = reinterpret_cast<const __m128i*>(column);
    const __m256i low = _mm256_cvtepu16_epi32(_mm_loadu_si128(eights));
    const __m256i high = _mm256_cvtepu16_epi32(_mm_loadu_si128(eights + 1));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)),
            _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
  }
}

template <WeightType kType, int kGroups, int kTokens>
[[gnu::always_inline]] inline void float_tile(const Matrix& w, const std::uint8_t* group,
                                              const Activations& x, std::int64_t first_token,
                                              __m256 (&low)[kGroups][kTokens],
                                              __m256 (&high)[kGroups][kTokens]) {
  constexpr std::int64_t kColumnBytes = kType == WeightType::kF32 ? 64 : 32;
  const float* rows = x.f32 + first_token * x.k;
  for (std::int64_t col = 0; col < w.cols; ++col) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      const Pair weights = load_weights<kType>(group + static_cast<std::size_t>(g) * w.group_bytes +
                                               col * kColumnBytes);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) {
        const __m256 value = _mm256_set1_ps(rows[t * x.k + col]);
        low[g][t] = _mm256_fmadd_ps(weights.low, value, low[g][t]);
        high[g][t] = _mm256_fmadd_ps(weights.high, value, high[g][t]);
      }
    }
  }
}

void store_group(const Matrix& w, std::int64_t g, const float* bias, Pair sum, float* row) {
  const std::int64_t left = w.rows - g * kRowGroup;
  row += g * kRowGroup;
  if (bias != nullptr) bias += g * kRowGroup;
  if (left >= kRowGroup) {
    if (bias != nullptr) sum = Lanes256::add(sum, Lanes256::load(bias));
    Lanes256::store(row, sum);
  } else {
    if (bias != nullptr) sum = Lanes256::add(sum, Lanes256::load(bias, left));
    Lanes256::store(row, sum, left);
  }
}

struct Machine {
  static constexpr int kTile = 4;

  template <WeightType kType, int kTokens>
  static void groups(const Matrix& w, const Activations& x, std::int64_t first_token,
                     const float* bias, float* y, std::int64_t ldy, std::int64_t begin,
                     std::int64_t end, bool /*cached*/) {
    // A float tile's only chains are its sums: with few tokens several groups go side by side.
    constexpr int kGroups = kIsFloat<kType> && kTokens < 3 ? 4 / kTokens : 1;
    std::int64_t g = begin;
    for (; g + kGroups <= end; g += kGroups) {
      some_groups<kType, kGroups, kTokens>(w, x, first_token, bias, y, ldy, g);
    }
    for (; g < end; ++g) some_groups<kType, 1, kTokens>(w, x, first_token, bias, y, ldy, g);
  }

 private:
  template <WeightType kType, int kGroups, int kTokens>
  static void some_groups(const Matrix& w, const Activations& x, std::int64_t first_token,
                          const float* bias, float* y, std::int64_t ldy, std::int64_t g) {
    __m256 low[kGroups][kTokens];
    __m256 high[kGroups][kTokens];
#pragma GCC unroll 8
    for (int i = 0; i < kGroups * kTokens; ++i) {
      low[i / kTokens][i % kTokens] = _mm256_setzero_ps();
      high[i / kTokens][i % kTokens] = _mm256_setzero_ps();
    }
    const std::uint8_t* group = w.data + static_cast<std::size_t>(g) * w.group_bytes;
    if constexpr (kIsFloat<kType>) {
      float_tile<kType, kGroups, kTokens>(w, group, x, first_token, low, high);
    } else if (kTokens > 1 || cpu_features().wants_prefetch) {
      quantised_tile<kType, kTokens, true>(w, group, x, first_token, low[0], high[0]);
    } else {
      quantised_tile<kType, kTokens, false>(w, group, x, first_token, low[0], high[0]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kGroups * kTokens; ++i) {
      const Pair sum = {low[i / kTokens][i % kTokens], high[i / kTokens][i % kTokens]};
      store_group(w, g + i / kTokens, bias, sum, y + (first_token + i % kTokens) * ldy);
    }
  }
};

}  // namespace

constinit const Kernels kAvx2Kernels = {
    .isa = Isa::kAvx2,
    .name = "avx2",
    .quantise = quantise,
    .matmul = Matmul<Machine>::run,
    .rms_norm = FloatOps<Lanes256>::rms_norm,
    .layer_norm = FloatOps<Lanes256>::layer_norm,
    .rope = FloatOps<Lanes256>::rope,
    .silu_mul = FloatOps<Lanes256>::silu_mul,
    .gelu_mul = FloatOps<Lanes256>::gelu_mul,
    .gelu = FloatOps<Lanes256>::gelu,
    .scale = FloatOps<Lanes256>::scale,
    .softcap = FloatOps<Lanes256>::softcap,
    .add = FloatOps<Lanes256>::add,
    .kv_store = FloatOps<Lanes256>::kv_store,
    .attention = FloatOps<Lanes256>::attention,
    .attention_run = FloatOps<Lanes256>::attention_run,
    .attend_part = FloatOps<Lanes256>::attend_part,
    .join_parts = FloatOps<Lanes256>::join_parts,
};

}  // namespace sb::ops
