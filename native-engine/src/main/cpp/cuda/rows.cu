#include "cuda/rows.cuh"

namespace sb::cuda {
namespace {

std::int64_t blocks_of(std::int64_t n, int threads) { return (n + threads - 1) / threads; }

void elements(Stream stream, const ElementArgs& args) {
  launch("each_element", stream, {.x = blocks_of(args.n, kRowThreads), .threads = kRowThreads},
         each_element, args);
}

void halves(Stream stream, const Operand& x, std::int64_t rows) {
  launch("prepare_halves", stream,
         {.x = rows,
          .threads = kHalfThreads,
          .shared_bytes = kHalfThreads / kWarpThreads * sizeof(unsigned)},
         prepare_halves, x);
}

}  // namespace

void prepare(Stream stream, const Operand& x, std::int64_t rows, Form form) {
  if (form == Form::kFloat) return;
  if (form == Form::kHalf) return halves(stream, x, rows);
  launch("prepare_columns", stream,
         {.x = blocks_of(x.k, kPrepareThreads), .y = rows, .threads = kPrepareThreads},
         prepare_columns, x, form);
}

void embed(Stream stream, const EmbedArgs& args) {
  launch("embed_rows", stream, {.x = args.rows, .threads = kEmbedThreads}, embed_rows, args);
}

void add_rows_of(Stream stream, const ops::Matrix& matrix, const std::int32_t* positions,
                 std::int64_t rows, std::int64_t dim, float* x) {
  const auto floats = static_cast<std::size_t>((dim + 31) / 32 * 32);
  launch("add_matrix_rows", stream,
         {.x = rows, .threads = kEmbedThreads, .shared_bytes = floats * sizeof(float)},
         add_matrix_rows, AddRowsArgs{matrix, positions, dim, x});
}

void add_to_rows(Stream stream, const float* y, std::int64_t rows, std::int64_t dim, float* x) {
  elements(stream, {Element::kAdd, x, y, 0, rows * dim, dim});
}

void normalise(Stream stream, const NormArgs& args) {
  launch("normalise_rows", stream,
         {.x = args.rows, .threads = kRowThreads, .shared_bytes = row_shared_bytes(args.n)},
         normalise_rows, args);
}

void gate(Stream stream, const GateArgs& args) {
  GateArgs first = args;
  // A token's power of two is known once all its columns are.
  if (args.form == Form::kHalf) first.form = Form::kFloat;
  launch("gate_columns", stream,
         {.x = blocks_of(args.out.k, kPrepareThreads), .y = args.rows, .threads = kPrepareThreads},
         gate_columns, first);
  if (args.form == Form::kHalf) halves(stream, args.out, args.rows);
}

void end_block(Stream stream, const EndBlockArgs& args) {
  if (args.norm_output == nullptr && args.norm_sum == nullptr && args.next_norm == nullptr) {
    return launch("end_plainly", stream,
                  {.x = blocks_of(args.dim, kRowThreads), .y = args.rows, .threads = kRowThreads},
                  end_plainly, args);
  }
  launch("end_with_norms", stream,
         {.x = args.rows, .threads = kRowThreads, .shared_bytes = row_shared_bytes(args.dim)},
         end_with_norms, args);
}

void mean_rows(Stream stream, const MeanArgs& args) {
  launch("add_up_rows", stream,
         {.x = blocks_of(args.dim, kRowThreads), .y = args.rows, .threads = kRowThreads},
         add_up_rows, args);
}

void gather_rows(Stream stream, const float* x, const std::int32_t* indices, std::int64_t rows,
                 std::int64_t dim, float* out) {
  launch("copy_rows", stream, {.x = rows, .threads = kRowThreads}, copy_rows, x, indices, dim, out);
}

void add(Stream stream, float* x, const float* y, std::int64_t n) {
  elements(stream, {Element::kAdd, x, y, 0, n, n});
}

void scale(Stream stream, float* x, float factor, std::int64_t n) {
  elements(stream, {Element::kScale, x, nullptr, factor, n, 1});
}

void softcap(Stream stream, float* x, float cap, std::int64_t n) {
  elements(stream, {Element::kSoftcap, x, nullptr, cap, n, 1});
}

void stamp(Stream stream, std::uint64_t* at) {
  launch("put_time", stream, {.threads = kWarpThreads}, put_time, at);
}

}  // namespace sb::cuda
