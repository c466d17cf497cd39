#include <algorithm>
#include <cstring>

#include "base/float16.h"
#include "ops/layout.h"
#include "ops/op.h"
#include "ops/packed_block.h"

namespace sb::ops {
namespace {

// One row's 32 columns as they stand in the file, integers made unsigned.
struct SourceBlock {
  std::uint8_t integer[kQuantBlock];
  std::uint8_t d[2];          // f16
  std::uint8_t d_minimum[2];  // f16
  std::uint8_t scale[2];      // of the block, or of its halves
  std::uint8_t minimum[2];
};

void source_nibbles(const std::uint8_t* q, SourceBlock& out) {
  for (int i = 0; i < 16; ++i) {
    out.integer[i] = q[i] & 15;
    out.integer[i + 16] = q[i] >> 4;
  }
}

// The fifth bits of a block's 32 integers, least significant first.
void source_fifth_bits(const std::uint8_t* bits, SourceBlock& out) {
  for (int i = 0; i < 32; ++i) {
    const int bit = bits[i / 8] >> (i % 8) & 1;
    out.integer[i] = static_cast<std::uint8_t>(out.integer[i] | bit << 4);
  }
}

void source_q8_0(const std::uint8_t* block, SourceBlock& out) {
  std::memcpy(out.d, block, 2);
  for (int i = 0; i < 32; ++i) out.integer[i] = block[2 + i] ^ 0x80;
}

// {f16 d; u8 q[16]}, also IQ4_NL's.
void source_q4_0(const std::uint8_t* block, SourceBlock& out) {
  std::memcpy(out.d, block, 2);
  source_nibbles(block + 2, out);
}

// {f16 d, m; u8 q[16]}; m is added.
void source_q4_1(const std::uint8_t* block, SourceBlock& out) {
  std::memcpy(out.d, block, 2);
  std::memcpy(out.d_minimum, block + 2, 2);
  out.d_minimum[1] ^= 0x80;
  source_nibbles(block + 4, out);
}

// {f16 d; u8 fifth[4], q[16]}
void source_q5_0(const std::uint8_t* block, SourceBlock& out) {
  std::memcpy(out.d, block, 2);
  source_nibbles(block + 6, out);
  source_fifth_bits(block + 2, out);
}

// {f16 d, m; u8 fifth[4], q[16]}; m is added.
void source_q5_1(const std::uint8_t* block, SourceBlock& out) {
  std::memcpy(out.d, block, 2);
  std::memcpy(out.d_minimum, block + 2, 2);
  out.d_minimum[1] ^= 0x80;
  source_nibbles(block + 8, out);
  source_fifth_bits(block + 4, out);
}

// {u8 scales[16], q[64]; f16 d, dmin}: a scale's low nibble, a minimum's high one, each of 16
// columns; halves of 128 columns, each of four blocks that share bytes.
void source_q2_k(const std::uint8_t* super, std::int64_t sub, SourceBlock& out) {
  const std::uint8_t* q = super + 16 + sub / 4 * 32;
  const auto shift = static_cast<int>(sub % 4 * 2);
  for (int i = 0; i < 32; ++i) out.integer[i] = q[i] >> shift & 3;
  for (int half = 0; half < 2; ++half) {
    const std::uint8_t packed = super[2 * sub + half];
    out.scale[half] = packed & 15;
    out.minimum[half] = packed >> 4;
  }
  std::memcpy(out.d, super + 80, 2);
  std::memcpy(out.d_minimum, super + 82, 2);
}

// {u8 third[32], q[64], scales[12]; f16 d}: the third bit of block b is bit b of third. The sixteen
// 6-bit scales, from -32 on: low nibbles in 8 bytes, upper bits in 4.
void source_q3_k(const std::uint8_t* super, std::int64_t sub, SourceBlock& out) {
  const std::uint8_t* q = super + 32 + sub / 4 * 32;
  const auto shift = static_cast<int>(sub % 4 * 2);
  for (int i = 0; i < 32; ++i) {
    const int third = super[i] >> sub & 1;
    out.integer[i] = static_cast<std::uint8_t>((q[i] >> shift & 3) | third << 2);
  }
  const std::uint8_t* packed = super + 96;
  for (int half = 0; half < 2; ++half) {
    const std::int64_t k = 2 * sub + half;
    const int low = k < 8 ? packed[k] & 15 : packed[k - 8] >> 4;
    const int upper = packed[8 + k % 4] >> (2 * (k / 4)) & 3;
    out.scale[half] = static_cast<std::uint8_t>((low | upper << 4) - 32);
  }
  std::memcpy(out.d, super + 108, 2);
}

// The eight 6-bit scales and minimums that share 12 bytes.
void source_six_bit_scales(const std::uint8_t* packed, std::int64_t sub, SourceBlock& out) {
  if (sub < 4) {
    out.scale[0] = packed[sub] & 63;
    out.minimum[0] = packed[sub + 4] & 63;
  } else {
    out.scale[0] = static_cast<std::uint8_t>((packed[sub + 4] & 15) | (packed[sub - 4] >> 6) << 4);
    out.minimum[0] = static_cast<std::uint8_t>(packed[sub + 4] >> 4 | (packed[sub] >> 6) << 4);
  }
}

// {f16 d, dmin; u8 scales[12], q[128]}
void source_q4_k(const std::uint8_t* super, std::int64_t sub, SourceBlock& out) {
  std::memcpy(out.d, super, 2);
  std::memcpy(out.d_minimum, super + 2, 2);
  source_six_bit_scales(super + 4, sub, out);
  const std::uint8_t* q = super + 16 + sub / 2 * 32;
  const int shift = sub % 2 == 0 ? 0 : 4;
  for (int i = 0; i < 32; ++i) out.integer[i] = (q[i] >> shift) & 15;
}

// {f16 d, dmin; u8 scales[12], fifth[32], q[128]}: the fifth bit of block b is bit b of fifth.
void source_q5_k(const std::uint8_t* super, std::int64_t sub, SourceBlock& out) {
  std::memcpy(out.d, super, 2);
  std::memcpy(out.d_minimum, super + 2, 2);
  source_six_bit_scales(super + 4, sub, out);
  const std::uint8_t* q = super + 48 + sub / 2 * 32;
  const int shift = sub % 2 == 0 ? 0 : 4;
  for (int i = 0; i < 32; ++i) {
    const int fifth = super[16 + i] >> sub & 1;
    out.integer[i] = static_cast<std::uint8_t>((q[i] >> shift & 15) | fifth << 4);
  }
}

// {u8 low[128]; u8 high[64]; i8 scales[16]; f16 d}; halves of 128 columns, each of four blocks that
// share bytes.
void source_q6_k(const std::uint8_t* super, std::int64_t sub, SourceBlock& out) {
  const std::int64_t half = sub / 4;
  const std::int64_t part = sub % 4;
  const std::uint8_t* low = super + half * 64 + part % 2 * 32;
  const std::uint8_t* high = super + 128 + half * 32;
  const int low_shift = part < 2 ? 0 : 4;
  const auto high_shift = static_cast<int>(2 * part);
  for (int i = 0; i < 32; ++i) {
    const int value = ((low[i] >> low_shift) & 15) | ((high[i] >> high_shift) & 3) << 4;
    out.integer[i] = static_cast<std::uint8_t>(value);
  }
  std::memcpy(out.scale, super + 192 + 2 * sub, 2);
  std::memcpy(out.d, super + 208, 2);
}

[[gnu::always_inline]] inline void read_source(WeightType type, const std::uint8_t* row,
                                               std::int64_t column, SourceBlock& out) {
  const TypeTraits traits = type_traits(type);
  const std::uint8_t* block = row + column / traits.block_elements * traits.block_bytes;
  const std::int64_t sub = column % traits.block_elements / kQuantBlock;
  switch (type) {
    case WeightType::kQ4_1:
      return source_q4_1(block, out);
    case WeightType::kQ5_0:
      return source_q5_0(block, out);
    case WeightType::kQ5_1:
      return source_q5_1(block, out);
    case WeightType::kQ8_0:
      return source_q8_0(block, out);
    case WeightType::kQ2_K:
      return source_q2_k(block, sub, out);
    case WeightType::kQ3_K:
      return source_q3_k(block, sub, out);
    case WeightType::kQ4_K:
      return source_q4_k(block, sub, out);
    case WeightType::kQ5_K:
      return source_q5_k(block, sub, out);
    case WeightType::kQ6_K:
      return source_q6_k(block, sub, out);
    default:
      return source_q4_0(block, out);
  }
}

// chunk is the header's first byte.
void write_scales(WeightType type, const SourceBlock& source, std::int64_t block, std::int64_t row,
                  std::uint8_t* chunk) {
  const Scaling scaling = format_of(type).scaling;
  std::uint8_t* part =
      chunk + scale_prefix_bytes(type) + scale_block_bytes(type) * static_cast<std::size_t>(block);
  if (scaling == Scaling::kBlock || scaling == Scaling::kBlockMinimum) {
    std::memcpy(part + 2 * row, source.d, 2);
    if (scaling == Scaling::kBlockMinimum) std::memcpy(part + 32 + 2 * row, source.d_minimum, 2);
    return;
  }
  std::memcpy(chunk + 2 * row, source.d, 2);
  if (scaling != Scaling::kHalves) std::memcpy(chunk + 32 + 2 * row, source.d_minimum, 2);
  part[row] = source.scale[0];
  part[16 + row] = scaling == Scaling::kSuper ? source.minimum[0] : source.scale[1];
  if (scaling != Scaling::kHalvesMinimum) return;
  part[32 + row] = source.minimum[0];
  part[48 + row] = source.minimum[1];
}

// A row's 32 integers of kBits bits each from bit kFrom on: dst points at the row's first byte of
// the first line. Four neighbouring integers are four neighbouring bytes, a quad's. Written as
// loops over whole runs of bytes, which the compiler turns into vectors.
template <int kBits, int kFrom>
void write_plane(const std::uint8_t* integer, std::uint8_t* dst) {
  constexpr int kMask = (1 << kBits) - 1;
  const auto part = [&](int i) { return integer[i] >> kFrom & kMask; };
  std::uint8_t bytes[4 * kBits];
  if constexpr (kBits == 8) {
    std::memcpy(bytes, integer, 32);
  } else if constexpr (kBits == 4) {
    // Nibbles pair quad q with q + 4, narrower parts stand by their number.
    for (int i = 0; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>(part(i) | part(i + 16) << 4);
  } else {
    constexpr int kQuadsPerLine = 8 / kBits;
    for (int line = 0; line < kBits; ++line) {
      for (int i = 0; i < 4; ++i) {
        int byte = 0;
        for (int q = 0; q < kQuadsPerLine; ++q) {
          byte |= part(4 * (line * kQuadsPerLine + q) + i) << (kBits * q);
        }
        bytes[4 * line + i] = static_cast<std::uint8_t>(byte);
      }
    }
  }
  for (int line = 0; line < kBits; ++line) std::memcpy(dst + 64 * line, bytes + 4 * line, 4);
}

template <WeightType kType>
void write_integers(const std::uint8_t* integer, std::uint8_t* dst) {
  constexpr Format kFormat = format_of(kType);
  write_plane<kFormat.low_bits, 0>(integer, dst);
  if constexpr (kFormat.upper_bits > 0) {
    write_plane<kFormat.upper_bits, kFormat.low_bits>(integer, dst + 64 * kFormat.low_lines());
  }
}

template <WeightType kType>
void pack_quantised_row(const std::uint8_t* source_row, std::int64_t col_begin, std::int64_t cols,
                        std::int64_t row, std::uint8_t* group) {
  SourceBlock source;
  std::uint8_t* chunk = group;
  for (std::int64_t col = 0; col < cols;) {
    const std::int64_t blocks = chunk_blocks(col_begin, cols, col);
    std::uint8_t* integers = chunk + chunk_header_bytes(kType, blocks);
    for (std::int64_t block = 0; block < blocks; ++block, col += kQuantBlock) {
      read_source(kType, source_row, col_begin + col, source);
      write_scales(kType, source, block, row, chunk);
      write_integers<kType>(source.integer, integers + 4 * row);
      integers += packed_block_bytes(kType);
    }
    chunk = integers;
  }
}

template <std::size_t kBytes>
void pack_float_row(const std::uint8_t* source, std::int64_t cols, std::int64_t row,
                    std::uint8_t* group) {
  std::uint8_t* dst = group + static_cast<std::size_t>(row) * kBytes;
  for (std::int64_t col = 0; col < cols; ++col) {
    std::memcpy(dst, source, kBytes);
    source += kBytes;
    dst += kRowGroup * kBytes;
  }
}

void pack_row(WeightType type, const std::uint8_t* source_row, std::int64_t col_begin,
              std::int64_t cols, std::int64_t row, std::uint8_t* group) {
  switch (type) {
    case WeightType::kF32:
      return pack_float_row<4>(source_row + 4 * col_begin, cols, row, group);
    case WeightType::kF16:
    case WeightType::kBF16:
      return pack_float_row<2>(source_row + 2 * col_begin, cols, row, group);
    case WeightType::kQ4_0:
      return pack_quantised_row<WeightType::kQ4_0>(source_row, col_begin, cols, row, group);
    case WeightType::kQ4_1:
      return pack_quantised_row<WeightType::kQ4_1>(source_row, col_begin, cols, row, group);
    case WeightType::kQ5_0:
      return pack_quantised_row<WeightType::kQ5_0>(source_row, col_begin, cols, row, group);
    case WeightType::kQ5_1:
      return pack_quantised_row<WeightType::kQ5_1>(source_row, col_begin, cols, row, group);
    case WeightType::kQ8_0:
      return pack_quantised_row<WeightType::kQ8_0>(source_row, col_begin, cols, row, group);
    case WeightType::kQ2_K:
      return pack_quantised_row<WeightType::kQ2_K>(source_row, col_begin, cols, row, group);
    case WeightType::kQ3_K:
      return pack_quantised_row<WeightType::kQ3_K>(source_row, col_begin, cols, row, group);
    case WeightType::kQ4_K:
      return pack_quantised_row<WeightType::kQ4_K>(source_row, col_begin, cols, row, group);
    case WeightType::kQ5_K:
      return pack_quantised_row<WeightType::kQ5_K>(source_row, col_begin, cols, row, group);
    case WeightType::kQ6_K:
      return pack_quantised_row<WeightType::kQ6_K>(source_row, col_begin, cols, row, group);
    case WeightType::kIQ4_NL:
      return pack_quantised_row<WeightType::kIQ4_NL>(source_row, col_begin, cols, row, group);
  }
}

std::uint16_t load_u16(const std::uint8_t* p) {
  std::uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

float load_half(const std::uint8_t* p) { return float_from_half(load_u16(p)); }

void read_scales(WeightType type, const std::uint8_t* chunk, std::int64_t block, std::int64_t row,
                 PackedBlock& out) {
  const Scaling scaling = format_of(type).scaling;
  const std::uint8_t* part =
      chunk + scale_prefix_bytes(type) + scale_block_bytes(type) * static_cast<std::size_t>(block);
  out.minimum[row] = 0;
  for (int half = 0; half < 2; ++half) {
    out.half_scale[half][row] = 1;
    out.half_minimum[half][row] = 1;
  }
  if (scaling == Scaling::kBlock || scaling == Scaling::kBlockMinimum) {
    out.scale[row] = load_half(part + 2 * row);
    if (scaling == Scaling::kBlockMinimum) out.minimum[row] = load_half(part + 32 + 2 * row);
    return;
  }
  out.scale[row] = load_half(chunk + 2 * row);
  if (scaling != Scaling::kHalves) out.minimum[row] = load_half(chunk + 32 + 2 * row);
  if (scaling == Scaling::kSuper) {
    out.scale[row] *= static_cast<float>(part[row]);
    out.minimum[row] *= static_cast<float>(part[16 + row]);
    return;
  }
  for (int half = 0; half < 2; ++half) {
    const std::uint8_t scale = part[16 * half + row];
    out.half_scale[half][row] =
        scaling == Scaling::kHalves ? static_cast<std::int8_t>(scale) : scale;
    if (scaling == Scaling::kHalvesMinimum)
      out.half_minimum[half][row] = part[32 + 16 * half + row];
  }
}

// The bits [from, from + bits) of integer i; src points at the row's first byte of the first line.
int read_plane(const std::uint8_t* src, int i, int from, int bits) {
  const int quad = i / 4;
  const int line = bits == 4 ? quad % 4 : quad * bits / 8;
  const int part = bits == 4 ? quad / 4 : quad % (8 / bits);
  const int byte = src[64 * line + i % 4];
  return (byte >> (bits * part) & ((1 << bits) - 1)) << from;
}

void read_integers(WeightType type, const std::uint8_t* src, std::int32_t* integer) {
  const Format format = format_of(type);
  for (int i = 0; i < kQuantBlock; ++i) {
    int value = read_plane(src, i, 0, format.low_bits);
    if (format.upper_bits > 0) {
      value |= read_plane(src + 64 * format.low_lines(), i, format.low_bits, format.upper_bits);
    }
    integer[i] = format.looked_up ? kNonLinear[value] : value;
  }
}

void unpack_quantised_row(const Matrix& w, const std::uint8_t* group, std::int64_t row,
                          float* out) {
  PackedBlock block;
  block.offset = format_of(w.type).offset;
  const std::uint8_t* chunk = group;
  for (std::int64_t col = 0; col < w.cols;) {
    const std::int64_t blocks = chunk_blocks(w.first_col, w.cols, col);
    const std::uint8_t* integers = chunk + chunk_header_bytes(w.type, blocks);
    for (std::int64_t b = 0; b < blocks; ++b, integers += packed_block_bytes(w.type)) {
      read_scales(w.type, chunk, b, row, block);
      read_integers(w.type, integers + 4 * row, block.integer[row]);
      for (std::int64_t i = 0; i < kQuantBlock; ++i, ++col) {
        const auto half = static_cast<std::size_t>(i / 16);
        const float scale = block.scale[row] * static_cast<float>(block.half_scale[half][row]);
        const float minimum =
            block.minimum[row] * static_cast<float>(block.half_minimum[half][row]);
        const auto value = static_cast<float>(block.integer[row][i] - block.offset);
        out[col] = scale * value - minimum;
      }
    }
    chunk = integers;
  }
}

}  // namespace

void read_block(WeightType type, const std::uint8_t* chunk, std::int64_t blocks, std::int64_t block,
                PackedBlock& out) {
  const std::uint8_t* integers = chunk + chunk_header_bytes(type, blocks) +
                                 static_cast<std::size_t>(block) * packed_block_bytes(type);
  out.offset = format_of(type).offset;
  for (std::int64_t row = 0; row < kRowGroup; ++row) {
    read_scales(type, chunk, block, row, out);
    read_integers(type, integers + 4 * row, out.integer[row]);
  }
}

float read_float(WeightType type, const std::uint8_t* group, std::int64_t column,
                 std::int64_t row) {
  const std::int64_t index = column * kRowGroup + row;
  switch (type) {
    case WeightType::kF16:
      return load_half(group + 2 * index);
    case WeightType::kBF16:
      return float_from_bfloat16(load_u16(group + 2 * index));
    default: {
      float value;
      std::memcpy(&value, group + 4 * index, sizeof value);
      return value;
    }
  }
}

std::size_t packed_group_bytes(WeightType type, std::int64_t cols, std::int64_t first_col) {
  const TypeTraits traits = type_traits(type);
  if (!traits.quantised) {
    return pad_to_line(static_cast<std::size_t>(cols * kRowGroup * traits.block_bytes));
  }
  std::size_t bytes = 0;
  for (std::int64_t col = 0; col < cols;) {
    const std::int64_t blocks = chunk_blocks(first_col, cols, col);
    bytes += chunk_bytes(type, blocks);
    col += blocks * kQuantBlock;
  }
  return bytes;
}

void pack(WeightType type, const void* src, std::int64_t full_cols, std::int64_t row_begin,
          std::int64_t row_end, std::int64_t col_begin, std::int64_t col_end,
          std::int64_t group_begin, std::int64_t group_end, std::uint8_t* dst) {
  const TypeTraits traits = type_traits(type);
  const std::int64_t cols = col_end - col_begin;
  const std::size_t group_bytes = packed_group_bytes(type, cols, col_begin);
  const std::int64_t row_bytes = full_cols / traits.block_elements * traits.block_bytes;
  const auto* bytes = static_cast<const std::uint8_t*>(src);
  for (std::int64_t g = group_begin; g < group_end; ++g) {
    std::uint8_t* group = dst + static_cast<std::size_t>(g) * group_bytes;
    std::memset(group, 0, group_bytes);
    const std::int64_t first = row_begin + g * kRowGroup;
    const std::int64_t rows = std::min(kRowGroup, row_end - first);
    for (std::int64_t row = 0; row < rows; ++row) {
      pack_row(type, bytes + (first + row) * row_bytes, col_begin, cols, row, group);
    }
  }
}

void unpack_row(const Matrix& w, std::int64_t row, float* out) {
  const std::uint8_t* group = w.data + static_cast<std::size_t>(row / kRowGroup) * w.group_bytes;
  if (type_traits(w.type).quantised) {
    unpack_quantised_row(w, group, row % kRowGroup, out);
    return;
  }
  for (std::int64_t col = 0; col < w.cols; ++col) {
    out[col] = read_float(w.type, group, col, row % kRowGroup);
  }
}

}  // namespace sb::ops
