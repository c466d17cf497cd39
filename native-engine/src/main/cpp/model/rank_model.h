// One rank's share of one stage of the model: what its threads compute between two meetings with
// the other ranks.
//
// Every function is called by all threads of the rank's team together and ends without a barrier:
// what a thread has written is complete for the others after the next sync. A function returns
// false when the engine is being stopped. The residual stream x is each rank's own copy.
//
// Matrices are dealt out to the threads in pieces of a few dozen KiB, so that threads whose cores
// run at different speeds finish together.
//
// A step's time on a shared machine is decided by its meetings: whoever lost its core is waited for
// at each. A decode step meets five times per layer: before attention, before its output matrix,
// before the feed-forward block, inside it and after it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/memory.h"
#include "base/team.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/kv_pool.h"
#include "model/partition.h"
#include "model/rope_tables.h"
#include "model/weights.h"
#include "ops/op.h"

namespace sb::model {

// The two sums of a layer that the ranks add up. They alternate, so a rank may write one while a
// slower rank still reads the other.
enum class Partial : std::int32_t { kAttention = 0, kFeedForward = 1 };

struct RankLimits {
  std::int32_t ranks = 1;  // that add up their partial sums
  std::int32_t threads = 1;
  std::int32_t max_tokens = 0;        // of a step
  std::int32_t max_logit_tokens = 0;  // outputs whose logits are computed at once
  std::int32_t block_tokens = 0;
};

class RankModel {
 public:
  RankModel(const Config& config, const RankShape& shape, const RankLimits& limits,
            const ops::Kernels& kernels)
      : config_(config), shape_(shape), limits_(limits), kernels_(&kernels) {}

  // Takes (or measures) the scratch memory.
  void lay_out(Carver& carver);
  // Must precede the first step.
  void bind(const RankWeights& weights, const Weights& model, const KvPool& kv,
            const RopeTables& rope);

  // Works out what all layers share: the tokens' rotary angles.
  void begin(const Batch& batch, Team& team);
  // x = the tokens' embeddings.
  void embed(const Batch& batch, Team& team);
  // partial = this rank's share of the attention block's output, of the kept tokens only: row i is
  // token kept[i]. The keys and values of all tokens are stored. "layer" counts within the stage.
  // A rank that is alone also moves the kept tokens of x to its first rows and adds the output.
  [[nodiscard]] bool attention(std::int32_t layer, const Batch& batch, const TokenSet& kept,
                               Team& team);
  // Moves the kept tokens of x to its first rows; each thread its own columns.
  void keep(const TokenSet& kept, Range columns);
  // partial = this rank's share of the feed-forward block's output for x's first m rows, and when
  // alone x += partial.
  [[nodiscard]] bool feed_forward(std::int32_t layer, std::int64_t m, Team& team);
  // Ends a block whose output is not added as it is: for tokens [begin, end) of x, the ranks'
  // partial sums are added in rank order, normed and added to x as the layer's weights say.
  void end_block(std::int32_t layer, Partial which, std::span<const float* const> partials,
                 Range tokens, const Team& team);
  [[nodiscard]] bool ends_plainly(std::int32_t layer, Partial which) const;
  // An encoder's output for a sequence whose tokens of x are complete: embedding_size() floats.
  void pool(const Sequence& sequence, float* out, const Team& team);
  // logits[i][vocab] of x's rows, this rank's columns only.
  [[nodiscard]] bool logits(Range rows, float* logits, Team& team);

  [[nodiscard]] float* x() { return x_.data(); }
  [[nodiscard]] const float* partial(Partial which) const {
    return partial_[static_cast<std::size_t>(which)].data();
  }
  [[nodiscard]] std::int64_t dim() const { return config_.dim; }
  [[nodiscard]] std::int64_t layers() const {
    return static_cast<std::int64_t>(weights_->layers.size());
  }
  [[nodiscard]] const RankWeights& weights() const { return *weights_; }

 private:
  // Activations in the forms the matrices want, for max_tokens tokens.
  struct Operand {
    std::span<float> f32;
    std::span<std::int8_t> q;
    std::span<float> scale;
    std::span<ops::BlockSum> sum;

    void lay_out(Carver& carver, std::int64_t tokens, std::int64_t cols);
    [[nodiscard]] ops::Activations view(std::int64_t m, std::int64_t k) const;
  };

