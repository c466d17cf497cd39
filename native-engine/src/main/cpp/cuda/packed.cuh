// Reading ops::pack()'s form on the device: words of four neighbouring columns of a row, and a
// row's scales in a block. ops/layout.h says where they lie, ops/packed_block.h what they mean.
#pragma once

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

SB_DEVICE std::uint32_t line_word(const std::uint8_t* line, int row) {
  return reinterpret_cast<const std::uint32_t*>(line)[row];
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

// The integers of columns 4 quad ... 4 quad + 3, each in a byte.
template <ops::WeightType kType>
SB_DEVICE std::uint32_t quad_word(const std::uint8_t* integers, int row, int quad) {
  constexpr ops::Format kFormat = ops::format_of(kType);
  constexpr int kLine = static_cast<int>(ops::kQuadBytes);
  std::uint32_t word;
  if constexpr (kFormat.low_bits == 8) {
    word = line_word(integers + kLine * quad, row);
  } else if constexpr (kFormat.low_bits == 4) {
    word = line_word(integers + kLine * (quad % 4), row) >> (quad / 4 * 4) & 0x0f0f0f0fu;
  } else {
    word = line_word(integers + kLine * (quad / 4), row) >> (2 * (quad % 4)) & 0x03030303u;
  }
  const std::uint8_t* upper = integers + kLine * kFormat.low_lines();
  if constexpr (kFormat.upper_bits == 1) {
    word |= (line_word(upper, row) >> quad & 0x01010101u) << kFormat.low_bits;
  } else if constexpr (kFormat.upper_bits == 2) {
    word |= (line_word(upper + kLine * (quad / 4), row) >> (2 * (quad % 4)) & 0x03030303u)
            << kFormat.low_bits;
  }
  if constexpr (kFormat.looked_up) word = look_up(word);
  return word;
}

// As in ops::PackedBlock. What a format has none of is constant, and compiles to nothing.
struct RowScale {
  float scale = 0;
  float minimum = 0;
  int half_scale[2] = {1, 1};
  int half_minimum[2] = {1, 1};
};

SB_DEVICE float half_at(const std::uint8_t* halves, int row) {
  return float_of_half(reinterpret_cast<const std::uint16_t*>(halves)[row]);
}

template <ops::WeightType kType>
SB_DEVICE RowScale row_scale(const PackedPlace& place, int row) {
  constexpr ops::Scaling kScaling = ops::format_of(kType).scaling;
  const std::uint8_t* part = place.header + ops::scale_prefix_bytes(kType) +
                             static_cast<std::size_t>(place.block) * ops::scale_block_bytes(kType);
  RowScale result;
  if constexpr (kScaling == ops::Scaling::kBlock || kScaling == ops::Scaling::kBlockMinimum) {
    result.scale = half_at(part, row);
    if constexpr (kScaling == ops::Scaling::kBlockMinimum) result.minimum = half_at(part + 32, row);
    return result;
  }
  result.scale = half_at(place.header, row);
  if constexpr (kScaling != ops::Scaling::kHalves) result.minimum = half_at(place.header + 32, row);
  if constexpr (kScaling == ops::Scaling::kSuper) {
    result.scale *= static_cast<float>(part[row]);
    result.minimum *= static_cast<float>(part[16 + row]);
  } else if constexpr (kScaling == ops::Scaling::kHalves) {
    result.half_scale[0] = static_cast<std::int8_t>(part[row]);
    result.half_scale[1] = static_cast<std::int8_t>(part[16 + row]);
  } else if constexpr (kScaling == ops::Scaling::kHalvesMinimum) {
    result.half_scale[0] = part[row];
    result.half_scale[1] = part[16 + row];
    result.half_minimum[0] = part[32 + row];
    result.half_minimum[1] = part[48 + row];
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
