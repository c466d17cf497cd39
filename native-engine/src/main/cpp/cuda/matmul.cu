#include "cuda/matmul_blocks.cuh"
#include "cuda/matmul_float.cuh"
#include "cuda/matmul_quantised.cuh"

namespace sb::cuda {
namespace {

Matrices matrices_of(const MatmulOutput* each, int n, float softcap) {
  Matrices all;
  all.n = n;
  all.softcap = softcap;
  for (int i = 0; i < n; ++i) {
    all.first_group[i] = all.groups;
    all.each[i] = each[i];
    all.groups += static_cast<int>(each[i].w.groups());
  }
  return all;
}

template <ops::WeightType kType, int kTokens>
void vectors(Stream stream, const QuantisedMatmul& args) {
  launch("multiply_vectors", stream,
         {.x = args.matrices.groups,
          .threads = kVectorThreads,
          .shared_bytes = vector_shared_bytes<kType, kTokens>()},
         multiply_vectors<kType, kTokens>, args);
}

// One matrix each.
template <ops::WeightType kType>
void tiles(Stream stream, const QuantisedMatmul& args) {
  for (int i = 0; i < args.matrices.n; ++i) {
    QuantisedMatmul one = args;
    one.matrices = matrices_of(&args.matrices.each[i], 1, args.matrices.softcap);
    launch("multiply_tiles", stream,
           {.x = (one.matrices.groups + kTileWarps - 1) / kTileWarps,
            .y = (args.m + kTileTokens - 1) / kTileTokens,
            .threads = kTileThreads,
            .shared_bytes = tile_shared_bytes()},
           multiply_tiles<kType>, one);
  }
}

template <ops::WeightType kType>
void quantised(Stream stream, const QuantisedMatmul& args) {
  if (args.m == 1) return vectors<kType, 1>(stream, args);
  if (args.m <= 4) return vectors<kType, 4>(stream, args);
  if (args.m <= kMostVectors) return vectors<kType, kMostVectors>(stream, args);
  tiles<kType>(stream, args);
}

template <int kParts>
Grid block_grid(const OneFloatMatmul& one) {
  return {.x = (one.to.w.groups() + kBlockGroups - 1) / kBlockGroups,
          .y = (one.m + kBlockTokens - 1) / kBlockTokens,
          .threads = kBlockThreads,
          .shared_bytes = block_shared_bytes<kParts>()};
}

template <ops::WeightType kType, int kParts>
void blocks(Stream stream, const OneFloatMatmul& one) {
  launch("multiply_blocks", stream, block_grid<kParts>(one), multiply_blocks<kType, kParts>, one);
}

// Fewer blocks of threads would leave most of a large device idle, which smaller ones do not.
constexpr std::int64_t kFewestBlocks = 64;

bool is_worth(const Grid& blocks) {
  return blocks.x * blocks.y >= kFewestBlocks && most_shared_bytes() >= blocks.shared_bytes;
}

OneFloatMatmul one_of(const FloatMatmul& args, int matrix) {
  return {args.matrices.each[matrix], args.high, args.low, args.power, args.m, args.cols,
          args.matrices.softcap};
}

// One matrix each.
template <ops::WeightType kType, int kParts>
void short_tiles(Stream stream, const FloatMatmul& args) {
  for (int i = 0; i < args.matrices.n; ++i) {
    const OneFloatMatmul one = one_of(args, i);
    if (is_worth(block_grid<kParts>(one))) {
      blocks<kType, kParts>(stream, one);
      continue;
    }
    launch("multiply_short_tiles", stream,
           {.x = one.to.w.groups(),
            .y = (args.m + kShortTiles * 8 - 1) / (kShortTiles * 8),
            .threads = kShortThreads,
            .shared_bytes = short_shared_bytes<kShortTiles>()},
           multiply_short_tiles<kType, kParts>, one);
  }
}

template <ops::WeightType kType, int kParts>
void short_floats(Stream stream, const FloatMatmul& args) {
  if (args.m > kMostVectors) return short_tiles<kType, kParts>(stream, args);
  launch("multiply_short_floats", stream,
         {.x = args.matrices.groups,
          .threads = kShortThreads,
          .shared_bytes = short_shared_bytes<1>()},
         multiply_short_floats<kType, kParts>, args);
}

template <ops::WeightType kType, int kParts>
void gated_shorts(Stream stream, const FloatMatmul& args, const GateOutput& to) {
  launch("multiply_gated_shorts", stream,
         {.x = args.matrices.each[0].w.groups(),
          .threads = kGatedShortThreads,
          .shared_bytes = 2 * short_shared_bytes<1>()},
         multiply_gated_shorts<kType, kParts>, args, to);
}

// Calls work with the type, BF16 or F16, and how many numbers of an activation count.
template <class Work>
void with_short_type(ops::WeightType type, const Work& work) {
  using ops::WeightType;
  if (type == WeightType::kF16) return work.template operator()<WeightType::kF16, 2>();
  if (brain_kernel() == BrainKernel::kMmaRounded) {
    return work.template operator()<WeightType::kBF16, 1>();
  }
  work.template operator()<WeightType::kBF16, 2>();
}

bool is_short(ops::WeightType type) {
  return type == ops::WeightType::kF16 || type == ops::WeightType::kBF16;
}

bool by_wgmma(ops::WeightType type) {
  if (type != ops::WeightType::kBF16) return false;
  const BrainKernel kernel = brain_kernel();
  return kernel == BrainKernel::kWgmma || kernel == BrainKernel::kWgmmaRounded;
}

void floats(Stream stream, const FloatMatmul& args) {
  constexpr int kTokens = kOrderedThreads / static_cast<int>(ops::kRowGroup);
  launch("multiply_floats", stream,
         {.x = args.matrices.groups,
          .y = (args.m + kTokens - 1) / kTokens,
          .threads = kOrderedThreads},
         multiply_floats, args);
}

// Calls work with the type as a constant; a quantised one.
template <class Work>
void with_type(ops::WeightType type, const Work& work) {
  using ops::WeightType;
  switch (type) {
    case WeightType::kQ4_0:
      return work.template operator()<WeightType::kQ4_0>();
    case WeightType::kQ4_1:
      return work.template operator()<WeightType::kQ4_1>();
    case WeightType::kQ5_0:
      return work.template operator()<WeightType::kQ5_0>();
    case WeightType::kQ5_1:
      return work.template operator()<WeightType::kQ5_1>();
    case WeightType::kQ8_0:
      return work.template operator()<WeightType::kQ8_0>();
    case WeightType::kQ2_K:
      return work.template operator()<WeightType::kQ2_K>();
    case WeightType::kQ3_K:
      return work.template operator()<WeightType::kQ3_K>();
    case WeightType::kQ4_K:
      return work.template operator()<WeightType::kQ4_K>();
    case WeightType::kQ5_K:
      return work.template operator()<WeightType::kQ5_K>();
    case WeightType::kQ6_K:
      return work.template operator()<WeightType::kQ6_K>();
    case WeightType::kIQ4_NL:
      return work.template operator()<WeightType::kIQ4_NL>();
    default:
      return;
  }
}

FloatMatmul float_matmul(const Operand& x, std::int64_t rows, const Matrices& matrices) {
  const ops::Matrix& w = matrices.each[0].w;
  const float* power = w.type == ops::WeightType::kF16 ? x.power : nullptr;
  return {matrices, x.f32, x.high, x.low, power, rows, w.cols};
}

QuantisedMatmul quantised_matmul(const Operand& x, std::int64_t rows, const Matrices& matrices) {
  return {matrices, x.q, x.scale, x.sum, rows};
}

// All of one type.
void multiply(Stream stream, const Operand& x, std::int64_t rows, const Matrices& matrices) {
  using ops::WeightType;
  const WeightType type = matrices.each[0].w.type;
  const FloatMatmul f = float_matmul(x, rows, matrices);
  if (rows == 0) return;
  if (type == WeightType::kF32) return floats(stream, f);
  if (is_short(type)) {
    return with_short_type(
        type, [&]<WeightType kType, int kParts>() { short_floats<kType, kParts>(stream, f); });
  }
  const QuantisedMatmul q = quantised_matmul(x, rows, matrices);
  with_type(type, [&]<WeightType kType>() { quantised<kType>(stream, q); });
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
  if (by_wgmma(args.w.type)) return matmul_brains(stream, args, brain_kernel());
  const MatmulOutput one{args.w, args.bias, args.y, args.ldy};
  multiply(stream, args.x, args.rows, matrices_of(&one, 1, args.softcap));
}

void matmul_blocks(Stream stream, const MatmulArgs& args) {
  const MatmulOutput one{args.w, args.bias, args.y, args.ldy};
  const FloatMatmul f = float_matmul(args.x, args.rows, matrices_of(&one, 1, args.softcap));
  if (args.rows == 0) return;
  with_short_type(args.w.type, [&]<ops::WeightType kType, int kParts>() {
    blocks<kType, kParts>(stream, one_of(f, 0));
  });
}

void matmul_jointly(Stream stream, const JointMatmulArgs& args) {
  if (by_wgmma(args.matrices[0].w.type)) {
    for (int i = 0; i < args.n; ++i) {
      const MatmulOutput& one = args.matrices[i];
      matmul(stream, {one.w, args.x, args.rows, one.bias, one.y, one.ldy, 0});
    }
    return;
  }
  multiply(stream, args.x, args.rows, matrices_of(args.matrices, args.n, 0));
}

void matmul_gated(Stream stream, const GatedMatmulArgs& args) {
  const ops::WeightType type = args.gate.w.type;
  const MatmulOutput both[] = {args.gate, args.up};
  const Matrices matrices = matrices_of(both, 2, 0);
  const GateOutput to{args.activation, args.out, args.form};
  if (args.rows == 1 && form_for(type) == Form::kQuantised && args.form != Form::kHalf) {
    const QuantisedMatmul q = quantised_matmul(args.x, args.rows, matrices);
    return with_type(type, [&]<ops::WeightType kType>() {
      launch("multiply_gated", stream,
             {.x = (args.out.k + kWarpThreads - 1) / kWarpThreads,
              .threads = kGateThreads,
              .shared_bytes = gated_shared_bytes<kType>()},
             multiply_gated<kType>, q, to);
    });
  }
  const bool by_column = args.form == Form::kFloat || args.form == Form::kBrain;
  if (args.rows > 0 && args.rows <= kMostVectors && by_column && is_short(type) &&
      !by_wgmma(type)) {
    const FloatMatmul f = float_matmul(args.x, args.rows, matrices);
    return with_short_type(type, [&]<ops::WeightType kType, int kParts>() {
      gated_shorts<kType, kParts>(stream, f, to);
    });
  }
  matmul_jointly(stream, {args.x, args.rows, 2, {args.gate, args.up}});
  gate(stream, {args.activation, args.gate.y, args.up.y, args.rows, args.out, args.form});
}

}  // namespace sb::cuda