  // Rows of x after a norm, the first at the operand's row 0; null when the engine is being
  // stopped. A few rows are worked out by every thread for itself, which takes less time than
  // meeting the others.
  [[nodiscard]] const Operand* normalise(const float* weight, Range rows, bool quantise,
                                         Team& team);
  void normalise_row(const float* x, const float* weight, std::int64_t row, Operand& out,
                     bool quantise);
  // Quantises columns [begin, end) of one token; both are multiples of 32.
  void quantise_columns(Operand& operand, std::int64_t k, std::int64_t token, std::int64_t begin,
                        std::int64_t end);
  void project_qkv(const LayerWeights& weights, const Operand& input, std::int64_t m, Team& team);
  // partial[which] = the block's last matrix times input, of kept tokens; alone, x's kept rows +=
  // partial where the block ends plainly.
  void project_out(const LayerWeights& weights, Partial which, const ops::Activations& input,
                   const TokenSet& kept, Team& team);
  [[nodiscard]] static const BlockEnd& end_of(const LayerWeights& weights, Partial which) {
    return which == Partial::kAttention ? weights.attn_end : weights.ffn_end;
  }
  void cap_logits(Range columns, std::int64_t rows, float* logits);
  void prepare_heads(const float* norm, const float* angles, std::int32_t n_heads, float* heads);
  [[nodiscard]] const float* angles_of(const LayerWeights& weights, std::int64_t token) const;
  [[nodiscard]] ops::AttentionSpan span_of(const LayerWeights& weights, const Batch& batch,
                                           std::int64_t token) const;
  [[nodiscard]] float* own_row(const Team& team) {
    return own_rows_of_x_.data() + team.index * std::int64_t{config_.dim};
  }
  void finish_embedding(std::int32_t position, float* x, const Team& team);
  void activate(float* gate, const float* up, std::int64_t n);
  void finish_row(const float* x, float* out);
  void classify(const float* x, float* score, const Team& team);
  void multiply_row(const ops::Matrix& matrix, const float* bias, const float* x, float* y,
                    const Team& team);
  // A unit is one token's kv head with the query heads that share it.
  void store_unit(std::int32_t layer, const Batch& batch, std::int64_t token, std::int64_t kv_head);
  // Attends the run of kept tokens that begins at the row, and says how many they are; none where
  // the row belongs to a run that began before it.
  [[nodiscard]] std::int32_t attend_run(std::int32_t layer, const Batch& batch,
                                        const TokenSet& kept, std::int64_t row,
                                        std::int64_t kv_head, float* scratch);
  // Whether a kept token belongs to the run of the one before it.
  [[nodiscard]] bool goes_on(const LayerWeights& weights, const Batch& batch, const TokenSet& kept,
                             std::int64_t row, std::int32_t block_tokens) const;
  void lay_out_parts(Carver& carver);
  // Whether the step has too few heads for the threads, and a context that can be cut.
  [[nodiscard]] bool splits(const LayerWeights& weights, const Batch& batch,
                            const Team& team) const;
  [[nodiscard]] bool attend_split(std::int32_t layer, const Batch& batch, bool quantise,
                                  Team& team);
  [[nodiscard]] bool attend(std::int32_t layer, const Batch& batch, const TokenSet& kept,
                            bool quantise, Team& team);
  void gate_and_up(const LayerWeights& weights, const Operand& input, std::int64_t m, bool quantise,
                   Team& team);

  Config config_;
  RankShape shape_;
  RankLimits limits_;
  const ops::Kernels* kernels_;
  const RankWeights* weights_ = nullptr;
  std::span<const EmbeddingSlice> embedding_;
  const EncoderWeights* encoder_ = nullptr;
  const KvPool* kv_ = nullptr;
  ops::Rope rope_;
  ops::Rope window_rope_;  // of layers with a window, where that differs

  std::span<float> x_;
  std::span<float> angles_;
  std::span<float> window_angles_;
  std::span<float> own_rows_of_x_;   // per thread, one
  Operand normed_;                   // of dim columns: into q, k, v, gate, up and the output layer
  std::vector<Operand> own_normed_;  // per thread, for a few rows
  std::int64_t own_rows_ = 0;
  Operand attended_;  // of q_rows columns: into attn_output
  Operand gated_;     // of ffn_rows columns: into down
  std::span<float> q_, k_, v_, up_;
  std::span<float> partial_[2];
  std::span<float> attention_scratch_;
  std::size_t attention_scratch_floats_ = 0;  // per thread
  std::span<float> attention_parts_;
  std::int64_t max_parts_ = 0;  // of a unit
  std::size_t part_floats_ = 0;
};

}  // namespace sb::model
