// The kernel tables of the variants; kernels() chooses among them.
#pragma once

#include "ops/op.h"

namespace sb::ops {

extern const Kernels kReferenceKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;

}  // namespace sb::ops
