// Where things lie inside a packed group of 16 rows.
//
// Float types: [column][16 rows], 4 or 2 bytes each.
//
// Quantised types: chunks of up to 8 blocks of 32 columns. A chunk ends where the full matrix
// reaches a multiple of 256 columns, or where the slice ends. It holds the scales (see Scaling),
// padded to 64 bytes, and then per block the integers in quads: 16 rows x 4 neighbouring columns,
// 64 bytes, row-major. A block has 8 quads. Of each integer the low bits come first, several quads
// in one line of 64 bytes where they are few, and then lines with the upper bits:
//
//   8 low bits    8 lines, a quad each
//   4 low bits    4 lines: quad q % 4 has the low nibbles of quads q < 4, else the high nibbles
//   2 low bits    2 lines: quad q has bits 2 (q % 4) of the bytes of line q / 4
//   2 upper bits  the same
//   1 upper bit   1 line: quad q has bit q
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

// How the integers of a block become weights, and what a chunk's header holds for that: 16 values,
// one per row, of each.
enum class Scaling : std::uint8_t {
  kBlock,          // d i                   {d f16} per block
  kBlockMinimum,   // d i - m               {d f16, m f16} per block
  kSuper,          // d s i - dm m          d f16, dm f16; {s u8, m u8} per block
  kHalves,         // d s i                 d f16; {s i8 of 16 columns, s of the next 16} per block
  kHalvesMinimum,  // d s i - dm m          d f16, dm f16; {s u8, s u8, m u8, m u8} per block
};

struct Format {
  int low_bits;
  int upper_bits;
  Scaling scaling;
  std::int32_t offset;  // subtracted from the stored integer to get i
  bool looked_up;       // the stored integer is an index of kNonLinear

  [[nodiscard]] constexpr bool halves() const {
    return scaling == Scaling::kHalves || scaling == Scaling::kHalvesMinimum;
  }
  [[nodiscard]] constexpr bool has_minimum() const {
    return scaling != Scaling::kBlock && scaling != Scaling::kHalves;
  }
  [[nodiscard]] constexpr int low_lines() const { return low_bits; }
};

static constexpr Format format_of(WeightType type) {
  switch (type) {
    case WeightType::kQ4_0:
      return {4, 0, Scaling::kBlock, 8, false};
    case WeightType::kQ4_1:
      return {4, 0, Scaling::kBlockMinimum, 0, false};
    case WeightType::kQ5_0:
      return {4, 1, Scaling::kBlock, 16, false};
    case WeightType::kQ5_1:
      return {4, 1, Scaling::kBlockMinimum, 0, false};
    case WeightType::kQ2_K:
      return {2, 0, Scaling::kHalvesMinimum, 0, false};
    case WeightType::kQ3_K:
      return {2, 1, Scaling::kHalves, 4, false};
    case WeightType::kQ4_K:
      return {4, 0, Scaling::kSuper, 0, false};
    case WeightType::kQ5_K:
      return {4, 1, Scaling::kSuper, 0, false};
    case WeightType::kQ6_K:
      return {4, 2, Scaling::kHalves, 32, false};
    case WeightType::kIQ4_NL:
      return {4, 0, Scaling::kBlock, 128, true};
    default:
      return {8, 0, Scaling::kBlock, 128, false};
  }
}

// The 16 values of IQ4_NL, with the offset added.
static constexpr std::uint8_t kNonLinear[16] = {1,   24,  45,  63,  79,  93,  106, 118,
                                                129, 141, 153, 166, 181, 197, 217, 241};

// Of the header: what stands before the blocks' parts, and one block's part.
static constexpr std::size_t scale_prefix_bytes(WeightType type) {
  switch (format_of(type).scaling) {
    case Scaling::kSuper:
    case Scaling::kHalvesMinimum:
      return 64;
    case Scaling::kHalves:
      return 32;
    default:
      return 0;
  }
}

static constexpr std::size_t scale_block_bytes(WeightType type) {
  switch (format_of(type).scaling) {
    case Scaling::kBlockMinimum:
    case Scaling::kHalvesMinimum:
      return 64;
    default:
      return 32;
  }
}

static constexpr std::size_t chunk_header_bytes(WeightType type, std::int64_t blocks) {
  return pad_to_line(scale_prefix_bytes(type) +
                     scale_block_bytes(type) * static_cast<std::size_t>(blocks));
}

static constexpr std::size_t packed_block_bytes(WeightType type) {
  const Format format = format_of(type);
  return static_cast<std::size_t>(format.low_lines() + format.upper_bits) * kQuadBytes;
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

}  // namespace sb::ops
