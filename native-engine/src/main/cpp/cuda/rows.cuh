// What is done to rows of the residual stream, and to what goes into and comes out of matrices.
#pragma once

#include "cuda/device.h"
#include "cuda/one_lane.h"
#include "cuda/packed.cuh"
#include "cuda/prepare.cuh"

namespace sb::cuda {

// ---- embeddings ----

inline constexpr int kEmbedThreads = 64;

template <ops::WeightType kType>
SB_DEVICE void unpack_block(const ops::Matrix& w, std::int64_t row, int block, float* out) {
  const PackedGroup group = packed_group<kType>(w, row / ops::kRowGroup);
  const PackedPlace place = packed_place<kType>(group, block);
  const int r = static_cast<int>(row % ops::kRowGroup);
  const RowScale scales = row_scale<kType>(raw_scale<kType>(place, r));
  for (int i = 0; i < 32; ++i) {
    const std::uint32_t word = quad_word<kType>(LinesAt{place.integers, r}, i / 4) >> (8 * (i % 4));
    const int half = i / 16;
    const float scale = scales.scale * static_cast<float>(scales.half_scale[half]);
    const float minimum = scales.minimum * static_cast<float>(scales.half_minimum[half]);
    const int integer = static_cast<int>(word & 255u) - ops::format_of(kType).offset;
    out[i] = scale * static_cast<float>(integer) - minimum;
  }
}

SB_DEVICE void unpack_floats(const ops::Matrix& w, std::int64_t row, int block, float* out) {
  const std::uint8_t* group =
      w.data + static_cast<std::size_t>(row / ops::kRowGroup) * w.group_bytes;
  for (std::int64_t i = block * std::int64_t{32}; i < w.cols && i < block * 32 + 32; ++i) {
    const std::int64_t at = i * ops::kRowGroup + row % ops::kRowGroup;
    const auto* shorts = reinterpret_cast<const std::uint16_t*>(group);
    if (w.type == ops::WeightType::kF32) {
      out[i % 32] = reinterpret_cast<const float*>(group)[at];
    } else if (w.type == ops::WeightType::kF16) {
      out[i % 32] = float_of_half(shorts[at]);
    } else {
      out[i % 32] = float_of_bits(static_cast<std::uint32_t>(shorts[at]) << 16);
    }
  }
}

// 32 columns of a row, back to float; fewer at the end of a row of a float type.
SB_DEVICE void unpack(const ops::Matrix& w, std::int64_t row, int block, float* out) {
  using ops::WeightType;
  switch (w.type) {
    case WeightType::kQ4_0:
      return unpack_block<WeightType::kQ4_0>(w, row, block, out);
    case WeightType::kQ4_1:
      return unpack_block<WeightType::kQ4_1>(w, row, block, out);
    case WeightType::kQ5_0:
      return unpack_block<WeightType::kQ5_0>(w, row, block, out);
    case WeightType::kQ5_1:
      return unpack_block<WeightType::kQ5_1>(w, row, block, out);
    case WeightType::kQ8_0:
      return unpack_block<WeightType::kQ8_0>(w, row, block, out);
    case WeightType::kQ2_K:
      return unpack_block<WeightType::kQ2_K>(w, row, block, out);
    case WeightType::kQ3_K:
      return unpack_block<WeightType::kQ3_K>(w, row, block, out);
    case WeightType::kQ4_K:
      return unpack_block<WeightType::kQ4_K>(w, row, block, out);
    case WeightType::kQ5_K:
      return unpack_block<WeightType::kQ5_K>(w, row, block, out);
    case WeightType::kQ6_K:
      return unpack_block<WeightType::kQ6_K>(w, row, block, out);
    case WeightType::kIQ4_NL:
      return unpack_block<WeightType::kIQ4_NL>(w, row, block, out);
    default:
      return unpack_floats(w, row, block, out);
  }
}

SB_DEVICE const TableSlice& slice_of(const Table& table, std::int64_t id) {
  int slice = table.n_slices - 1;
  while (slice > 0 && id < table.slices[slice].row_begin) --slice;
  return table.slices[slice];
}

// Written to x straight away: 32 floats of a thread's own would be in its local memory.
SB_KERNEL(kEmbedThreads) embed_rows(EmbedArgs args) {
  await_launch_before();
  const std::int64_t token = block_x();
  std::int32_t id = args.tokens[token];
  if (id < 0) id = args.last_sampled[args.sequence_rows[token]];
  const TableSlice& slice = slice_of(args.table, id);
  for (int block = thread_id(); block * 32 < args.dim; block += kEmbedThreads) {
    float* x = args.x + token * args.dim + block * 32;
    unpack(slice.matrix, id - slice.row_begin, block, x);
    for (int i = 0; i < 32 && args.factor != 1 && block * 32 + i < args.dim; ++i) {
      x[i] *= args.factor;
    }
  }
}

struct AddRowsArgs {
  ops::Matrix matrix;
  const std::int32_t* positions;
  std::int64_t dim;
  float* x;
};

SB_KERNEL(kEmbedThreads) add_matrix_rows(AddRowsArgs args) {
  await_launch_before();
  const std::int64_t token = block_x();
  float* row = shared_at<float>(0);
  for (int block = thread_id(); block * 32 < args.dim; block += kEmbedThreads) {
    unpack(args.matrix, args.positions[token], block, row + block * 32);
  }
  block_barrier();
  for (std::int64_t i = thread_id(); i < args.dim; i += kEmbedThreads) {
    args.x[token * args.dim + i] += row[i];
  }
}

// ---- norms ----
// The row lies in shared memory, where all threads have put it. Sums over it are those of the CPU's
// vectors: 16 running sums, a lane of a half-warp each, and then a tree.

inline constexpr int kRowThreads = 256;
inline constexpr unsigned kHalfWarp = 0xffffu;

SB_DEVICE float square_root(float x) { return sqrtf(x); }

struct RowNorm {
  float mean = 0;
  float scale = 0;
};

constexpr std::int64_t pad_lanes(std::int64_t n) { return (n + 15) / 16 * 16; }

// By the first half-warp. Lanes that a last vector lacks count as zero.
SB_DEVICE RowNorm measure_row(const float* row, std::int64_t n, float epsilon, bool centred) {
  RowNorm norm;
  if (centred) {
    float total = 0;
    for (std::int64_t i = thread_id(); i < pad_lanes(n); i += 16) total += i < n ? row[i] : 0.0f;
    norm.mean = half_warp_sum(kHalfWarp, total) / static_cast<float>(n);
  }
  float squares = 0;
  for (std::int64_t i = thread_id(); i < n; i += 16) {
    const float difference = centred ? row[i] - norm.mean : row[i];
    squares = fma(difference, difference, squares);
  }
  const float variance = half_warp_sum(kHalfWarp, squares) / static_cast<float>(n);
  norm.scale = 1.0f / square_root(variance + epsilon);
  return norm;
}

// The row is complete in shared memory for all threads before, and the result known to all after.
SB_DEVICE RowNorm norm_of_row(const float* row, std::int64_t n, float epsilon, bool centred,
                              RowNorm* result) {
  block_barrier();
  if (thread_id() < 16) {
    const RowNorm norm = measure_row(row, n, epsilon, centred);
    if (thread_id() == 0) *result = norm;
  }
  block_barrier();
  return *result;
}

SB_DEVICE float normed(float x, const RowNorm& norm, const float* weight, const float* bias,
                       std::int64_t i) {
  if (bias == nullptr) return x * norm.scale * weight[i];
  return fma((x - norm.mean) * norm.scale, weight[i], bias[i]);
}

struct RowShared {
  float* row;
  RowNorm* norm;
  unsigned* of_warps;  // the largest value
};

constexpr std::size_t row_shared_bytes(std::int64_t n) {
  SharedCarver carver;
  static_cast<void>(carver.take<RowNorm>(1));
  static_cast<void>(carver.take<float>(static_cast<std::size_t>(n)));
  static_cast<void>(carver.take<unsigned>(kRowThreads / kWarpThreads));
  return carver.bytes();
}

SB_DEVICE RowShared row_shared(std::int64_t n) {
  SharedCarver carver;
  const std::size_t norm = carver.take<RowNorm>(1);
  const std::size_t row = carver.take<float>(static_cast<std::size_t>(n));
  const std::size_t of_warps = carver.take<unsigned>(kRowThreads / kWarpThreads);
  return {shared_at<float>(row), shared_at<RowNorm>(norm), shared_at<unsigned>(of_warps)};
}

// The row in shared memory, each thread's part written by itself, becomes an operand; out.k is its
// length.
SB_DEVICE void put_normed(const RowShared& shared, const float* weight, const float* bias,
                          float epsilon, const Operand& out, Form form, std::int64_t token) {
  RowNorm norm;
  if (weight != nullptr) {
    norm = norm_of_row(shared.row, out.k, epsilon, bias != nullptr, shared.norm);
  }
  // A warp stays together, and each thread reads what it wrote, here and for the halves.
  unsigned largest = 0;
  for (std::int64_t i = thread_id(); i / kWarpThreads * kWarpThreads < out.k; i += kRowThreads) {
    float value = i < out.k ? shared.row[i] : 0.0f;
    if (i < out.k && weight != nullptr) value = normed(value, norm, weight, bias, i);
    put_value(out, form, token, i, value);
    if (form != Form::kHalf) continue;
    if (i < out.k) shared.row[i] = value;
    largest = magnitude_bits(value) > largest ? magnitude_bits(value) : largest;
  }
  static_assert(kHalfThreads == kRowThreads);
  if (form == Form::kHalf) put_halves(out, token, shared.row, largest, shared.of_warps);
}

SB_KERNEL(kRowThreads) normalise_rows(NormArgs args) {
  await_launch_before();
  const std::int64_t token = block_x();
  const RowShared shared = row_shared(args.n);
  const float* x = args.x + token * args.n;
  for (std::int64_t i = thread_id(); i < args.n; i += kRowThreads) shared.row[i] = x[i];
  put_normed(shared, args.weight, args.bias, args.epsilon, args.out, args.form, token);
}

// ---- ends of blocks ----

SB_DEVICE void tell_begin(std::uint64_t* at) {
  if (at != nullptr && block_x() == 0 && block_y() == 0 && thread_id() == 0) *at = device_clock();
}

SB_KERNEL(kRowThreads) end_plainly(EndBlockArgs args) {
  await_launch_before();
  tell_begin(args.begun_at);
  const std::int64_t token = block_y();
  const std::int64_t i = std::int64_t{block_x()} * kRowThreads + thread_id();
  if (i >= args.dim) return;
  const std::int64_t from = args.kept == nullptr ? token : args.kept[token];
  float x = args.x_in[from * args.dim + i];
  for (int rank = 0; rank < args.ranks; ++rank) x += args.partials[rank][token * args.dim + i];
  args.x_out[token * args.dim + i] = x;
}

// With norms, of what is added, of the sum or for the next block. Without the first two the partial
// sums are added to the stream one by one, as above.
SB_KERNEL(kRowThreads) end_with_norms(EndBlockArgs args) {
  await_launch_before();
  const bool plain = args.norm_output == nullptr && args.norm_sum == nullptr;
  tell_begin(args.begun_at);
  const std::int64_t token = block_x();
  const std::int64_t from = args.kept == nullptr ? token : args.kept[token];
  const RowShared shared = row_shared(args.dim);
  const float* x = args.x_in + from * args.dim;
  float* out = args.x_out + token * args.dim;
  for (std::int64_t i = thread_id(); i < args.dim; i += kRowThreads) {
    float sum = args.partials[0][token * args.dim + i];
    if (plain) sum = x[i] + sum;
    for (int rank = 1; rank < args.ranks; ++rank) {
      sum += args.partials[rank][token * args.dim + i];
    }
    shared.row[i] = sum;
  }
  if (args.norm_output != nullptr) {
    const RowNorm norm = norm_of_row(shared.row, args.dim, args.epsilon, false, shared.norm);
    for (std::int64_t i = thread_id(); i < args.dim; i += kRowThreads) {
      shared.row[i] = normed(shared.row[i], norm, args.norm_output, nullptr, i);
    }
  }
  for (std::int64_t i = thread_id(); i < args.dim; i += kRowThreads) {
    if (!plain) shared.row[i] = x[i] + shared.row[i];
    if (args.norm_sum == nullptr) out[i] = shared.row[i];
  }
  if (args.norm_sum != nullptr) {
    const RowNorm norm = norm_of_row(shared.row, args.dim, args.epsilon, true, shared.norm);
    for (std::int64_t i = thread_id(); i < args.dim; i += kRowThreads) {
      shared.row[i] = normed(shared.row[i], norm, args.norm_sum, args.norm_sum_bias, i);
      out[i] = shared.row[i];
    }
  }
  if (args.next_norm == nullptr) return;
  put_normed(shared, args.next_norm, nullptr, args.epsilon, args.next, args.next_form, token);
}

// ---- element by element ----

SB_KERNEL(kPrepareThreads) gate_columns(GateArgs args) {
  await_launch_before();
  const std::int64_t token = block_y();
  const std::int64_t column = std::int64_t{block_x()} * kPrepareThreads + thread_id();
  const std::int64_t n = args.out.k;
  if (column / kWarpThreads * kWarpThreads >= n) return;
  float value = 0;
  if (column < n) {
    value = args.gate[token * n + column];
    value = args.activation == Activation::kGelu
                ? Formulas::erf_gelu(value)
                : gated(args.activation, value, args.up[token * n + column]);
  }
  put_value(args.out, args.form, token, column, value);
}

enum class Element : std::int32_t { kAdd, kScale, kSoftcap };

struct ElementArgs {
  Element element;
  float* x;
  const float* y;
  float factor;
  std::int64_t n;
  std::int64_t period;  // of y
};

SB_KERNEL(kRowThreads) each_element(ElementArgs args) {
  await_launch_before();
  const std::int64_t i = std::int64_t{block_x()} * kRowThreads + thread_id();
  if (i >= args.n) return;
  switch (args.element) {
    case Element::kAdd:
      args.x[i] += args.y[i % args.period];
      break;
    case Element::kScale:
      args.x[i] *= args.factor;
      break;
    case Element::kSoftcap:
      args.x[i] = Formulas::capped(args.x[i], args.factor);
      break;
  }
}

SB_KERNEL(kRowThreads)
copy_rows(const float* x, const std::int32_t* indices, std::int64_t dim, float* out) {
  await_launch_before();
  const std::int64_t row = block_x();
  for (std::int64_t i = thread_id(); i < dim; i += kRowThreads) {
    out[row * dim + i] = x[indices[row] * dim + i];
  }
}

SB_KERNEL(kRowThreads) add_up_rows(MeanArgs args) {
  await_launch_before();
  const std::int64_t row = block_y();
  const std::int64_t i = std::int64_t{block_x()} * kRowThreads + thread_id();
  if (i >= args.dim) return;
  const float* x = args.x + args.firsts[row] * args.dim + i;
  const std::int32_t count = args.counts[row];
  float sum = x[0];
  for (std::int32_t next = 1; next < count; ++next) sum += x[next * args.dim];
  args.out[row * args.dim + i] = sum * (1.0f / static_cast<float>(count));
}

SB_KERNEL(kWarpThreads) put_time(std::uint64_t* at) {
  await_launch_before();
  if (thread_id() == 0) *at = device_clock();
}

}  // namespace sb::cuda
