// One rank's share of one stage of the model, whatever computes it: the rank's threads on the
// processor (RankModel), or a device that one thread drives (DeviceRank).
//
// Every function is called by all threads of the rank's team together and ends without a barrier:
// what a thread has written is complete for the others after the next sync. A function returns
// false when the engine is being stopped. The residual stream x is each rank's own copy.
#pragma once

#include <cstdint>
#include <span>

#include "base/memory.h"
#include "base/status.h"
#include "base/team.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/kv_pool.h"
#include "model/partition.h"
#include "model/rope_tables.h"
#include "model/sampler.h"
#include "model/weights.h"

namespace sb::model {

struct RankLimits {
  std::int32_t ranks = 1;  // that add up their partial sums
  std::int32_t threads = 1;
  std::int32_t max_tokens = 0;        // of a step
  std::int32_t max_logit_tokens = 0;  // outputs whose logits are computed at once
  std::int32_t block_tokens = 0;
};

// A row of the logits that have just been computed, and how it is sampled.
struct Choice {
  std::int64_t row = 0;
  SamplingInput input;        // its logits are where they were computed
  std::int32_t last_of = -1;  // the engine's row whose last sampled token it is; -1: of none
  // The engine's row whose last sampled token counts for the penalties though it is not among those
  // seen, as only the device knows it yet; -1: none is.
  std::int32_t uncounted_of = -1;
};
// Entries of "seen" and "bias" that the choices of one call have together, at most.
inline constexpr std::size_t kMaxChoiceSeen = std::size_t{1} << 16;
inline constexpr std::size_t kMaxChoiceBias = std::size_t{1} << 14;

// A row of them of which log-probabilities are wanted.
struct Scored {
  std::int64_t row = 0;
  std::int32_t token = kSample;  // whose; kSample: that of a choice
  std::int32_t choice = -1;      // its number
  std::int32_t top = 0;          // and of so many of the likeliest
};

// What is asked for, and where it goes.
struct RowWork {
  std::span<const Choice> choices;
  // Of each what sample() gives.
  std::span<std::int32_t> tokens;
  std::span<const Scored> scored;
  // Of each what score() gives.
  std::span<RowScore> scores;
};

// When the devices of all ranks met, by the host's clock.
struct DeviceMeeting {
  Partial which{};
  std::int32_t layer = 0;
  std::int64_t arrived_ns = 0;  // this rank's
  std::int64_t left_ns = 0;
  std::int64_t first_ns = 0;  // of all ranks'
  std::int64_t last_ns = 0;
  std::int32_t last_rank = 0;
};

// When a device computed, by the host's clock.
struct Worked {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;      // 0: nobody knows
  std::int64_t sampled_ns = 0;  // until when it sampled then; 0: that is not in it
  std::span<const DeviceMeeting> meetings = {};
  std::int64_t all_end_ns = 0;  // of ranks that have joined: when the last one's ended
};

class RankCompute {
 public:
  RankCompute() = default;
  RankCompute(const RankCompute&) = delete;
  RankCompute& operator=(const RankCompute&) = delete;
  virtual ~RankCompute() = default;

  // Takes (or measures) scratch memory: the host's, and the device's where the rank has one.
  virtual void lay_out(Carver& host, Carver& device) = 0;
  // Must precede the first step.
  virtual Status bind(const RankWeights& weights, const KvPool& kv, const RopeTables& rope) = 0;
  // Then, of the first rank of a stage: these are all of them, itself the first. True where their
  // devices meet by themselves. What is called of the first rank is then done for all, and the
  // others' calls do nothing: add_partials() has their devices wait for one another, and each
  // function that waits for a device waits for all, after which every rank knows what it worked.
  [[nodiscard]] virtual bool join(std::span<RankCompute* const> /*ranks*/) { return false; }

  // Works out what all layers share: the tokens' rotary angles.
  virtual void begin(const Batch& batch, Team& team) = 0;
  // x = the tokens' embeddings.
  virtual void embed(const Batch& batch, Team& team) = 0;
  // x = what the stage before has handed on, [token][dim]; and the way out to the next one. In a
  // device's memory where both stages' devices read it.
  virtual void take_hidden(std::span<const float> hidden, std::int64_t count, Team& team) = 0;
  virtual void give_hidden(std::int64_t count, std::span<float> hidden, Team& team) = 0;

