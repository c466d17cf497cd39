// The operations a transformer step is made of, as one table of functions per instruction set.
//
// Layout. A weight matrix is repacked once, at load, into groups of 16 output rows: at each step
// along the columns the 16 rows lie side by side, so one 512-bit register (or two 256-bit ones)
// holds 16 running sums and no horizontal reduction is ever needed. Quantised weights are stored as
// unsigned integers (signed ones with an offset added) and multiplied with signed 8-bit
// activations, which is what vpdpbusd and vpmaddubsw want; the offset is taken back with the
// activations' sums. Activations are quantised per 32 columns with a float scale.
//
// Determinism. An output element is computed by one thread, in one order along the columns that
// depends neither on the number of tokens in the call nor on the instruction set: integer sums are
// exact, and every float is accumulated per 32-column block with fused multiply-add in column
// order. So all variants, the reference included, agree bit for bit on quantised weights, and batch
// size, chunking and neighbours never change a token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace sb::ops {

enum class Isa : std::int32_t { kReference = 1, kAvx2 = 2, kAvx512 = 3 };

// Numbered as in GGUF.
enum class WeightType : std::int32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kBF16 = 30
};

inline constexpr std::int64_t kRowGroup = 16;    // output rows that are interleaved
inline constexpr std::int64_t kQuantBlock = 32;  // columns that share an activation scale

struct TypeTraits {
  std::int64_t block_elements;
  std::int64_t block_bytes;
  bool quantised;
};
// Block shape of a type as stored in GGUF.
[[nodiscard]] TypeTraits type_traits(WeightType type);

// A slice of a weight matrix in packed form. rows is padded up to kRowGroup; padded rows are zero.
// cols and first_col are multiples of kQuantBlock for quantised types; first_col is the slice's
// first column in the full matrix, which matters because chunks end at multiples of 256 columns of
// the full matrix and a slice may begin inside one.
struct Matrix {
  WeightType type{};
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t first_col = 0;
  std::size_t group_bytes = 0;  // bytes of one group of 16 rows
  const std::uint8_t* data = nullptr;

  [[nodiscard]] std::int64_t groups() const { return (rows + kRowGroup - 1) / kRowGroup; }
  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(groups()) * group_bytes;
  }
};

// Bytes pack() writes for a slice, 64-byte aligned per group.
[[nodiscard]] std::size_t packed_group_bytes(WeightType type, std::int64_t cols,
                                             std::int64_t first_col);

// Packs groups [group_begin, group_end) of the slice rows [row_begin, row_end) x cols [col_begin,
// col_end) of a full matrix with full_cols columns stored at src as in GGUF. dst is the packed
// slice's first byte (64-byte aligned). Callers split groups over threads.
void pack(WeightType type, const void* src, std::int64_t full_cols, std::int64_t row_begin,
          std::int64_t row_end, std::int64_t col_begin, std::int64_t col_end,
          std::int64_t group_begin, std::int64_t group_end, std::uint8_t* dst);

// One row of a packed matrix, back to float (the token embedding).
void unpack_row(const Matrix& w, std::int64_t row, float* out);

// Sums of one block's quantised activations, which take back the weights' offsets and minimums.
// The half is for weights whose scales span 16 columns.
struct BlockSum {
  std::int32_t all;         // of the 32 values
  std::int32_t first_half;  // of the first 16
};

// Activations of m tokens by k columns, in the form matmul wants them. The quantised form is
// present when the matrix is quantised: q[m][k], scale[m][k/32], sum[m][k/32].
struct Activations {
  std::int64_t m = 0;
  std::int64_t k = 0;
  const float* f32 = nullptr;  // row stride k
  const std::int8_t* q = nullptr;
  const float* scale = nullptr;
  const BlockSum* sum = nullptr;
};

// How K and V elements are kept. Of kQ8 a byte is one of 255 steps, and kKvGroup dimensions of a
// token's head share the size of a step, in half precision.
enum class KvType : std::int32_t { kF32, kF16, kBf16, kQ8 };

constexpr std::int64_t kKvGroup = 32;

static constexpr std::int64_t kv_groups(std::int64_t head_dim) {
  return (head_dim + kKvGroup - 1) / kKvGroup;
}

// Bytes of K, or of V, of one head in a block. Those of kQ8 begin with the sizes of the steps.
static constexpr std::int64_t kv_head_bytes(KvType type, std::int64_t block_tokens,
                                            std::int64_t head_dim) {
  switch (type) {
    case KvType::kF32:
      return block_tokens * head_dim * 4;
    case KvType::kF16:
    case KvType::kBf16:
      return block_tokens * head_dim * 2;
    case KvType::kQ8:
      break;
  }
  return block_tokens * (kv_groups(head_dim) * 2 + head_dim);
}

// Where K and V of one layer and one rank live: blocks of block_tokens tokens, per block V as
// [kv_head][token][head_dim] and K as [kv_head][head_dim][token]. With the tokens of K side by side
// a vector holds the scores of 16 positions and needs no sum over its lanes. Sizes of steps lie
// likewise, with a group for a dimension: then a vector of K's has one for each of its lanes, and
// V's are those of its token.
struct KvView {
  std::byte* k = nullptr;
  std::byte* v = nullptr;
  KvType type = KvType::kF16;
  std::int32_t block_tokens = 0;
  std::int32_t kv_heads = 0;  // of this rank
  std::int32_t head_dim = 0;
};

struct Rope {
  bool neox = false;
  std::int32_t dim = 0;             // rotated dimensions, even
  const float* inv_freq = nullptr;  // dim/2, already divided by rope_freqs and scale
  float magnitude = 1;              // of the rotation; some long-context models stretch it
};

