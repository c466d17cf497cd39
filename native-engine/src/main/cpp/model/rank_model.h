// A rank computed by its threads on the processor: what they do between two meetings with the other
// ranks.
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
#include "model/ends.h"
#include "model/kv_pool.h"
#include "model/partition.h"
#include "model/rank_compute.h"
#include "model/rope_tables.h"
#include "model/weights.h"
#include "ops/op.h"

namespace sb::model {

class RankModel final : public RankCompute {
 public:
  RankModel(const Config& config, const RankShape& shape, const RankLimits& limits,
            const ops::Kernels& kernels)
      : config_(config),
        shape_(shape),
        limits_(limits),
        kernels_(&kernels),
        ends_(config, limits.threads, kernels) {}

  void lay_out(Carver& carver, Carver& device) override;
  Status bind(const RankWeights& weights, const KvPool& kv, const RopeTables& rope) override;

  void begin(const Batch& batch, Team& team) override;
  void embed(const Batch& batch, Team& team) override;
  void take_hidden(std::span<const float> hidden, std::int64_t count, Team& team) override;
  void give_hidden(std::int64_t count, std::span<float> hidden, Team& team) override;
  [[nodiscard]] bool attention(std::int32_t layer, const Batch& batch, const TokenSet& kept,
                               Team& team) override;
  [[nodiscard]] bool feed_forward(std::int32_t layer, std::int64_t m, Team& team) override;
  [[nodiscard]] bool add_partials(std::int32_t layer, Partial which,
                                  std::span<const float* const> partials, const TokenSet& kept,
                                  Team& team) override;
  [[nodiscard]] const float* partial(Partial which) const override {
    return partial_[static_cast<std::size_t>(which)].data();
  }
  // Adding the last partial sums ended with a sync.
  [[nodiscard]] bool end_layers(const Batch& /*batch*/, Team& /*team*/) override { return true; }
  void pool(const Sequence& sequence, float* out, const Team& team) override;
  [[nodiscard]] bool logits(Range rows, std::span<const std::int32_t> listed, float* logits,
                            Team& team) override;

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
  // Moves the kept tokens of x to its first rows; each thread its own columns.
  void keep(const TokenSet& kept, Range columns);
  void add_columns(const float* partial, std::int64_t tokens, Range columns);
  void end_block(const BlockEnd& end, std::span<const float* const> partials, Range tokens,
                 const Team& team);
  void cap_logits(Range columns, std::int64_t rows, float* logits);
  void prepare_heads(const float* norm, const float* angles, std::int32_t n_heads, float* heads);
  [[nodiscard]] const float* angles_of(const LayerWeights& weights, std::int64_t token) const;
  [[nodiscard]] float* own_row(const Team& team) {
    return own_rows_of_x_.data() + team.index * std::int64_t{config_.dim};
  }
  void activate(float* gate, const float* up, std::int64_t n);
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
  Ends ends_;
  const RankWeights* weights_ = nullptr;
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
