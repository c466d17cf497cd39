// Where things lie inside a packed group of 16 rows.
//
// Float types: [column][16 rows], 4 or 2 bytes each.
//
// Quantised types: chunks of up to 8 blocks of 32 columns. A chunk ends where the full matrix
// reaches a multiple of 256 columns, or where the slice ends. It holds, each part padded to 64
// bytes,
//
//   Q8_0  scales f16[blocks][16]
//   Q4_0  scales f16[blocks][16]
//   Q4_K  d f16[16], dmin f16[16]; {scale u8[16], minimum u8[16]}[blocks]
//   Q6_K  d f16[16], {scale of 16 columns i8[16], scale of the next 16 i8[16]}[blocks]
//
// and then per block the integers in quads: 16 rows x 4 neighbouring columns, 64 bytes, row-major.
//
//   Q8_0  8 quads of bytes, sign bit flipped
//   4-bit 4 x 64 bytes: the low nibbles are quads 0..3, the high nibbles quads 4..7
//   Q6_K  the low four bits like that, then 2 x 64 bytes with the upper two: quad q has bits
//         2 (q % 4) of the bytes of half q / 4
//
// This header is included by files compiled for different instruction sets, so everything in it
// has internal linkage: were a function shared, the linker could keep the copy that this CPU
// cannot run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/op.h"

namespace sb::ops {

static constexpr std::int64_t kChunkColumns = 256;
static constexpr std::size_t kCacheLine = 64;
static constexpr std::size_t kQuadBytes = 64;

static constexpr std::size_t pad_to_line(std::size_t bytes) {
  return (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
}

static constexpr std::size_t chunk_header_bytes(WeightType type, std::int64_t blocks) {
  const std::size_t per_block = 32 * static_cast<std::size_t>(blocks);
  switch (type) {
    case WeightType::kQ4_K:
      return 64 + pad_to_line(per_block);
    case WeightType::kQ6_K:
      return pad_to_line(32 + per_block);
    default:
      return pad_to_line(per_block);
  }
}

static constexpr std::size_t packed_block_bytes(WeightType type) {
  switch (type) {
    case WeightType::kQ8_0:
      return 8 * kQuadBytes;
    case WeightType::kQ6_K:
      return 6 * kQuadBytes;
    default:
      return 4 * kQuadBytes;
  }
}

// Blocks of the chunk that begins at column col of a slice.
static constexpr std::int64_t chunk_blocks(std::int64_t first_col, std::int64_t cols,
                                           std::int64_t col) {
  const std::int64_t to_boundary = kChunkColumns - (first_col + col) % kChunkColumns;
  const std::int64_t to_end = cols - col;
  return (to_boundary < to_end ? to_boundary : to_end) / kQuantBlock;
}

static constexpr std::size_t chunk_bytes(WeightType type, std::int64_t blocks) {
  return chunk_header_bytes(type, blocks) +
         static_cast<std::size_t>(blocks) * packed_block_bytes(type);
}

// What is subtracted from the stored integers to get the weights'.
static constexpr std::int32_t integer_offset(WeightType type) {
  switch (type) {
    case WeightType::kQ8_0:
      return 128;
    case WeightType::kQ4_0:
      return 8;
    case WeightType::kQ6_K:
      return 32;
    default:
      return 0;
  }
}

}  // namespace sb::ops
