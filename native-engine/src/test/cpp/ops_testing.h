// Weights as they stand in GGUF files, written and read independently of the kernels, and buffers
// around the kernels' calls.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/float16.h"
#include "ops/op.h"

namespace sb::ops::testing {

inline const std::vector<WeightType> kQuantisedTypes = {
    WeightType::kQ8_0, WeightType::kQ4_0, WeightType::kQ4_1,  WeightType::kQ5_0,
    WeightType::kQ5_1, WeightType::kQ2_K, WeightType::kQ3_K,  WeightType::kQ4_K,
    WeightType::kQ5_K, WeightType::kQ6_K, WeightType::kIQ4_NL};

inline const std::vector<WeightType> kAllTypes = [] {
  std::vector<WeightType> types = {WeightType::kF32, WeightType::kF16, WeightType::kBF16};
  types.insert(types.end(), kQuantisedTypes.begin(), kQuantisedTypes.end());
  return types;
}();

inline std::string type_name(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return "F32";
    case WeightType::kF16:
      return "F16";
    case WeightType::kQ4_0:
      return "Q4_0";
    case WeightType::kQ4_1:
      return "Q4_1";
    case WeightType::kQ5_0:
      return "Q5_0";
    case WeightType::kQ5_1:
      return "Q5_1";
    case WeightType::kQ8_0:
      return "Q8_0";
    case WeightType::kQ2_K:
      return "Q2_K";
    case WeightType::kQ3_K:
      return "Q3_K";
    case WeightType::kQ4_K:
      return "Q4_K";
    case WeightType::kQ5_K:
      return "Q5_K";
    case WeightType::kQ6_K:
      return "Q6_K";
    case WeightType::kIQ4_NL:
      return "IQ4_NL";
    case WeightType::kBF16:
      return "BF16";
  }
  return "?";
}

inline std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kReference, Isa::kAvx2, Isa::kAvx512}) {
    if (isa_supported(isa)) isas.push_back(isa);
  }
  return isas;
}

inline std::string isa_name(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return "reference";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "?";
}

// ---- the file's form ----

inline double half_at(const std::uint8_t* p) {
  std::uint16_t bits;
  std::memcpy(&bits, p, 2);
  return static_cast<double>(float_from_half(bits));
}

// The fifth bit of integer j of a block, from the little-endian number that holds all 32.
inline int fifth_bit(const std::uint8_t* p, int j) {
  std::uint32_t bits;
  std::memcpy(&bits, p, 4);
  return static_cast<int>(bits >> j & 1) << 4;
}

// The scale and minimum of block j that Q4_K and Q5_K keep in 12 bytes.
inline std::pair<int, int> six_bit_scales(const std::uint8_t* sc, int j) {
  if (j < 4) return {sc[j] & 63, sc[j + 4] & 63};
  return {(sc[j + 4] & 15) | ((sc[j - 4] >> 6) << 4), (sc[j + 4] >> 4) | ((sc[j] >> 6) << 4)};
}

// The sixteen scales of Q3_K, by way of four 32-bit words as the format's authors unpack them.
inline std::array<int, 16> q3_k_scales(const std::uint8_t* p) {
  std::uint32_t packed[3];
  std::memcpy(packed, p, 12);
  constexpr std::uint32_t kLow = 0x0f0f0f0f;
  constexpr std::uint32_t kTwo = 0x03030303;
  const std::uint32_t words[4] = {(packed[0] & kLow) | (packed[2] & kTwo) << 4,
                                  (packed[1] & kLow) | (packed[2] >> 2 & kTwo) << 4,
                                  (packed[0] >> 4 & kLow) | (packed[2] >> 4 & kTwo) << 4,
                                  (packed[1] >> 4 & kLow) | (packed[2] >> 6 & kTwo) << 4};
  std::array<int, 16> scales{};
  for (std::size_t i = 0; i < 16; ++i) {
    scales[i] = static_cast<int>(words[i / 4] >> (8 * (i % 4)) & 255) - 32;
  }
  return scales;
}

