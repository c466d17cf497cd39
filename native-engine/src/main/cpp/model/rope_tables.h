// The frequencies by which positions rotate, the same for every stage and rank.
#pragma once

#include <vector>

#include "model/config.h"

namespace sb::model {

struct RopeTables {
  std::vector<float> all;      // rope_dim / 2
  std::vector<float> windows;  // of layers with a window; empty: as all

  [[nodiscard]] static RopeTables of(const Config& config, const Tensors& tensors);
};

}  // namespace sb::model