  // partial = this rank's share of the attention block's output, of the kept tokens only: row i is
  // token kept[i]. The keys and values of all tokens are stored. "layer" counts within the stage.
  // A rank that is alone also moves the kept tokens of x to its first rows and adds the output.
  [[nodiscard]] virtual bool attention(std::int32_t layer, const Batch& batch, const TokenSet& kept,
                                       Team& team) = 0;
  // partial = this rank's share of the feed-forward block's output for x's first m rows, and when
  // alone x += partial.
  [[nodiscard]] virtual bool feed_forward(std::int32_t layer, std::int64_t m, Team& team) = 0;
  // Ends a block once the partial sums of all ranks, given in rank order, are complete: moves the
  // kept tokens of x to its first rows and adds the sums, normed as the layer's weights say. Alone,
  // it does what the block has left to do. Ends with a sync.
  [[nodiscard]] virtual bool add_partials(std::int32_t layer, Partial which,
                                          std::span<const float* const> partials,
                                          const TokenSet& kept, Team& team) = 0;
  // Where the other ranks read this rank's partial sum once they have met: [token][dim].
  [[nodiscard]] virtual const float* partial(Partial which) const = 0;

  // After the last layer of a model that embeds, before pool().
  [[nodiscard]] virtual bool end_layers(const Batch& batch, Team& team) = 0;
  // The model's output for a sequence of the batch: embedding_size() floats. Any of the rank's
  // threads calls it by itself.
  virtual void pool(const Sequence& sequence, float* out, const Team& team) = 0;
  // logits[i][vocab] of x's rows, this rank's columns only. Who can sample() gives those listed,
  // counted from the first of the rows, in rising order; the others give all.
  [[nodiscard]] virtual bool logits(Range rows, std::span<const std::int32_t> listed, float* logits,
                                    Team& team) = 0;

  // Whether the stage's ranks keep the logits where the first of them can sample.
  [[nodiscard]] virtual bool samples() const { return false; }
  // This rank's share of the logits, [row][output_rows].
  [[nodiscard]] virtual const float* kept_logits() const { return nullptr; }
  // By the first thread of the first rank, once all ranks' logits are complete; "kept" is of all in
  // rank order.
  virtual void sample(const RowWork& /*work*/, std::span<const float* const> /*kept*/) {}

  // A step can be left to who samples: after the layers leave() asks for the rows' logits and for
  // the work's choices, and waits for nothing. collect() waits for the step that was left first, of
  // at most two, and gives the work's tokens and scores; health() and worked() are then of that
  // step. In between the next step may begin: what its tokens' ids say is kLastSampled is taken
  // from the choices' "last_of" where they are made.
  virtual void leave(Range /*rows*/, const RowWork& /*work*/) {}
  virtual void collect(const RowWork& /*work*/) {}
  // Whether the step that was left first has been computed.
  [[nodiscard]] virtual bool collectable() { return true; }
  // Whether the step that begins next is best begun when the one before was collected, as the
  // host's time of the device's work would become uncertain.
  [[nodiscard]] virtual bool wants_anchor() const { return false; }
  // By the first thread, at its end: after this no device works any more, even on a step that was
  // broken off.
  virtual void abandon() {}

  // Before begin(): whether it is to be measured when the rank's device computes. Of ranks that
  // have joined the first one is asked.
  virtual void measure(bool /*measures*/) {}
  // Whether a device computes what it was asked for, so that nobody knows yet how long it takes.
  [[nodiscard]] virtual bool busy() const { return false; }
  // What it has ended since this was asked last.
  [[nodiscard]] virtual Worked worked() { return {}; }

  // Why nothing that the rank gives is worth anything; kOk as long as it is. Read by its first
  // thread before the ranks meet.
  [[nodiscard]] virtual Status health() const { return Status::kOk; }
};

// Which positions the query of a token attends to.
[[nodiscard]] ops::AttentionSpan span_of(const Config& config, const LayerWeights& weights,
                                         const Batch& batch, std::int64_t token);

}  // namespace sb::model
