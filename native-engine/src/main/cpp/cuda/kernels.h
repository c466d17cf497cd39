// The operations of a step on the device: each function puts one or two kernels into a stream and
// returns. All pointers in arguments are the device's unless said otherwise.
//
// Weights. ops::pack()'s form is the device's form: a block of 16 rows by 32 columns is the A
// operand of one integer tensor-core instruction, word for word, and in a decode step a half-warp
// reads the words of 16 rows as one line of 64 bytes. So loading packs as the CPU does and copies;
// an ops::Matrix with "data" on the device (16-byte aligned) is all a kernel wants.
//
// Determinism. On quantised and F32 weights, and in everything that is not a matrix, results have
// the bits of ops::kernels(Isa::kReference). BF16 and F16 weights meet the tensor cores, which sum
// in an order of their own: there an output depends on its token and row only, neither on how many
// tokens are in the call nor on where they stand, and differs from the CPU's by at most
// kFloatMatmulTolerance of the sum of the products' magnitudes.
//
// Order. A kernel may begin before the one that was launched before it into its stream has ended,
// where the device can: until await_launch_before() it reads weights and its arguments only, and
// writes nothing.
//
// Rows. Where a function takes "rows", a count of 0 puts nothing into the stream. A kernel that
// could not be started is the runtime's last error, which whoever owns the device polls.
#pragma once

#include <cstdint>

#include "model/sample_math.h"
#include "ops/op.h"