// One block of each type to doubles, from the formats' definition.
inline void dequantise_block(WeightType type, const std::uint8_t* p, double* y) {
  switch (type) {
    case WeightType::kF32: {
      float value;
      std::memcpy(&value, p, 4);
      y[0] = static_cast<double>(value);
      return;
    }
    case WeightType::kF16:
      y[0] = half_at(p);
      return;
    case WeightType::kBF16: {
      const std::uint8_t wide[4] = {0, 0, p[0], p[1]};
      float value;
      std::memcpy(&value, wide, 4);
      y[0] = static_cast<double>(value);
      return;
    }
    case WeightType::kQ8_0:
      for (int j = 0; j < 32; ++j) y[j] = half_at(p) * static_cast<std::int8_t>(p[2 + j]);
      return;
    case WeightType::kQ4_0:
      for (int j = 0; j < 16; ++j) {
        y[j] = half_at(p) * ((p[2 + j] & 15) - 8);
        y[j + 16] = half_at(p) * ((p[2 + j] >> 4) - 8);
      }
      return;
    case WeightType::kQ4_1:
      for (int j = 0; j < 16; ++j) {
        y[j] = half_at(p) * (p[4 + j] & 15) + half_at(p + 2);
        y[j + 16] = half_at(p) * (p[4 + j] >> 4) + half_at(p + 2);
      }
      return;
    case WeightType::kQ5_0:
      for (int j = 0; j < 16; ++j) {
        y[j] = half_at(p) * (((p[6 + j] & 15) | fifth_bit(p + 2, j)) - 16);
        y[j + 16] = half_at(p) * (((p[6 + j] >> 4) | fifth_bit(p + 2, j + 16)) - 16);
      }
      return;
    case WeightType::kQ5_1:
      for (int j = 0; j < 16; ++j) {
        y[j] = half_at(p) * ((p[8 + j] & 15) | fifth_bit(p + 4, j)) + half_at(p + 2);
        y[j + 16] = half_at(p) * ((p[8 + j] >> 4) | fifth_bit(p + 4, j + 16)) + half_at(p + 2);
      }
      return;
    case WeightType::kIQ4_NL: {
      constexpr int kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
      for (int j = 0; j < 16; ++j) {
        y[j] = half_at(p) * kValues[p[2 + j] & 15];
        y[j + 16] = half_at(p) * kValues[p[2 + j] >> 4];
      }
      return;
    }
    case WeightType::kQ2_K:
      for (int i = 0; i < 256; ++i) {
        const int q = p[16 + 32 * (i / 128) + i % 32] >> (2 * (i % 128 / 32)) & 3;
        const int scales = p[i / 16];
        y[i] = half_at(p + 80) * (scales & 15) * q - half_at(p + 82) * (scales >> 4);
      }
      return;
    case WeightType::kQ3_K: {
      const std::array<int, 16> scales = q3_k_scales(p + 96);
      for (int i = 0; i < 256; ++i) {
        const int low = p[32 + 32 * (i / 128) + i % 32] >> (2 * (i % 128 / 32)) & 3;
        const int q = (p[i % 32] >> (i / 32) & 1) != 0 ? low : low - 4;
        y[i] = half_at(p + 108) * scales[static_cast<std::size_t>(i / 16)] * q;
      }
      return;
    }
    case WeightType::kQ4_K:
      for (int i = 0; i < 256; ++i) {
        const auto [s, m] = six_bit_scales(p + 4, i / 32);
        const std::uint8_t byte = p[16 + 32 * (i / 64) + i % 32];
        const int q = i / 32 % 2 == 0 ? byte & 15 : byte >> 4;
        y[i] = half_at(p) * s * q - half_at(p + 2) * m;
      }
      return;
    case WeightType::kQ5_K:
      for (int i = 0; i < 256; ++i) {
        const auto [s, m] = six_bit_scales(p + 4, i / 32);
        const std::uint8_t byte = p[48 + 32 * (i / 64) + i % 32];
        const int low = i / 32 % 2 == 0 ? byte & 15 : byte >> 4;
        const int fifth = (p[16 + i % 32] >> (i / 32) & 1) != 0 ? 16 : 0;
        y[i] = half_at(p) * s * (low + fifth) - half_at(p + 2) * m;
      }
      return;
    case WeightType::kQ6_K:
      for (int n = 0; n < 2; ++n) {
        const std::uint8_t* ql = p + 64 * n;
        const std::uint8_t* qh = p + 128 + 32 * n;
        const std::uint8_t* sc = p + 192 + 8 * n;
        for (int l = 0; l < 32; ++l) {
          const int q[4] = {((ql[l] & 15) | (qh[l] & 3) << 4) - 32,
                            ((ql[l + 32] & 15) | (qh[l] >> 2 & 3) << 4) - 32,
                            ((ql[l] >> 4) | (qh[l] >> 4 & 3) << 4) - 32,
                            ((ql[l + 32] >> 4) | (qh[l] >> 6) << 4) - 32};
          for (int k = 0; k < 4; ++k) {
            const auto scale = static_cast<std::int8_t>(sc[l / 16 + 2 * k]);
            y[128 * n + 32 * k + l] = half_at(p + 208) * scale * q[k];
          }
        }
      }
      return;
  }
}

struct FileMatrix {
  WeightType type{};
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::vector<std::uint8_t> bytes;
  std::vector<double> values;  // dequantised, [rows][cols]
};

inline void put_half(std::uint8_t* p, float value) {
  const std::uint16_t bits = half_from_float(value);
  std::memcpy(p, &bits, 2);
}

// Sets a quantised block's float scale, and its minimum where it has one.
inline void put_scales(WeightType type, std::uint8_t* p, float scale, float minimum) {
  switch (type) {
    case WeightType::kQ4_1:
    case WeightType::kQ5_1:
    case WeightType::kQ4_K:
    case WeightType::kQ5_K:
      put_half(p, scale);
      return put_half(p + 2, minimum);
    case WeightType::kQ2_K:
      put_half(p + 80, scale);
      return put_half(p + 82, minimum);
    case WeightType::kQ3_K:
      return put_half(p + 108, 0.1f * scale);
    case WeightType::kQ6_K:
      return put_half(p + 208, 0.1f * scale);
    default:
      return put_half(p, scale);
  }
}

