// Reading ops::pack()'s form on the device: words of four neighbouring columns of a row, and a
// row's scales in a block. ops/layout.h says where they lie, ops/packed_block.h what they mean.
#pragma once

#include "base/annotate.h"
#include "cuda/device.h"
#include "ops/layout.h"

namespace sb::cuda {

// A group of 16 rows of a quantised matrix.
struct PackedGroup {
  const std::uint8_t* data;
  int first_blocks;  // of the first chunk
  int blocks;
};

template <ops::WeightType kType>
SB_DEVICE PackedGroup packed_group(const ops::Matrix& w, std::int64_t group) {
  return {w.data + static_cast<std::size_t>(group) * w.group_bytes,
          static_cast<int>(ops::chunk_blocks(w.first_col, w.cols, 0)),
          static_cast<int>(w.cols / ops::kQuantBlock)};
}

SB_DEVICE std::int64_t row_groups(const ops::Matrix& w) {
  return (w.rows + ops::kRowGroup - 1) / ops::kRowGroup;
}

struct PackedPlace {
  const std::uint8_t* header;  // the chunk's
  const std::uint8_t* integers;
  int block;  // in its chunk
};

template <ops::WeightType kType>
SB_DEVICE PackedPlace packed_place(const PackedGroup& group, int block) {
  constexpr int kWhole = ops::kChunkColumns / ops::kQuantBlock;
  const std::uint8_t* chunk = group.data;
  int begin = 0;
  int blocks = group.first_blocks;
  if (block >= group.first_blocks) {
    const int index = (block - group.first_blocks) / kWhole;
    begin = group.first_blocks + index * kWhole;
    blocks = group.blocks - begin < kWhole ? group.blocks - begin : kWhole;
    chunk += ops::chunk_bytes(kType, group.first_blocks) +
             static_cast<std::size_t>(index) * ops::chunk_bytes(kType, kWhole);
  }
  return {chunk,
          chunk + ops::chunk_header_bytes(kType, blocks) +
              static_cast<std::size_t>(block - begin) * ops::packed_block_bytes(kType),
          block - begin};
}

// The bytes of IQ4_NL's values from number "first" on.
constexpr std::uint32_t non_linear_word(int first) {
  std::uint32_t word = 0;
  for (int i = 0; i < 4; ++i) {
    word |= static_cast<std::uint32_t>(ops::kNonLinear[first + i]) << (8 * i);
  }
  return word;
}

// Four values for four nibbles, one in each byte: the selectors of three bits are moved together,
// and the fourth bit chooses between the halves of the table.
SB_DEVICE std::uint32_t look_up(std::uint32_t nibbles) {
  constexpr std::uint32_t kTable[4] = {non_linear_word(0), non_linear_word(4), non_linear_word(8),
                                       non_linear_word(12)};
  const std::uint32_t low = nibbles & 0x07070707u;
  const std::uint32_t pairs = low | low >> 4;
  const std::uint32_t selector = (pairs & 0xffu) | (pairs >> 8 & 0xff00u);
  const std::uint32_t upper = (nibbles >> 3 & 0x01010101u) * 0xffu;
  return (pick_bytes(kTable[0], kTable[1], selector) & ~upper) |
         (pick_bytes(kTable[2], kTable[3], selector) & upper);
}

// The integers of columns 4 quad ... 4 quad + 3 of a row, each in a byte. line(i) is the row's word
// of the block's line i.
template <ops::WeightType kType, class Line>
SB_DEVICE std::uint32_t quad_word(const Line& line, int quad) {
  constexpr ops::Format kFormat = ops::format_of(kType);
  constexpr int kUpper = kFormat.low_lines();
  std::uint32_t word;
  if constexpr (kFormat.low_bits == 8) {
    word = line(quad);
  } else if constexpr (kFormat.low_bits == 4) {
    word = line(quad % 4) >> (quad / 4 * 4) & 0x0f0f0f0fu;
  } else {
    word = line(quad / 4) >> (2 * (quad % 4)) & 0x03030303u;
  }
  if constexpr (kFormat.upper_bits == 1) {
    word |= (line(kUpper) >> quad & 0x01010101u) << kFormat.low_bits;
  } else if constexpr (kFormat.upper_bits == 2) {
    word |= (line(kUpper + quad / 4) >> (2 * (quad % 4)) & 0x03030303u) << kFormat.low_bits;
  }
  if constexpr (kFormat.looked_up) word = look_up(word);
  return word;
}

template <ops::WeightType kType>
inline constexpr int kLines = static_cast<int>(ops::packed_block_bytes(kType) / ops::kQuadBytes);

// Line i's word of a row, from memory.
struct LinesAt {
  const std::uint8_t* integers;
  int row;
  SB_HOST_DEVICE std::uint32_t operator()(int i) const {
    return reinterpret_cast<const std::uint32_t*>(integers +
                                                  static_cast<int>(ops::kQuadBytes) * i)[row];
  }
};

// As in ops::PackedBlock. What a format has none of is constant, and compiles to nothing.
struct RowScale {
  float scale = 0;
  float minimum = 0;
  int half_scale[2] = {1, 1};
  int half_minimum[2] = {1, 1};
};

// A row's scales as they lie: loading them and making use of them are apart, so that a kernel can
// have the next block's on their way.
struct RawScale {
  std::uint16_t scale = 0;
  std::uint16_t minimum = 0;
  std::uint8_t bytes[4] = {};  // 16 apart in the block's part of the header
};

template <ops::WeightType kType>
SB_DEVICE RawScale raw_scale(const PackedPlace& place, int row) {
  constexpr ops::Scaling kScaling = ops::format_of(kType).scaling;
  constexpr bool kOfBlock =
      kScaling == ops::Scaling::kBlock || kScaling == ops::Scaling::kBlockMinimum;
  constexpr int kBytes = kOfBlock ? 0 : kScaling == ops::Scaling::kHalvesMinimum ? 4 : 2;
  const std::uint8_t* part = place.header + ops::scale_prefix_bytes(kType) +
                             static_cast<std::size_t>(place.block) * ops::scale_block_bytes(kType);
  const auto* halves = reinterpret_cast<const std::uint16_t*>(kOfBlock ? part : place.header);
  RawScale raw;
  raw.scale = halves[row];
  if constexpr (ops::format_of(kType).has_minimum()) raw.minimum = halves[16 + row];
#pragma unroll
  for (int i = 0; i < kBytes; ++i) raw.bytes[i] = part[16 * i + row];
  return raw;
}

template <ops::WeightType kType>
SB_DEVICE RowScale row_scale(const RawScale& raw) {
  constexpr ops::Scaling kScaling = ops::format_of(kType).scaling;
  RowScale result;
  result.scale = float_of_half(raw.scale);
  if constexpr (ops::format_of(kType).has_minimum()) result.minimum = float_of_half(raw.minimum);
  if constexpr (kScaling == ops::Scaling::kSuper) {
    result.scale *= static_cast<float>(raw.bytes[0]);
    result.minimum *= static_cast<float>(raw.bytes[1]);
  } else if constexpr (kScaling == ops::Scaling::kHalves) {
    result.half_scale[0] = static_cast<std::int8_t>(raw.bytes[0]);
    result.half_scale[1] = static_cast<std::int8_t>(raw.bytes[1]);
  } else if constexpr (kScaling == ops::Scaling::kHalvesMinimum) {
    result.half_scale[0] = raw.bytes[0];
    result.half_scale[1] = raw.bytes[1];
    result.half_minimum[0] = raw.bytes[2];
    result.half_minimum[1] = raw.bytes[3];
  }
  return result;
}

// A block's share of an output is product * scale, and less minimum * scaled where the format has
// minimums: added in this order, each rounded once.
struct Share {
  float product = 0;
  float scale = 0;
  float minimum = 0;  // negative
  float scaled = 0;
};

// From the products of the stored integers with a token's activations, of both halves; formats
// whose scales span the block have all of it in the first.
template <ops::WeightType kType>
SB_DEVICE Share block_share(const RowScale& row, int first, int second, float scale,
                            const ops::BlockSum& sum) {
  constexpr ops::Format kFormat = ops::format_of(kType);
  Share share;
  if constexpr (kFormat.halves()) {
    share.product = static_cast<float>(
        row.half_scale[0] * (first - kFormat.offset * sum.first_half) +
        row.half_scale[1] * (second - kFormat.offset * (sum.all - sum.first_half)));
  } else {
    share.product = static_cast<float>(first + second - kFormat.offset * sum.all);
  }
  share.scale = row.scale * scale;
  if constexpr (kFormat.has_minimum()) {
    const int weighted =
        row.half_minimum[0] * sum.first_half + row.half_minimum[1] * (sum.all - sum.first_half);
    share.minimum = -row.minimum;
    share.scaled = scale * static_cast<float>(weighted);
  }
  return share;
}

template <ops::WeightType kType>
SB_DEVICE float add_share(const Share& share, float y) {
  y = fma(share.product, share.scale, y);
  if constexpr (ops::format_of(kType).has_minimum()) y = fma(share.minimum, share.scaled, y);
  return y;
}

}  // namespace sb::cuda
