// What a product of a float matrix takes, and how any matrix's outputs are written.
#pragma once

#include "cuda/device.h"
#include "cuda/one_lane.h"

namespace sb::cuda {

struct FloatMatmul {
  ops::Matrix w;
  const float* f32;
  const std::uint16_t* high;
  const std::uint16_t* low;
  const float* power;
  std::int64_t m;
  const float* bias;
  float* y;
  std::int64_t ldy;
  float softcap;
};

template <class Args>
SB_DEVICE void put_output(const Args& args, std::int64_t token, std::int64_t row, float y) {
  if (args.bias != nullptr) y += args.bias[row];
  if (args.softcap != 0) y = Formulas::capped(y, args.softcap);
  args.y[token * args.ldy + row] = y;
}

}  // namespace sb::cuda
