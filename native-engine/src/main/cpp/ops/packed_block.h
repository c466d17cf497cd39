// Plain reading of the packed form, for the reference kernels and for unpacking.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace sb::ops {

// 16 rows x 32 columns of a quantised matrix. A weight is
// scale[row] * half_scale[half][row] * (integer - offset) - minimum[row] * half_minimum[half][row].
struct PackedBlock {
  std::int32_t offset;
  std::int32_t integer[kRowGroup][kQuantBlock];
  float scale[kRowGroup];
  float minimum[kRowGroup];
  // 1 unless scales span 16 columns.
  std::int32_t half_scale[2][kRowGroup];
  std::int32_t half_minimum[2][kRowGroup];
};

// Reads block `block` of a chunk of `blocks` blocks that begins at chunk.
void read_block(WeightType type, const std::uint8_t* chunk, std::int64_t blocks, std::int64_t block,
                PackedBlock& out);

// One weight of a float type.
float read_float(WeightType type, const std::uint8_t* group, std::int64_t column, std::int64_t row);

}  // namespace sb::ops