// Every bit pattern of integers and small scales; the float scales are of ordinary size.
inline FileMatrix random_matrix(WeightType type, std::int64_t rows, std::int64_t cols,
                                std::uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> byte(0, 255);
  std::normal_distribution<float> normal(0.0f, 1.0f);
  const TypeTraits traits = type_traits(type);
  FileMatrix m{type, rows, cols, {}, {}};
  const std::int64_t blocks = rows * cols / traits.block_elements;
  m.bytes.resize(static_cast<std::size_t>(blocks * traits.block_bytes));
  m.values.resize(static_cast<std::size_t>(rows * cols));
  for (std::int64_t b = 0; b < blocks; ++b) {
    std::uint8_t* p = m.bytes.data() + b * traits.block_bytes;
    for (std::int64_t i = 0; i < traits.block_bytes; ++i) {
      p[i] = static_cast<std::uint8_t>(byte(random));
    }
    const float value = normal(random);
    if (type == WeightType::kF32) {
      std::memcpy(p, &value, 4);
    } else if (type == WeightType::kF16) {
      put_half(p, value);
    } else if (type == WeightType::kBF16) {
      std::uint32_t bits;
      std::memcpy(&bits, &value, 4);
      const auto upper = static_cast<std::uint16_t>(bits >> 16);
      std::memcpy(p, &upper, 2);
    } else {
      put_scales(type, p, 0.02f * value, 0.02f * normal(random));
    }
    dequantise_block(type, p, m.values.data() + b * traits.block_elements);
  }
  return m;
}

// ---- the kernels' form ----

struct AlignedDelete {
  void operator()(std::uint8_t* p) const { ::operator delete[](p, std::align_val_t{64}); }
};
using AlignedBytes = std::unique_ptr<std::uint8_t[], AlignedDelete>;

inline AlignedBytes aligned_bytes(std::size_t n) {
  return AlignedBytes(static_cast<std::uint8_t*>(::operator new[](n, std::align_val_t{64})));
}

struct Packed {
  Matrix matrix;
  AlignedBytes bytes;
};

inline Packed pack_slice(const FileMatrix& file, std::int64_t row_begin, std::int64_t row_end,
                         std::int64_t col_begin, std::int64_t col_end) {
  Packed packed;
  Matrix& m = packed.matrix;
  m.type = file.type;
  m.rows = row_end - row_begin;
  m.cols = col_end - col_begin;
  m.first_col = col_begin;
  m.group_bytes = packed_group_bytes(file.type, m.cols, col_begin);
  packed.bytes = aligned_bytes(m.bytes());
  m.data = packed.bytes.get();
  pack(file.type, file.bytes.data(), file.cols, row_begin, row_end, col_begin, col_end, 0,
       m.groups(), packed.bytes.get());
  return packed;
}

inline Packed pack_all(const FileMatrix& file) {
  return pack_slice(file, 0, file.rows, 0, file.cols);
}

// Activations and their quantised form by one variant.
struct Input {
  std::vector<float> x;
  std::vector<std::int8_t> q;
  std::vector<float> scale;
  std::vector<BlockSum> sum;
  Activations activations;
};

inline Input quantised_input(const Kernels& ops, std::vector<float> x, std::int64_t m,
                             std::int64_t k) {
  Input in;
  in.x = std::move(x);
  in.q.resize(static_cast<std::size_t>(m * k));
  in.scale.resize(static_cast<std::size_t>(m * k / kQuantBlock));
  in.sum.resize(in.scale.size());
  if (k % kQuantBlock == 0) {
    ops.quantise(in.x.data(), k, 0, m, in.q.data(), in.scale.data(), in.sum.data());
  }
  in.activations = {m, k, in.x.data(), in.q.data(), in.scale.data(), in.sum.data()};
  return in;
}

inline std::vector<float> random_floats(std::int64_t n, std::uint32_t seed, float spread = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

inline Input random_input(const Kernels& ops, std::int64_t m, std::int64_t k, std::uint32_t seed) {
  return quantised_input(ops, random_floats(m * k, seed), m, k);
}

inline std::vector<float> run_matmul(const Kernels& ops, const Matrix& w, const Activations& x,
                                     const float* bias = nullptr) {
  std::vector<float> y(static_cast<std::size_t>(x.m * w.rows));
  ops.matmul(w, x, bias, y.data(), w.rows, 0, w.groups());
  return y;
}

inline ::testing::AssertionResult same_bits(const std::vector<float>& a,
                                            const std::vector<float>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0) {
      return ::testing::AssertionFailure() << "at " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

// Where random cases begin: 0, or SB_FUZZ_SEED of the environment.
inline std::uint32_t first_seed() {
  const char* given = std::getenv("SB_FUZZ_SEED");
  return given == nullptr ? 0 : static_cast<std::uint32_t>(std::atoi(given));
}

}  // namespace sb::ops::testing
