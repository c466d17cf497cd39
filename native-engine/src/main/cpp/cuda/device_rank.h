// A rank that computes on a device. Its first thread puts kernels into one stream; the others wait,
// and help to sample where a device cannot read all logits.
//
// Ranks whose devices can read one another's memory join: the first one's thread drives all of
// them, each in a stream of its own. Where they meet, each stream waits for the partial sums of all
// and adds them where they lie. The host puts a whole step into the streams meanwhile. A stream
// waits only for what another one has already been given, so no meeting can wait forever for the
// host, for another meeting or for room on a device. Nothing is left of a step that was given up:
// a wait is for a place in a stream, not for a number in memory.
//
// A partial sum is read in place until all have left the meeting, which is before their next one.
// Its owner writes it again behind that, so two of them, attention's and the feed-forward block's,
// are enough.
//
// Ranks that cannot read one another meet on the host: each waits for its stream before, and has
// the partial sums copied to the host's memory and from there.
//
// A decode step's embedding and layers, those of all ranks that have joined, are launched once for
// its shape, and by one call from then on (StepGraphs). Ranks that meet on the host are launched
// every time.
//
// A stretch of work, from its first launch to the host's wait, is stamped by the device at both
// ends, the first stamp being recorded with the layers. So a step's compute time is the device's,
// whatever passed between it and the host.
//
// A step that is left to the device may be in the stream when the next one's work is put there. The
// device's memory then is the former's until the latter's work begins, as a stream keeps its order;
// what the host gives and gets there is twice (Turn).
//
// After a device's error the rank computes nothing and keeps meeting the others; health() says why.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "cuda/device_clock.h"
#include "cuda/device_sampler.h"
#include "cuda/devices.h"
#include "cuda/plugin.h"
#include "cuda/step_graphs.h"
#include "model/rank_compute.h"

namespace sb::cuda {

struct DeviceRankPlace {
  const Devices* devices = nullptr;
  std::int32_t first_lane = 0;  // of the stage
  std::int32_t lane = 0;
  std::int32_t layers = 0;    // of the stage
  std::int32_t max_rows = 0;  // sequences of a step
  bool samples = false;       // its stage ends a model that generates
  // Whether the hidden state comes from a device's memory, and is left in this one's.
  bool takes_across = false;
  bool gives_across = false;
};

class DeviceRank final : public model::RankCompute {
 public:
  DeviceRank(const model::Config& config, const model::RankShape& shape,
             const model::RankLimits& limits, const DeviceRankPlace& place);
  ~DeviceRank() override;

  void lay_out(Carver& host, Carver& device) override;
  Status bind(const model::RankWeights& weights, const model::KvPool& kv,
              const model::RopeTables& rope) override;
  [[nodiscard]] bool join(std::span<model::RankCompute* const> ranks) override;

  void begin(const model::Batch& batch, Team& team) override;
  void embed(const model::Batch& batch, Team& team) override;
  void take_hidden(std::span<const float> hidden, std::int64_t count, Team& team) override;
  void give_hidden(std::int64_t count, std::span<float> hidden, Team& team) override;
  [[nodiscard]] bool attention(std::int32_t layer, const model::Batch& batch,
                               const model::TokenSet& kept, Team& team) override;
  [[nodiscard]] bool feed_forward(std::int32_t layer, std::int64_t m, Team& team) override;
  [[nodiscard]] bool add_partials(std::int32_t layer, model::Partial which,
                                  std::span<const float* const> partials,
                                  const model::TokenSet& kept, Team& team) override;
  [[nodiscard]] const float* partial(model::Partial which) const override;
  [[nodiscard]] bool end_layers(const model::Batch& batch, Team& team) override;
  void pool(const model::Sequence& sequence, float* out, const Team& team) override;
  [[nodiscard]] bool logits(Range rows, std::span<const std::int32_t> listed, float* logits,
                            Team& team) override;
  [[nodiscard]] bool samples() const override {
    return place_.samples && (limits_.ranks == 1 || linked_);
  }
  [[nodiscard]] const float* kept_logits() const override { return logits_.data(); }
  void sample(const model::RowWork& work, std::span<const float* const> kept) override;
  void leave(Range rows, const model::RowWork& work) override;
  void collect(const model::RowWork& work) override;
  [[nodiscard]] bool collectable() override;
  [[nodiscard]] bool wants_anchor() const override;
  void abandon() override;
  void measure(bool measures) override {
    for (DeviceRank* rank : ranks_) rank->measures_ = measures;
  }
  [[nodiscard]] bool busy() const override { return begun_ && measures_; }
  [[nodiscard]] model::Worked worked() override { return std::exchange(worked_, {}); }
  [[nodiscard]] Status health() const override { return health_; }

