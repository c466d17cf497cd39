// The reference kernels: what every other variant must reproduce bit for bit.
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/float16.h"
#include "ops/float_ops.h"
#include "ops/layout.h"
#include "ops/packed_block.h"
#include "ops/quantise.h"
#include "ops/tables.h"

namespace sb::ops {
namespace {

// 16 floats, one at a time.
struct Plain {
  struct F {
    float lane[kLanes];
  };
  static constexpr int kSums = 4;

  template <class Make>
  static F each(Make make) {
    F result;
    for (int i = 0; i < kLanes; ++i) result.lane[i] = make(i);
    return result;
  }

  static F set(float x) {
    return each([x](int) { return x; });
  }
  static F zero() { return set(0); }
  static F load(const float* p, std::int64_t n = kLanes) {
    return each([=](int i) { return i < n ? p[i] : 0.0f; });
  }
  static F load_half(const std::uint16_t* p, std::int64_t n = kLanes) {
    return each([=](int i) { return i < n ? float_from_half(p[i]) : 0.0f; });
  }
  static F set_half(std::uint16_t half) { return set(float_from_half(half)); }
  static F load_brain(const std::uint16_t* p, std::int64_t n = kLanes) {
    return each(
        [=](int i) { return i < n ? __builtin_bit_cast(float, std::uint32_t{p[i]} << 16) : 0.0f; });
  }
  static F load_bytes(const std::int8_t* p, std::int64_t n = kLanes) {
    return each([=](int i) { return i < n ? static_cast<float>(p[i]) : 0.0f; });
  }
  static void store(float* p, F v, std::int64_t n = kLanes) {
    for (int i = 0; i < n; ++i) p[i] = v.lane[i];
  }
  static void store_half(std::uint16_t* p, F v, std::int64_t n = kLanes) {
    for (int i = 0; i < n; ++i) p[i] = half_from_float(v.lane[i]);
  }
  static F add(F a, F b) {
    return each([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static F sub(F a, F b) {
    return each([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static F mul(F a, F b) {
    return each([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static F div(F a, F b) {
    return each([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  static F max(F a, F b) {
    return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static F fma(F a, F b, F c) {
    return each([&](int i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
  }
  static F add_exponent(F v, F t) {
    return each([&](int i) {
      const auto bits = std::bit_cast<std::uint32_t>(v.lane[i]);
      return std::bit_cast<float>(bits + (std::bit_cast<std::uint32_t>(t.lane[i]) << 23));
    });
  }
  static float sum(F v) {
    for (int half = 8; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) v.lane[i] += v.lane[i + half];
    }
    return v.lane[0];
  }
  static float maximum(F v) {
    for (int half = 8; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) {
        if (!(v.lane[i] > v.lane[i + half])) v.lane[i] = v.lane[i + half];
      }
    }
    return v.lane[0];
  }
};

void quantise(const float* x, std::int64_t k, std::int64_t m_begin, std::int64_t m_end,
              std::int8_t* q, float* scale, BlockSum* sum) {
  for (std::int64_t i = m_begin * k; i < m_end * k; i += kQuantBlock) {
    std::uint32_t largest = 0;
    for (std::int64_t j = 0; j < kQuantBlock; ++j) {
      const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x[i + j]) & 0x7fffffffu;
      if (magnitude > largest) largest = magnitude;
    }
    const QuantScale s = quant_scale(largest);
    BlockSum total = {0, 0};
    for (std::int64_t j = 0; j < kQuantBlock; ++j) {
      const float value = s.inverse == 0 ? 0.0f : std::nearbyint(x[i + j] * s.inverse);
      q[i + j] = static_cast<std::int8_t>(value);
      total.all += q[i + j];
      if (j < kQuantBlock / 2) total.first_half += q[i + j];
    }
    scale[i / kQuantBlock] = s.scale;
    sum[i / kQuantBlock] = total;
  }
}

// The exact integer products of a block's row with a token's quantised values, weighted by the
// scales of its halves.
std::int32_t integer_product(const PackedBlock& block, std::int64_t row, const std::int8_t* q) {
  std::int32_t product = 0;
  for (std::int64_t half = 0; half < 2; ++half) {
    std::int32_t half_product = 0;
    for (std::int64_t i = half * 16; i < half * 16 + 16; ++i) {
      half_product += (block.integer[row][i] - block.offset) * q[i];
    }
    product += block.half_scale[half][row] * half_product;
  }
  return product;
}

// y += one block's share, for all tokens and the group's first `rows` rows.
void accumulate_block(const PackedBlock& block, bool has_minimum, std::int64_t col,
                      std::int64_t rows, const Activations& x, float* y, std::int64_t ldy) {
  for (std::int64_t t = 0; t < x.m; ++t) {
    const std::int64_t at = (t * x.k + col) / kQuantBlock;
    const float scale = x.scale[at];
    const BlockSum& sum = x.sum[at];
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto product = static_cast<float>(integer_product(block, row, x.q + t * x.k + col));
      float& out = y[t * ldy + row];
      out = std::fma(product, block.scale[row] * scale, out);
      if (!has_minimum) continue;
      const std::int32_t weighted = block.half_minimum[0][row] * sum.first_half +
                                    block.half_minimum[1][row] * (sum.all - sum.first_half);
      out = std::fma(-block.minimum[row], scale * static_cast<float>(weighted), out);
    }
  }
}

void quantised_group(const Matrix& w, const std::uint8_t* group, std::int64_t rows,
                     const Activations& x, float* y, std::int64_t ldy) {
  PackedBlock block;
  const std::uint8_t* chunk = group;
  for (std::int64_t col = 0; col < w.cols;) {
    const std::int64_t blocks = chunk_blocks(w.first_col, w.cols, col);
    for (std::int64_t b = 0; b < blocks; ++b, col += kQuantBlock) {
      read_block(w.type, chunk, blocks, b, block);
      accumulate_block(block, format_of(w.type).has_minimum(), col, rows, x, y, ldy);
    }
    chunk += chunk_bytes(w.type, blocks);
  }
}

void float_group(const Matrix& w, const std::uint8_t* group, std::int64_t rows,
                 const Activations& x, float* y, std::int64_t ldy) {
  for (std::int64_t col = 0; col < w.cols; ++col) {
    for (std::int64_t row = 0; row < rows; ++row) {
      const float weight = read_float(w.type, group, col, row);
      for (std::int64_t t = 0; t < x.m; ++t) {
        y[t * ldy + row] = std::fma(weight, x.f32[t * x.k + col], y[t * ldy + row]);
      }
    }
  }
}

void matmul(const Matrix& w, const Activations& x, const float* bias, float* y, std::int64_t ldy,
            std::int64_t group_begin, std::int64_t group_end) {
  const bool quantised = type_traits(w.type).quantised;
  for (std::int64_t g = group_begin; g < group_end; ++g) {
    const std::uint8_t* group = w.data + static_cast<std::size_t>(g) * w.group_bytes;
    const std::int64_t first = g * kRowGroup;
    const std::int64_t rows = w.rows - first < kRowGroup ? w.rows - first : kRowGroup;
    for (std::int64_t t = 0; t < x.m; ++t) {
      for (std::int64_t row = 0; row < rows; ++row) y[t * ldy + first + row] = 0;
    }
    if (quantised) {
      quantised_group(w, group, rows, x, y + first, ldy);
    } else {
      float_group(w, group, rows, x, y + first, ldy);
    }
    if (bias == nullptr) continue;
    for (std::int64_t t = 0; t < x.m; ++t) {
      for (std::int64_t row = 0; row < rows; ++row) y[t * ldy + first + row] += bias[first + row];
    }
  }
}

}  // namespace

constinit const Kernels kReferenceKernels = {
    .isa = Isa::kReference,
    .name = "reference",
    .quantise = quantise,
    .matmul = matmul,
    .rms_norm = FloatOps<Plain>::rms_norm,
    .layer_norm = FloatOps<Plain>::layer_norm,
    .rope = FloatOps<Plain>::rope,
    .silu_mul = FloatOps<Plain>::silu_mul,
    .gelu_mul = FloatOps<Plain>::gelu_mul,
    .gelu = FloatOps<Plain>::gelu,
    .scale = FloatOps<Plain>::scale,
    .softcap = FloatOps<Plain>::softcap,
    .add = FloatOps<Plain>::add,
    .kv_store = FloatOps<Plain>::kv_store,
    .attention = FloatOps<Plain>::attention,
    .attention_run = FloatOps<Plain>::attention_run,
    .attend_part = FloatOps<Plain>::attend_part,
    .join_parts = FloatOps<Plain>::join_parts,
};

}  // namespace sb::ops