// Which positions a query attends to, and how its scores are worked out.
struct AttentionSpan {
  std::int32_t begin = 0;  // positions before it lie outside the window
  std::int32_t end = 0;    // one past the last, above begin
  float scale = 1;
  float softcap = 0;  // not 0: a scaled score s becomes softcap * tanh(s / softcap)
};

// A span is attended to in parts of so many positions, cut at multiples of it, whose results are
// joined in order: so the parts may be worked out by several threads and the bits stay the same.
inline constexpr std::int32_t kAttentionPart = 512;

// Parts of a span, and the one numbered "part".
[[nodiscard]] std::int32_t attention_parts(const AttentionSpan& span);
[[nodiscard]] AttentionSpan attention_part(const AttentionSpan& span, std::int32_t part);

// Tokens of one sequence whose attention is worked out together read each block of K and V once.
// Their spans must begin in the same block and end in the same one, and agree but for that.
inline constexpr std::int32_t kMaxRunTokens = 8;
[[nodiscard]] bool attend_together(const AttentionSpan& a, const AttentionSpan& b,
                                   std::int32_t block_tokens);
// How many tokens of so many heads for each kv head are worth it: a power of two.
[[nodiscard]] std::int32_t attention_run_tokens(std::int32_t n_queries);

// The cosines, then the sines, of a position's dim/2 angles: dim floats, the same for every head
// and every layer of the same base, so they are worked out once per token and step.
void rope_angles(const Rope& rope, std::int32_t position, float* angles);

struct Kernels {
  Isa isa;
  const char* name;

  // Tokens [m_begin, m_end): q, scale and sum of x (row stride k, a multiple of kQuantBlock). A
  // block that holds an infinity or a NaN gets the scale NaN, so that it shows in every output it
  // reaches.
  void (*quantise)(const float* x, std::int64_t k, std::int64_t m_begin, std::int64_t m_end,
                   std::int8_t* q, float* scale, BlockSum* sum);
  // y[m][ldy] for rows of groups [group_begin, group_end): y = W x (+ bias when not null; bias has
  // w.rows entries). Rows past w.rows of the last group are not written.
  void (*matmul)(const Matrix& w, const Activations& x, const float* bias, float* y,
                 std::int64_t ldy, std::int64_t group_begin, std::int64_t group_end);
  // out = x / sqrt(mean(x^2) + epsilon) * weight
  void (*rms_norm)(const float* x, const float* weight, float epsilon, std::int64_t n, float* out);
  // out = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon,
                     std::int64_t n, float* out);
  // Rotates heads [n_heads][head_dim] of one token in place by the angles of its position.
  void (*rope)(const Rope& rope, const float* angles, std::int32_t n_heads, std::int32_t head_dim,
               float* heads);
  // out = silu(gate) * up
  void (*silu_mul)(const float* gate, const float* up, std::int64_t n, float* out);
  // out = gelu(gate) * up, by the tanh formula that models with gated GELU are trained with
  void (*gelu_mul)(const float* gate, const float* up, std::int64_t n, float* out);
  // x = gelu(x), by the error function
  void (*gelu)(float* x, std::int64_t n);
  // x *= factor
  void (*scale)(float* x, float factor, std::int64_t n);
  // x = cap * tanh(x / cap)
  void (*softcap)(float* x, float cap, std::int64_t n);
  // x += y
  void (*add)(float* x, const float* y, std::int64_t n);
  // Stores one token's K and V head (head_dim floats each) at its slot.
  void (*kv_store)(const KvView& kv, std::int32_t block, std::int32_t slot, std::int32_t kv_head,
                   const float* k, const float* v);
  // One token's attention for the query heads that share kv_head: q and out are
  // [n_queries][head_dim]. Positions come through the block table; blocks that lie before the span
  // are not read. The softmax runs online, block by block in the table's order, so scratch stays in
  // the second cache at any length; it has attention_scratch_floats(n_queries, ...) floats.
  void (*attention)(const KvView& kv, std::span<const std::int32_t> blocks, std::int32_t kv_head,
                    const AttentionSpan& span, const float* q, std::int32_t n_queries, float* out,
                    float* scratch);
  // The same for a run of tokens, at most kMaxRunTokens that attend together, bit for bit: those of
  // the token i are at q + i * stride and out + i * stride. Scratch has attention_run_floats(...).
  void (*attention_run)(const KvView& kv, std::span<const std::int32_t> blocks,
                        std::int32_t kv_head, std::span<const AttentionSpan> spans, const float* q,
                        std::int64_t stride, std::int32_t n_queries, float* out, float* scratch);
  // That of one token in two steps: one part into attention_part_floats(...) floats, and n_parts of
  // them, one behind the other, into out.
  void (*attend_part)(const KvView& kv, std::span<const std::int32_t> blocks, std::int32_t kv_head,
                      const AttentionSpan& part, const float* q, std::int32_t n_queries,
                      float* result, float* scratch);
  void (*join_parts)(const float* parts, std::int32_t n_parts, std::int32_t n_queries,
                     std::int32_t head_dim, float* out, float* scratch);
};

[[nodiscard]] std::size_t attention_scratch_floats(std::int32_t n_queries,
                                                   std::int32_t block_tokens,
                                                   std::int32_t head_dim);

// For as many tokens as attention_run_tokens(n_queries) says.
[[nodiscard]] std::size_t attention_run_floats(std::int32_t n_queries, std::int32_t block_tokens,
                                               std::int32_t head_dim);

[[nodiscard]] std::size_t attention_part_floats(std::int32_t n_queries, std::int32_t head_dim);

// What this CPU can run.
[[nodiscard]] bool isa_supported(Isa isa);
[[nodiscard]] Isa best_isa();
// The table for an instruction set; the caller has checked isa_supported.
[[nodiscard]] const Kernels& kernels(Isa isa);

}  // namespace sb::ops