 private:
  // Where the numbers of a step lie, the same in the host's buffer and in the device's.
  struct Inputs {
    const std::int32_t* positions = nullptr;
    const std::int32_t* ids = nullptr;   // of the first stage
    const std::int32_t* rows = nullptr;  // of the engine, likewise
    const std::int32_t* sequences = nullptr;
    const std::int32_t* outputs = nullptr;  // the tokens with outputs
    // Per sequence of a model that embeds: its first token, its last one, how many it has.
    const std::int32_t* firsts = nullptr;
    const std::int32_t* lasts = nullptr;
    const std::int32_t* counts = nullptr;
    const std::int32_t* block_tables = nullptr;
    std::int32_t max_blocks = 0;
  };
  // What the host gives and gets of a step, until its work has been waited for.
  struct Turn {
    std::span<std::int32_t> inputs;
    std::span<std::uint64_t> stamps;
    // Of a step that was left to the device:
    Mark end;
    Status health = Status::kOk;  // when all of it was launched
    bool measured = false;
    std::int64_t asked_ns = 0;
    std::size_t meetings = 0;
  };
  // The stamps: when work begins, and when it ends where the host waits then; of a step that is
  // left to the device where its sampling begins and ends. Of ranks that have joined, behind these
  // three and of each meeting of the stretch when the rank came there and when it left.
  enum Stamp : std::size_t { kBegin, kWorked, kSampled, kMeetings };
  // The spans of a step's tokens in layers of one window.
  struct Spans {
    std::int32_t window = 0;
    const std::int32_t* begins = nullptr;
    const std::int32_t* ends = nullptr;
    std::int32_t max_parts = 1;
  };

  [[nodiscard]] bool drives(const Team& team) const { return team.index == 0 && !ranks_.empty(); }
  // Does it for each of the ranks that it drives whose device is well.
  template <class Work>
  void each(Work work);
  [[nodiscard]] bool all_well() const;
  // Where the first rank of those that have joined keeps them.
  [[nodiscard]] const StepGraphs& graphs() const { return first_->graphs_; }
  [[nodiscard]] bool joined() const { return first_->ranks_.size() > 1; }
  void check(std::int32_t error);
  // Before a launch.
  void begin_stretch();
  void end_stretch();
  // Behind a stretch's work: a stamp, and all of them up to it to the host.
  void give_stamps(Stamp last);
  void take_meetings(std::span<const std::uint64_t> stamps, std::size_t meetings);
  void await();
  void wait() {
    end_stretch();
    await();
  }
  // For all that it drives.
  void wait_all();
  // Its stream goes on behind those of the others, and these behind it.
  void gather();
  void scatter();
  void meet();
  void tell_last();
  void begin_step(const model::Batch& batch);
  void start_launches();
  [[nodiscard]] static Operand take_operand(Carver& device, std::int64_t tokens, std::int64_t k);
  [[nodiscard]] std::size_t attend_room() const;
  [[nodiscard]] std::int64_t table_blocks() const {
    return (config_.context + limits_.block_tokens - 1) / limits_.block_tokens;
  }
  [[nodiscard]] Status upload_angles(const ops::Rope& rope, std::span<float> to);
  [[nodiscard]] bool is_decode(const model::Batch& batch) const;
  // What a decode step's launches depend on; empty for another step.
  [[nodiscard]] std::span<const std::int32_t> shape_of(const model::Batch& batch);
  void end_launches();
  [[nodiscard]] bool begins_model() const { return !weights_->embedding.empty(); }
  [[nodiscard]] const std::int32_t* put(std::span<const std::int32_t> numbers);
  // number_of(0) to number_of(count - 1).
  template <class NumberOf>
  [[nodiscard]] const std::int32_t* put_each(std::size_t count, NumberOf number_of);
  void put_sequences(const model::Batch& batch);
  void put_spans(const model::Batch& batch, Spans& spans);
  void put_tables(const model::Batch& batch);
  [[nodiscard]] const Spans& spans_of(const model::LayerWeights& weights) const;
  // What attention or a feed-forward block does first: a norm, for a matrix of the type.
  struct Beginning {
    const float* norm;
    ops::WeightType type;
  };
  [[nodiscard]] Beginning beginning(std::int32_t layer, model::Partial of) const;
  // Whether the end of the block before does it, in one launch.
  [[nodiscard]] bool begins_behind_a_block(std::int32_t layer, model::Partial which) const;
  void begin_block(std::int32_t layer, model::Partial which, std::int64_t rows);
  void normalise(const float* x, const float* weight, std::int64_t rows, ops::WeightType type);
  void normalise_rows(const float* x, const float* weight, const float* bias, std::int64_t rows,
                      float* out);
  // y = W normed for each, with the operand in the form that it wants; those of a type together.
  void project(std::span<const MatmulOutput> all, std::int64_t rows);
  void multiply(const ops::Matrix& w, const Operand& x, const float* bias, std::int64_t rows,
                float* y);
  void launch_embed(std::int64_t tokens);
  void launch_attention(std::int32_t layer, std::int64_t tokens, const model::TokenSet& kept);
  void launch_feed_forward(std::int32_t layer, std::int64_t m);
  void launch_block_end(std::int32_t layer, model::Partial which,
                        std::span<const float* const> partials, const model::TokenSet& kept);
  void store(std::int32_t layer, std::int64_t tokens);
  void attend(std::int32_t layer, const model::TokenSet& kept);
  void finish_partial(model::Partial which, std::int64_t rows);
  void pool_sequences(std::int64_t count, std::int64_t tokens);
  void pool_tokens(const std::int32_t* tokens, std::int64_t count);
  void classify(std::int64_t count);
  void leave_logits(Range rows, bool alone);
  void leave_draws(const model::RowWork& work);
  void collect_stamps(const Turn& turn);
  // Into logits_.
  void launch_logits(Range rows);
  [[nodiscard]] SlicedLogits sliced(std::span<const float* const> kept) const;
  void give_listed(Range rows, std::span<const std::int32_t> listed, float* logits);
  void give_logits(const LogitSlice& slice, Range rows, float* logits);

