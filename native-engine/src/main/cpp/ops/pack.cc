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
  std::uint8_t d_minimum[2];  // f16, Q4_K
  std::uint8_t scale[2];      // Q4_K: scale, minimum; Q6_K: the scales of both halves
};

void source_q8_0(const std::uint8_t* block, SourceBlock& out) {
  std::memcpy(out.d, block, 2);
  for (int i = 0; i < 32; ++i) out.integer[i] = block[2 + i] ^ 0x80;
}

void source_q4_0(const std::uint8_t* block, SourceBlock& out) {
  std::memcpy(out.d, block, 2);
  for (int i = 0; i < 16; ++i) {
    out.integer[i] = block[2 + i] & 15;
    out.integer[i + 16] = block[2 + i] >> 4;
  }
}

// {f16 d, dmin; u8 scales[12]; u8 q[128]}; the eight 6-bit scales and minimums share 12 bytes.
void source_q4_k(const std::uint8_t* super, std::int64_t sub, SourceBlock& out) {
  std::memcpy(out.d, super, 2);
  std::memcpy(out.d_minimum, super + 2, 2);
  const std::uint8_t* packed = super + 4;
  if (sub < 4) {
    out.scale[0] = packed[sub] & 63;
    out.scale[1] = packed[sub + 4] & 63;
  } else {
    out.scale[0] = static_cast<std::uint8_t>((packed[sub + 4] & 15) | (packed[sub - 4] >> 6) << 4);
    out.scale[1] = static_cast<std::uint8_t>(packed[sub + 4] >> 4 | (packed[sub] >> 6) << 4);
  }
  const std::uint8_t* q = super + 16 + sub / 2 * 32;
  const int shift = sub % 2 == 0 ? 0 : 4;
  for (int i = 0; i < 32; ++i) out.integer[i] = (q[i] >> shift) & 15;
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

void read_source(WeightType type, const std::uint8_t* row, std::int64_t column, SourceBlock& out) {
  const TypeTraits traits = type_traits(type);
  const std::uint8_t* block = row + column / traits.block_elements * traits.block_bytes;
  const std::int64_t sub = column % traits.block_elements / kQuantBlock;
  switch (type) {
    case WeightType::kQ8_0:
      return source_q8_0(block, out);
    case WeightType::kQ4_0:
      return source_q4_0(block, out);
    case WeightType::kQ4_K:
      return source_q4_k(block, sub, out);
    default:
      return source_q6_k(block, sub, out);
  }
}

void write_scales(WeightType type, const SourceBlock& source, std::int64_t block, std::int64_t row,
                  std::uint8_t* header) {
  switch (type) {
    case WeightType::kQ4_K:
      std::memcpy(header + 2 * row, source.d, 2);
      std::memcpy(header + 32 + 2 * row, source.d_minimum, 2);
      header[64 + 32 * block + row] = source.scale[0];
      header[64 + 32 * block + 16 + row] = source.scale[1];
      return;
    case WeightType::kQ6_K:
      std::memcpy(header + 2 * row, source.d, 2);
      header[32 + 32 * block + row] = source.scale[0];
      header[32 + 32 * block + 16 + row] = source.scale[1];
      return;
    default:
      std::memcpy(header + 32 * block + 2 * row, source.d, 2);
  }
}

// dst points at the row's first byte of the block's first quad.
void write_integers(WeightType type, const std::uint8_t* integer, std::uint8_t* dst) {
  if (type == WeightType::kQ8_0) {
    for (int quad = 0; quad < 8; ++quad) std::memcpy(dst + 64 * quad, integer + 4 * quad, 4);
    return;
  }
  std::uint8_t bytes[16];
  for (int i = 0; i < 16; ++i) {
    bytes[i] = static_cast<std::uint8_t>((integer[i] & 15) | (integer[i + 16] & 15) << 4);
  }
  for (int quad = 0; quad < 4; ++quad) std::memcpy(dst + 64 * quad, bytes + 4 * quad, 4);
  if (type != WeightType::kQ6_K) return;
  for (int half = 0; half < 2; ++half) {
    const std::uint8_t* v = integer + 16 * half;
    for (int i = 0; i < 4; ++i) {
      dst[64 * (4 + half) + i] = static_cast<std::uint8_t>(
          v[i] >> 4 | (v[4 + i] >> 4) << 2 | (v[8 + i] >> 4) << 4 | (v[12 + i] >> 4) << 6);
    }
  }
}

void pack_quantised_row(WeightType type, const std::uint8_t* source_row, std::int64_t col_begin,
                        std::int64_t cols, std::int64_t row, std::uint8_t* group) {
  SourceBlock source;
  std::uint8_t* chunk = group;
  for (std::int64_t col = 0; col < cols;) {
    const std::int64_t blocks = chunk_blocks(col_begin, cols, col);
    std::uint8_t* integers = chunk + chunk_header_bytes(type, blocks);
    for (std::int64_t block = 0; block < blocks; ++block, col += kQuantBlock) {
      read_source(type, source_row, col_begin + col, source);
      write_scales(type, source, block, row, chunk);
      write_integers(type, source.integer, integers + 4 * row);
      integers += packed_block_bytes(type);
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
  const TypeTraits traits = type_traits(type);
  if (traits.quantised) {
    pack_quantised_row(type, source_row, col_begin, cols, row, group);
  } else if (traits.block_bytes == 4) {
    pack_float_row<4>(source_row + 4 * col_begin, cols, row, group);
  } else {
    pack_float_row<2>(source_row + 2 * col_begin, cols, row, group);
  }
}

std::uint16_t load_u16(const std::uint8_t* p) {
  std::uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

float load_half(const std::uint8_t* p) { return float_from_half(load_u16(p)); }

void read_scales(WeightType type, const std::uint8_t* header, std::int64_t block, std::int64_t row,
                 PackedBlock& out) {
  out.minimum[row] = 0;
  out.half_scale[0][row] = 1;
  out.half_scale[1][row] = 1;
  switch (type) {
    case WeightType::kQ4_K:
      out.scale[row] =
          load_half(header + 2 * row) * static_cast<float>(header[64 + 32 * block + row]);
      out.minimum[row] =
          load_half(header + 32 + 2 * row) * static_cast<float>(header[64 + 32 * block + 16 + row]);
      return;
    case WeightType::kQ6_K:
      out.scale[row] = load_half(header + 2 * row);
      out.half_scale[0][row] = static_cast<std::int8_t>(header[32 + 32 * block + row]);
      out.half_scale[1][row] = static_cast<std::int8_t>(header[32 + 32 * block + 16 + row]);
      return;
    default:
      out.scale[row] = load_half(header + 32 * block + 2 * row);
  }
}

void read_integers(WeightType type, const std::uint8_t* src, std::uint8_t* integer) {
  if (type == WeightType::kQ8_0) {
    for (int quad = 0; quad < 8; ++quad) std::memcpy(integer + 4 * quad, src + 64 * quad, 4);
    return;
  }
  for (int i = 0; i < 16; ++i) {
    const std::uint8_t byte = src[i / 4 * 64 + i % 4];
    integer[i] = byte & 15;
    integer[i + 16] = byte >> 4;
  }
  if (type != WeightType::kQ6_K) return;
  for (int i = 0; i < 32; ++i) {
    const int upper = src[64 * (4 + i / 16) + i % 4] >> (2 * (i / 4 % 4)) & 3;
    integer[i] = static_cast<std::uint8_t>(integer[i] | upper << 4);
  }
}

void unpack_quantised_row(const Matrix& w, const std::uint8_t* group, std::int64_t row,
                          float* out) {
  PackedBlock block;
  block.offset = integer_offset(w.type);
  const std::uint8_t* chunk = group;
  for (std::int64_t col = 0; col < w.cols;) {
    const std::int64_t blocks = chunk_blocks(w.first_col, w.cols, col);
    const std::uint8_t* integers = chunk + chunk_header_bytes(w.type, blocks);
    for (std::int64_t b = 0; b < blocks; ++b, integers += packed_block_bytes(w.type)) {
      read_scales(w.type, chunk, b, row, block);
      read_integers(w.type, integers + 4 * row, block.integer[row]);
      for (std::int64_t i = 0; i < kQuantBlock; ++i, ++col) {
        const float scale = block.scale[row] * static_cast<float>(block.half_scale[i / 16][row]);
        const auto value = static_cast<float>(block.integer[row][i] - block.offset);
        out[col] = scale * value - block.minimum[row];
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
  out.offset = integer_offset(type);
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