namespace sb::cuda {

// A DeviceStream, or of the emulation a simt::Queue: without one its kernels have ended when the
// call returns.
struct Stream {
  void* handle = nullptr;
};

// "on", which is usual, or "off": then no kernel begins before the one before it has ended.
inline constexpr char kOverlapVariable[] = "SWITCHBOARD_CUDA_OVERLAP";

inline constexpr int kMaxRanks = 16;
inline constexpr float kFloatMatmulTolerance = 0x1p-15f;

// What a matrix wants its activations as.
enum class Form : std::int32_t {
  kFloat,      // F32 weights: as they are
  kQuantised,  // int8 with a scale per 32 columns
  kBrain,      // two BF16 numbers whose sum is the value
  kHalf,       // the same of F16, of the value over its token's power of two
};
[[nodiscard]] Form form_for(ops::WeightType type);

// Activations of m tokens by k columns. f32 is always there; of the others those that a form needs,
// for as many tokens as it is used with.
struct Operand {
  std::int64_t k = 0;
  float* f32 = nullptr;           // [m][k]
  std::int8_t* q = nullptr;       // [m][k]; 16-byte aligned
  float* scale = nullptr;         // [m][k / 32]
  ops::BlockSum* sum = nullptr;   // [m][k / 32]
  std::uint16_t* high = nullptr;  // [m][pad16(k)]; 16-byte aligned
  std::uint16_t* low = nullptr;   // the same
  float* power = nullptr;         // [m]
};
// Columns of high and low.
[[nodiscard]] constexpr std::int64_t pad16(std::int64_t k) { return (k + 15) / 16 * 16; }

// Fills in the form from x.f32. kQuantised wants k to be a multiple of 32.
void prepare(Stream stream, const Operand& x, std::int64_t rows, Form form);

// ---- embeddings ----

struct TableSlice {
  std::int64_t row_begin = 0;
  ops::Matrix matrix;
};
// The token table in slices of rising row_begin; the first begins at 0.
struct Table {
  std::int32_t n_slices = 0;
  TableSlice slices[kMaxRanks];
};

struct EmbedArgs {
  Table table;
  const std::int32_t* tokens = nullptr;         // [rows]: an id, or model::kLastSampled
  const std::int32_t* sequence_rows = nullptr;  // [rows]: the index into last_sampled
  const std::int32_t* last_sampled = nullptr;
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  float factor = 1;    // 1: not multiplied
  float* x = nullptr;  // [rows][dim]
};
void embed(Stream stream, const EmbedArgs& args);

// x[i] += the matrix's row of the token's position (an encoder's embedding of positions).
void add_rows_of(Stream stream, const ops::Matrix& matrix, const std::int32_t* positions,
                 std::int64_t rows, std::int64_t dim, float* x);
// x[i] += y, the same for all rows.
void add_to_rows(Stream stream, const float* y, std::int64_t rows, std::int64_t dim, float* x);

// ---- norms ----

struct NormArgs {
  const float* x = nullptr;  // [rows][n]
  std::int64_t rows = 0;
  std::int64_t n = 0;
  const float* weight = nullptr;  // null: f32 is a copy of x
  const float* bias = nullptr;    // null: an RMS norm, else a layer norm
  float epsilon = 0;
  Operand out;  // out.k is n; out.f32 may be x
  Form form = Form::kFloat;
};
void normalise(Stream stream, const NormArgs& args);

// ---- matrices ----

struct MatmulArgs {
  ops::Matrix w;
  Operand x;  // prepared in form_for(w.type)
  std::int64_t rows = 0;
  const float* bias = nullptr;  // null: none
  float* y = nullptr;           // [rows][ldy]
  std::int64_t ldy = 0;
  float softcap = 0;  // not 0: y = softcap * tanh(y / softcap)
};
void matmul(Stream stream, const MatmulArgs& args);
// The same bits, of BF16 or F16 weights, by large tiles: what matmul() does where there are enough
// of them to fill a device, and shared memory for one.
void matmul_blocks(Stream stream, const MatmulArgs& args);

// Several matrices of one type, with as many columns each, times the same activations. Each output
// has matmul()'s bits. Up to kMostVectors tokens are one launch, but for BrainKernel's wgmma; so is
// any number of them by F32 weights.
inline constexpr int kMostMatrices = 3;
inline constexpr int kMostVectors = 8;
struct MatmulOutput {
  ops::Matrix w;
  const float* bias = nullptr;
  float* y = nullptr;  // [rows][ldy]
  std::int64_t ldy = 0;
};
struct JointMatmulArgs {
  Operand x;  // prepared in form_for() of their type
  std::int64_t rows = 0;
  std::int32_t n = 0;
  MatmulOutput matrices[kMostMatrices];
};
void matmul_jointly(Stream stream, const JointMatmulArgs& args);

// What multiplies BF16 weights, whatever the number of tokens: their bits may differ.
enum class BrainKernel : std::int32_t {
  kMma,           // on every device
  kMmaRounded,    // the same with activations rounded to BF16: within kRoundedMatmulTolerance
  kWgmma,         // compute capability 9.0: many tokens sooner, few later; as near to the CPU
  kWgmmaRounded,  // as kMmaRounded
};
inline constexpr float kRoundedMatmulTolerance = 0x1p-8f;
inline constexpr char kBrainVariable[] = "SWITCHBOARD_CUDA_BF16";
// False for a name that is none; null and the empty one are "mma".
[[nodiscard]] bool brain_kernel_named(const char* name, BrainKernel* kernel);
// What the environment says, which matmul() follows.
[[nodiscard]] BrainKernel brain_kernel();
// False, and why, where the environment asks for what is none or what the thread's device has not.
[[nodiscard]] bool check_brain_kernel(char* text, std::size_t text_bytes);
// kWgmma or kWgmmaRounded, of BF16 weights.
void matmul_brains(Stream stream, const MatmulArgs& args, BrainKernel kernel);

// ---- attention ----

// Norms and turns the heads of q and k in place, and stores K and V.
struct StoreArgs {
  ops::KvView kv;
  float* q = nullptr;        // [rows][q_heads][head_dim]
  float* k = nullptr;        // [rows][kv.kv_heads][head_dim]
  const float* v = nullptr;  // the same
  std::int32_t q_heads = 0;
  const float* q_norm = nullptr;  // null: none
  const float* k_norm = nullptr;
  float epsilon = 0;
  ops::Rope rope;                 // dim 0: not turned; inv_freq is not read
  const float* angles = nullptr;  // [context][rope.dim] as ops::rope_angles gives, by position
  const std::int32_t* positions = nullptr;     // [rows]
  const std::int32_t* block_tables = nullptr;  // [sequence][max_blocks]
  const std::int32_t* sequences = nullptr;     // [rows]: which block table
  std::int32_t max_blocks = 0;
  std::int64_t rows = 0;
};
void store_heads(Stream stream, const StoreArgs& args);

// Of the kept tokens: row i of out is that of token kept[i]. Rows of q are all tokens'. Blocks have
// 16 tokens, or 2, 4 ... times as many, and K and V begin at multiples of 16 bytes.
struct AttendArgs {
  ops::KvView kv;
  const float* q = nullptr;  // [tokens][q_heads][head_dim]
  std::int32_t q_heads = 0;
  const std::int32_t* kept = nullptr;    // null: token i is i
  const std::int32_t* begins = nullptr;  // [tokens]: the span of positions, not empty
  const std::int32_t* ends = nullptr;
  const std::int32_t* block_tables = nullptr;  // as in StoreArgs
  const std::int32_t* sequences = nullptr;
  std::int32_t max_blocks = 0;
  float scale = 1;
  float softcap = 0;
  std::int64_t rows = 0;       // kept tokens
  bool prompts = false;        // rows next to each other are mostly of one sequence
  std::int32_t max_parts = 1;  // at least ops::attention_parts of every span
  float* parts = nullptr;      // attend_floats(); 16-byte aligned
  Operand out;                 // out.k is q_heads * head_dim; f32 is always written
  std::int64_t first_out = 0;  // the row of out that is the first kept token's
  Form form = Form::kFloat;
};
[[nodiscard]] std::int64_t attend_floats(std::int64_t rows, std::int32_t q_heads,
                                         std::int32_t head_dim, std::int32_t max_parts);
void attend(Stream stream, const AttendArgs& args);

// ---- the rest of a layer ----

enum class Activation : std::int32_t { kSilu, kGeluTanh, kGelu };

struct GateArgs {
  Activation activation{};
  const float* gate = nullptr;  // [rows][n]; of kGelu the values themselves
  const float* up = nullptr;    // [rows][n]; not read by kGelu
  std::int64_t rows = 0;
  Operand out;  // out.k is n; out.f32 may be gate
  Form form = Form::kFloat;
};
void gate(Stream stream, const GateArgs& args);

// The matrices of a gate and of what it lets through, times the same activations, and gate() of
// their outputs, with the same bits. One launch of one token by quantised weights where the form is
// not kHalf, and of up to kMostVectors tokens by BF16 or F16 weights (not by wgmma) where
// it is kFloat or kBrain; then gate.y and up.y are not written.
struct GatedMatmulArgs {
  Operand x;  // as in JointMatmulArgs
  std::int64_t rows = 0;
  MatmulOutput gate;  // of one type, with out.k rows each, which are their ldy
  MatmulOutput up;
  Activation activation{};  // not kGelu
  Operand out;              // out.f32 may be gate.y
  Form form = Form::kFloat;
};
void matmul_gated(Stream stream, const GatedMatmulArgs& args);

// Ends a block: adds the ranks' partial sums in rank order to the residual stream. With several
// ranks every rank calls it on its own copy of x, where its stream is behind all partial sums.
// What the next block begins with, an RMS norm of x_out, is done in the same launch where asked.
struct EndBlockArgs {
  std::int32_t ranks = 1;
  const float* partials[kMaxRanks] = {};  // [rows][dim] each; of this device or a peer's
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  const std::int32_t* kept = nullptr;  // null: row i of x_in is i
  const float* norm_output = nullptr;  // as model::BlockEnd
  const float* norm_sum = nullptr;
  const float* norm_sum_bias = nullptr;
  float epsilon = 0;
  const float* x_in = nullptr;
  float* x_out = nullptr;            // [rows][dim]; may be x_in when kept is null
  const float* next_norm = nullptr;  // null: none
  Operand next;                      // next.k is dim
  Form next_form = Form::kFloat;
  std::uint64_t* begun_at = nullptr;  // not null: the device's clock when it began
};
void end_block(Stream stream, const EndBlockArgs& args);

// out[i] = the mean of x[firsts[i]] and the counts[i] - 1 rows behind it, added in their order.
struct MeanArgs {
  const float* x = nullptr;
  const std::int32_t* firsts = nullptr;  // [rows]
  const std::int32_t* counts = nullptr;  // [rows]; none is 0
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  float* out = nullptr;  // [rows][dim]
};
void mean_rows(Stream stream, const MeanArgs& args);

// out[i] = x[indices[i]]
void gather_rows(Stream stream, const float* x, const std::int32_t* indices, std::int64_t rows,
                 std::int64_t dim, float* out);
// x += y; x *= factor; x = cap * tanh(x / cap)
void add(Stream stream, float* x, const float* y, std::int64_t n);
void scale(Stream stream, float* x, float factor, std::int64_t n);
void softcap(Stream stream, float* x, float cap, std::int64_t n);

// ---- sampling ----
// As model::sample() does, to the same token.

// A rank's share of the logits, in the memory of this device or of a peer.
struct LogitSlice {
  std::int64_t begin = 0;  // its first token
  std::int64_t columns = 0;
  const float* logits = nullptr;  // [row][columns]
};
// Those of all ranks.
struct SlicedLogits {
  std::int32_t n_slices = 0;  // of rising begin; the first begins at 0
  LogitSlice slices[kMaxRanks];
};

// How one row is sampled. Entries of each list are by rising token; of seen each token is there
// once, of bias more often too.
struct SampleRow {
  model::SamplingParameters parameters;
  double u = 0;                 // model::uniform() of its seed and position
  std::int64_t logits = 0;      // its row of the slices
  std::int32_t seen_begin = 0;  // into SampleArgs::seen
  std::int32_t seen_end = 0;
  std::int32_t bias_begin = 0;
  std::int32_t bias_end = 0;
  std::int32_t mask = -1;  // its row of SampleArgs::masks; -1: none
  // Where in SampleArgs::last_sampled a token lies that counts for its penalties as one output more
  // than "seen" has; -1: none does.
  std::int32_t uncounted_of = -1;
  std::int32_t last_of = -1;  // where there its token goes; -1: nowhere
};

// The vocabulary in parts, and of each the best, what is drawn from, and so many of the likeliest
// that all parts together give about kSampleKeys.
inline constexpr std::int64_t kSamplePart = 2048;
inline constexpr std::int64_t kSampleKeys = 4096;
[[nodiscard]] constexpr std::int64_t sample_parts(std::int64_t vocab) {
  return (vocab + kSamplePart - 1) / kSamplePart;
}
[[nodiscard]] constexpr std::int64_t sample_kept(std::int64_t vocab) {
  std::int64_t kept = kSamplePart;
  while (kept > 1 && kept * sample_parts(vocab) > kSampleKeys) kept /= 2;
  return kept;
}
struct PartBest {
  float logit = 0;          // the largest after mask, penalties and bias
  std::int32_t token = -1;  // the lowest id that has it; -1: all are NaN
  float given = 0;          // the largest before them
};
struct PartMass {
  std::uint64_t all = 0;     // weights that can be drawn
  std::uint64_t likely = 0;  // of those at least min_p times as likely as the likeliest
  std::int64_t tokens = 0;   // that can be drawn
};
// What a call works in.
struct SampleRoom {
  float* adjusted = nullptr;      // [rows][vocab]
  PartBest* bests = nullptr;      // [rows][parts]
  PartMass* masses = nullptr;     // [rows][parts]
  std::uint64_t* tops = nullptr;  // [rows][parts][kept]
};

struct SampleArgs {
  SlicedLogits logits;
  std::int64_t vocab = 0;
  std::int64_t rows = 0;
  const SampleRow* row = nullptr;
  const model::TokenCount* seen = nullptr;
  const model::LogitBias* bias = nullptr;
  const std::uint64_t* masks = nullptr;  // [mask][words], as SamplingInput::mask
  std::int64_t mask_words = 0;
  SampleRoom room;
  bool sorts = false;              // some row draws after top-k or top-p
  std::int32_t* tokens = nullptr;  // [rows]: a token or model::kNotFinite
  // What EmbedArgs reads too: instead of what is no token there is 0.
  std::int32_t* last_sampled = nullptr;
};
void sample(Stream stream, const SampleArgs& args);

// ---- log-probabilities ----
// As model::score() does, with the same bits.

struct ScoreRow {
  std::int64_t logits = 0;    // its row of the slices
  std::int32_t token = 0;     // whose; negative: the one in ScoreArgs::tokens
  std::int32_t token_at = 0;  // there
  std::int32_t top = 0;       // of 0 to model::kMaxTopLogprobs tokens besides
};

// Of a part of the vocabulary so many tokens are kept: a power of two, and all that can be asked
// for.
inline constexpr std::int32_t kScoreKept = 32;
struct ScoreRoom {
  float* maxima = nullptr;        // [rows][parts]
  double* sums = nullptr;         // [rows][parts]
  std::uint64_t* tops = nullptr;  // [rows][parts][kScoreKept]
};

struct ScoreArgs {
  SlicedLogits logits;
  std::int64_t vocab = 0;
  std::int64_t rows = 0;
  const ScoreRow* row = nullptr;
  const std::int32_t* tokens = nullptr;  // what sample() has given
  ScoreRoom room;
  model::RowScore* scores = nullptr;  // [rows]
};
void score(Stream stream, const ScoreArgs& args);

// ---- what a device can do at most ----

inline constexpr int kPeakThreads = 256;  // of a block

struct ReadArgs {
  const void* from = nullptr;  // 16-byte aligned
  std::int64_t bytes = 0;      // a multiple of 16
  std::int64_t blocks = 0;
  std::uint32_t* sums = nullptr;  // [blocks][kPeakThreads]: together the sum of all 32-bit words
};
// Reads all of it once.
void read_at_most(Stream stream, const ReadArgs& args);

enum class Multiplier : std::int32_t {
  kBrains,         // BF16 numbers by mma.sync
  kBytes,          // bytes by mma.sync
  kBrainsByWgmma,  // BF16 numbers by wgmma, on compute capability 9.0
};
struct MultiplyArgs {
  Multiplier multiplier = Multiplier::kBrains;
  std::int32_t products = 0;  // of each warp: eight at a time, or a stage's by wgmma
  std::int64_t blocks = 0;
  float* sums = nullptr;  // [blocks][kPeakThreads]: together a half of the operations
};
// Multiplies what needs no memory of the device; returns the operations, of which a product and its
// sum are two: 0 where the thread's device has no such multiplier.
double multiply_at_most(Stream stream, const MultiplyArgs& args);

// ---- time ----

// *at = the device's clock in nanoseconds, once what the stream had before has ended.
void stamp(Stream stream, std::uint64_t* at);

}  // namespace sb::cuda