  model::Config config_;
  model::RankShape shape_;
  model::RankLimits limits_;
  DeviceRankPlace place_;
  const Plugin* plugin_;
  std::int32_t device_;
  bool linked_ = true;  // reads the other ranks' partial sums in place, and they this one's
  const model::RankWeights* weights_ = nullptr;
  const model::KvPool* kv_ = nullptr;
  Stream stream_;
  bool streams_ = false;
  Mark mark_;  // where it meets the others
  Status health_ = Status::kOk;
  // All ranks of the stage in their order where they have joined and this is the first; none of
  // another one of these. Itself where it is by itself.
  std::vector<DeviceRank*> ranks_{this};
  DeviceRank* first_ = this;

  // The host's.
  std::span<float> host_pooled_;
  std::span<float> host_partial_[2];  // of ranks that are not linked
  std::array<Turn, 2> turns_;
  std::size_t turn_ = 0;  // of the step that began last
  std::size_t left_ = 0;  // steps that were left to the device and not collected
  std::size_t inputs_used_ = 0;

  // The device's.
  std::span<float> x_, other_x_;  // the second is where kept rows are moved to
  std::span<float> q_, k_, v_, up_, logits_, parts_;
  std::span<float> pooled_;  // [sequence][embedding_size]
  std::span<float> partial_[2];
  std::span<float> peers_;  // the others' partial sums, of ranks that are not linked
  std::span<float> angles_, window_angles_;
  std::span<std::int32_t> device_inputs_;
  std::span<std::int32_t> last_sampled_;  // per row of the engine
  Operand normed_, attended_, gated_;
  Form normed_form_{};

  std::span<std::uint64_t> stamps_;  // the device's
  std::size_t meetings_ = 0;         // of the stretch
  std::vector<model::DeviceMeeting> met_;
  DeviceClock clock_;
  bool measures_ = false;
  bool begun_ = false;  // a stretch
  bool ended_ = false;  // one that is measured
  std::int64_t asked_ns_ = 0;
  std::int64_t anchored_ns_ = 0;  // work was asked for last that nothing was before
  model::Worked worked_;

  DeviceSampler sampler_;  // of the first rank
  StepGraphs graphs_;
  bool repeats_ = false;  // the step is one of those that are recorded
  bool prompts_ = false;  // most of its tokens are of prompts
  std::vector<std::int32_t> step_shape_;
  float* first_x_ = nullptr;  // where a step's x begins
  Inputs inputs_;
  std::vector<Spans> spans_;  // one of each window of its layers
};

}  // namespace sb::cuda
