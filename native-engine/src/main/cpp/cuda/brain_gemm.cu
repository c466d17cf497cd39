#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cuda/brain_gemm.cuh"

namespace sb::cuda {
namespace {

TileSource weight_tiles(const ops::Matrix& w) {
  return {.data = w.data,
          .dims = 3,
          .size = {ops::kRowGroup, w.cols, w.groups()},
          .stride_bytes = {2, 2 * ops::kRowGroup, static_cast<std::int64_t>(w.group_bytes)},
          .box = {static_cast<int>(ops::kRowGroup), kGemmColumns, kGemmGroups},
          .swizzle_bytes = 32};
}

TileSource token_tiles(const std::uint16_t* numbers, std::int64_t rows, std::int64_t cols) {
  return {.data = numbers,
          .size = {pad16(cols), rows, 1},
          .stride_bytes = {2, 2 * pad16(cols)},
          .box = {kGemmColumns, kGemmTokens, 1},
          .swizzle_bytes = 128};
}

template <int kParts>
void multiply(Stream stream, const FloatMatmul& args) {
  TensorMap weights;
  TensorMap high;
  TensorMap low;
  const ops::Matrix& w = args.matrices.each[0].w;
  if (!make_tensor_map(weight_tiles(w), &weights) ||
      !make_tensor_map(token_tiles(args.high, args.m, args.cols), &high) ||
      !make_tensor_map(token_tiles(args.low, args.m, args.cols), &low)) {
    return;
  }
  launch("multiply_brains", stream,
         {.x = (w.groups() + kGemmGroups - 1) / kGemmGroups,
          .y = (args.m + kGemmTokens - 1) / kGemmTokens,
          .threads = kGemmThreads,
          .shared_bytes = gemm_shared_bytes<kParts>()},
         multiply_brains<kParts>, weights, high, low, args);
}

}  // namespace

bool brain_kernel_named(const char* name, BrainKernel* kernel) {
  if (name == nullptr || *name == 0 || std::strcmp(name, "mma") == 0) {
    *kernel = BrainKernel::kMma;
  } else if (std::strcmp(name, "mma-rounded") == 0) {
    *kernel = BrainKernel::kMmaRounded;
  } else if (std::strcmp(name, "wgmma") == 0) {
    *kernel = BrainKernel::kWgmma;
  } else if (std::strcmp(name, "wgmma-rounded") == 0) {
    *kernel = BrainKernel::kWgmmaRounded;
  } else {
    return false;
  }
  return true;
}

BrainKernel brain_kernel() {
  BrainKernel kernel = BrainKernel::kMma;
  static_cast<void>(brain_kernel_named(std::getenv(kBrainVariable), &kernel));
  return kernel;
}

bool check_brain_kernel(char* text, std::size_t text_bytes) {
  const char* name = std::getenv(kBrainVariable);
  BrainKernel kernel = BrainKernel::kMma;
  if (!brain_kernel_named(name, &kernel)) {
    std::snprintf(text, text_bytes, "%s is %s, not mma, mma-rounded, wgmma or wgmma-rounded",
                  kBrainVariable, name);
    return false;
  }
  const bool everywhere = kernel == BrainKernel::kMma || kernel == BrainKernel::kMmaRounded;
  if (everywhere || has_wgmma()) return true;
  std::snprintf(text, text_bytes, "%s is %s, which needs a device of compute capability 9.0",
                kBrainVariable, name);
  return false;
}

void matmul_brains(Stream stream, const MatmulArgs& args, BrainKernel kernel) {
  const Operand& x = args.x;
  FloatMatmul f{{}, x.f32, x.high, x.low, nullptr, args.rows, args.w.cols};
  f.matrices.n = 1;
  f.matrices.softcap = args.softcap;
  f.matrices.each[0] = {args.w, args.bias, args.y, args.ldy};
  if (args.rows == 0) return;
  if (kernel == BrainKernel::kWgmmaRounded) return multiply<1>(stream, f);
  multiply<2>(stream, f);
}

}  // namespace sb::cuda
