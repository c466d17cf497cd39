// What a product of float matrices takes, and how any matrix's outputs are written.
#pragma once

#include "cuda/device.h"
#include "cuda/one_lane.h"

namespace sb::cuda {

// The matrices of a launch, whose groups of 16 rows are numbered one behind the other.
struct Matrices {
  int n = 0;
  int groups = 0;
  float softcap = 0;  // of all
  MatmulOutput each[kMostMatrices];
  int first_group[kMostMatrices] = {};
};

// A group of a launch: which matrix it is in, and its number there.
struct GroupAt {
  int matrix;
  int group;
};
SB_DEVICE GroupAt group_at(const Matrices& matrices, int number) {
  int matrix = 0;
  while (matrix + 1 < matrices.n && number >= matrices.first_group[matrix + 1]) ++matrix;
  return {matrix, number - matrices.first_group[matrix]};
}

// Where what goes on behind a gate, the first of two matrices, is put.
struct GateOutput {
  Activation activation;
  Operand out;
  Form form;
};

struct FloatMatmul {
  Matrices matrices;
  const float* f32;
  const std::uint16_t* high;
  const std::uint16_t* low;
  const float* power;
  std::int64_t m;
  std::int64_t cols;
};

// Of one matrix.
struct OneFloatMatmul {
  MatmulOutput to;
  const std::uint16_t* high;
  const std::uint16_t* low;
  const float* power;
  std::int64_t m;
  std::int64_t cols;
  float softcap;
};

SB_DEVICE float finished(const MatmulOutput& to, float softcap, std::int64_t row, float y) {
  if (to.bias != nullptr) y += to.bias[row];
  if (softcap != 0) y = Formulas::capped(y, softcap);
  return y;
}

SB_DEVICE void put_output(const MatmulOutput& to, float softcap, std::int64_t token,
                          std::int64_t row, float y) {
  to.y[token * to.ldy + row] = finished(to, softcap, row, y);
}

}  // namespace sb::cuda
