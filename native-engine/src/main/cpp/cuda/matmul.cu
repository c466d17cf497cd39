#include "cuda/matmul_float.cuh"
#include "cuda/matmul_quantised.cuh"

namespace sb::cuda {
namespace {

template <ops::WeightType kType, int kTokens>
void vectors(Stream stream, const QuantisedMatmul& args, std::int64_t groups) {
  launch("multiply_vectors", stream,
         {.x = groups,
          .threads = kVectorThreads,
          .shared_bytes = vector_shared_bytes<kType, kTokens>()},
         multiply_vectors<kType, kTokens>, args);
}

template <ops::WeightType kType>
void quantised(Stream stream, const QuantisedMatmul& args) {
  const std::int64_t groups = args.w.groups();
  if (args.m == 1) return vectors<kType, 1>(stream, args, groups);
  if (args.m <= 4) return vectors<kType, 4>(stream, args, groups);
  if (args.m <= kMostVectors) return vectors<kType, kMostVectors>(stream, args, groups);
  launch("multiply_tiles", stream,
         {.x = (groups + kTileWarps - 1) / kTileWarps,
          .y = (args.m + kTileTokens - 1) / kTileTokens,
          .threads = kTileThreads,
          .shared_bytes = tile_shared_bytes()},
         multiply_tiles<kType>, args);
}

template <ops::WeightType kType, int kTiles>
void tiles(Stream stream, const FloatMatmul& args) {
  launch("multiply_short_floats", stream,
         {.x = args.w.groups(),
          .y = (args.m + kTiles * 8 - 1) / (kTiles * 8),
          .threads = kShortThreads,
          .shared_bytes = short_shared_bytes<kTiles>()},
         multiply_short_floats<kType, kTiles>, args);
}

template <ops::WeightType kType>
void short_floats(Stream stream, const FloatMatmul& args) {
  if (args.m <= 8) return tiles<kType, 1>(stream, args);
  return tiles<kType, 4>(stream, args);
}

void floats(Stream stream, const FloatMatmul& args) {
  constexpr int kTokens = kOrderedThreads / static_cast<int>(ops::kRowGroup);
  launch("multiply_floats", stream,
         {.x = args.w.groups(), .y = (args.m + kTokens - 1) / kTokens, .threads = kOrderedThreads},
         multiply_floats, args);
}

}  // namespace

Form form_for(ops::WeightType type) {
  switch (type) {
    case ops::WeightType::kF32:
      return Form::kFloat;
    case ops::WeightType::kF16:
      return Form::kHalf;
    case ops::WeightType::kBF16:
      return Form::kBrain;
    default:
      return Form::kQuantised;
  }
}

void matmul(Stream stream, const MatmulArgs& args) {
  using ops::WeightType;
  const Operand& x = args.x;
  const QuantisedMatmul q{args.w,    x.q,    x.scale,  x.sum,       args.rows,
                          args.bias, args.y, args.ldy, args.softcap};
  const bool half = args.w.type == WeightType::kF16;
  const FloatMatmul f{args.w,    x.f32,     x.high, x.low,    half ? x.power : nullptr,
                      args.rows, args.bias, args.y, args.ldy, args.softcap};
  if (args.rows == 0) return;
  switch (args.w.type) {
    case WeightType::kF32:
      return floats(stream, f);
    case WeightType::kF16:
      return short_floats<WeightType::kF16>(stream, f);
    case WeightType::kBF16:
      if (const BrainKernel kernel = brain_kernel(); kernel != BrainKernel::kMma) {
        return matmul_brains(stream, args, kernel);
      }
      return short_floats<WeightType::kBF16>(stream, f);
    case WeightType::kQ4_0:
      return quantised<WeightType::kQ4_0>(stream, q);
    case WeightType::kQ4_1:
      return quantised<WeightType::kQ4_1>(stream, q);
    case WeightType::kQ5_0:
      return quantised<WeightType::kQ5_0>(stream, q);
    case WeightType::kQ5_1:
      return quantised<WeightType::kQ5_1>(stream, q);
    case WeightType::kQ8_0:
      return quantised<WeightType::kQ8_0>(stream, q);
    case WeightType::kQ2_K:
      return quantised<WeightType::kQ2_K>(stream, q);
    case WeightType::kQ3_K:
      return quantised<WeightType::kQ3_K>(stream, q);
    case WeightType::kQ4_K:
      return quantised<WeightType::kQ4_K>(stream, q);
    case WeightType::kQ5_K:
      return quantised<WeightType::kQ5_K>(stream, q);
    case WeightType::kQ6_K:
      return quantised<WeightType::kQ6_K>(stream, q);
    case WeightType::kIQ4_NL:
      return quantised<WeightType::kIQ4_NL>(stream, q);
  }
}

}  // namespace sb::cuda
