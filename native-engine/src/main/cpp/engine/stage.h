// One pipeline stage: its ranks, their threads, and how a step runs through them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/barrier.h"
#include "base/memory.h"
#include "base/team.h"
#include "cuda/devices.h"
#include "engine/chunk_choices.h"
#include "engine/config.h"
#include "engine/core_spread.h"
#include "engine/fault.h"
#include "engine/mask_table.h"
#include "engine/processor_time.h"
#include "engine/row_table.h"
#include "engine/slot.h"
#include "engine/timeline.h"
#include "model/kv_pool.h"
#include "model/rank_compute.h"
#include "model/sampler.h"

namespace sb::engine {

// A lane's memory on its device while it is measured or laid out.
struct LaneCarvers {
  Carver kv, scratch;
};

// What all stages share; owned by the engine.
struct Shared {
  cuda::Devices* devices = nullptr;  // null: the layers run on the processor
  const model::Config* model = nullptr;
  const Config* config = nullptr;
  std::span<Slot> slots;
  RowTable* rows = nullptr;
  FaultTable* faults = nullptr;
  MaskTable* masks = nullptr;
  const Timeline* timeline = nullptr;
  Gate submitted;  // steps handed in
  CoreSpread* cores = nullptr;
  std::int64_t barrier_spin_ns = 0;
  std::int64_t idle_spin_ns = 0;

  [[nodiscard]] Slot& slot(std::uint64_t submission) const {
    return slots[submission % slots.size()];
  }
};

// Submissions are numbered from 0; a gate that has reached n + 1 has let submission n through.
//
// Each of the stage's ranks x threads threads walks all submissions in order by itself. They meet
// at the rank's barrier between two kernels that share data, at the stage's barrier where ranks
// exchange partial sums, and once at the end of a step; then the stage's gate lets the next stage
// have it. So stage s + 1 runs step k while stage s runs step k + 1, as far apart as there are
// slots.
//
// Ranks whose devices meet by themselves (RankCompute::join) meet on the host only where the first
// rank, whose thread drives all of them, has waited for them. Behind it each tells what its own has
// done.
//
// Where the model is one stage on one device, or of ranks that have joined, a step of which the
// host draws nothing is launched to its end before anything is waited for. If the next step is such
// a one too and is submitted before the device has ended, it is launched behind the first, and only
// then that one is waited for: the device goes from one to the other by itself. What the first one
// samples is meanwhile known to the device alone, so among the rows' last tokens it is kLastSampled
// again.
class Stage {
 public:
  Stage(Shared& shared, std::int32_t index, Stage* previous);

  // lanes: of each the memory on its device; empty without devices.
  void lay_out(Carver& kv, Carver& scratch, std::span<LaneCarvers> lanes);
  Status bind(const model::Weights& weights, const model::RopeTables& rope);
  // May throw std::system_error; join() then joins those that were started.
  void start(Gate& last_stage_done);
  // Makes every wait of this stage's barriers and gate return; join() waits for its threads, which
  // may be at another stage's gate.
  void poison();
  void join();

  // Whether its hidden states stay in its first rank's device, where the next stage reads them.
  [[nodiscard]] bool gives_across() const { return gives_across_; }

  // Steps that have left this stage.
  [[nodiscard]] Gate& done() { return done_; }
  // The first rank that neither has finished the step nor waits for another; -1: none.
  [[nodiscard]] std::int32_t stuck_rank(std::uint64_t step) const;

 private:
  struct Rank {
    std::unique_ptr<model::RankCompute> model;
    model::KvPool kv;
    std::unique_ptr<Barrier> barrier;
    std::unique_ptr<Hand[]> hands;     // per thread
    ChunkChoices choices;              // its first thread's, where a device samples
    std::uint64_t layer_bytes = 0;     // weights one pass over the layers reads
    std::uint64_t output_bytes = 0;    // and one over the output layer
    std::uint64_t kv_token_bytes = 0;  // keys and values of one position, one layer
    Lane lane;
    std::atomic<bool> waiting{false};  // for another rank or stage
    // What its threads but the first lost since the start for want of a core.
    std::atomic<std::int64_t> lost_ns{0};
  };

  // One thread's state; thread 0 of a rank also keeps the rank's time.
  struct Worker {
    std::int32_t rank_index = 0;
    Rank* rank = nullptr;
    Team team;
    SpinBudget stage_spin{0};
    SpinBudget idle_spin{0};
    model::SamplerScratch* sampler = nullptr;
    std::uint32_t index = 0;  // among the stage's threads
    bool keeps_time = false;
    Team alone;  // what it walks a step with that is left to the device
    StepClock clock;
    std::int64_t finished_ns = 0;  // the step before
    std::int64_t earliest_ns = 0;  // that anybody can have begun this step
    ActiveFaults faults;
    bool measures = false;  // processor time, in this step
    ProcessorTime processor;
    // Of the first thread.
    std::int64_t free_ns = 0;  // since then nothing of the step before was waited for
    // For want of a core it began so much later than it could, at the step's start or after the
    // meeting before, and so comes as much later to the next one.
    std::int64_t begun_late_ns = 0;
    std::int64_t woken_late_ns = 0;   // the same, after the meeting that has just been
    std::int64_t others_lost_ns = 0;  // of the rank's other threads, as far as it was charged
    std::int64_t lost_ns = 0;         // by the rank, since the last collective
    std::int64_t measured_ns = 0;     // when that was read
  };

  [[nodiscard]] std::unique_ptr<model::RankCompute> make_rank(std::int32_t rank) const;
  [[nodiscard]] bool is_first() const { return previous_ == nullptr; }
  [[nodiscard]] bool is_last() const { return index_ == shared_.config->stages - 1; }
  [[nodiscard]] std::int32_t lane_of(std::int32_t rank) const {
    return index_ * shared_.config->ranks + rank;
  }

  // What waiting at the stage's barrier is called: a single rank waits for nobody but itself.
  [[nodiscard]] Kind wait_kind() const {
    return shared_.config->ranks > 1 ? Kind::kAllReduceWait : Kind::kCompute;
  }

  // The step's hidden states on their way to the next stage: in the host's memory, or in that of
  // the first rank's device.
  [[nodiscard]] std::span<float> hidden_of(const Slot& slot) const;

  [[nodiscard]] bool records(const Slot& slot) const {
    return shared_.config->timeline_records > 0 && !slot.unrecorded;
  }
  // An injected slowness is a share of what was measured.
  [[nodiscard]] bool measures(const Slot& slot) const {
    return records(slot) || shared_.config->allow_fault_injection;
  }

  void run(std::int32_t rank, std::int32_t thread);
  // One step, from its arrival to its leaving the stage; false when the engine is being stopped.
  [[nodiscard]] bool walk(Worker& worker, std::uint64_t submission);
  [[nodiscard]] bool receive(Worker& worker, std::uint64_t submission);
  [[nodiscard]] bool suffer_faults(Worker& worker, Slot& slot);
  [[nodiscard]] bool compute(Worker& worker, Slot& slot);
  void fail_with_sources(Slot& slot);
  // Of a single stage that is on a device.
  [[nodiscard]] bool can_leave(const Slot& slot) const;
  [[nodiscard]] bool compute_on_device(Worker& worker, std::uint64_t submission);
  [[nodiscard]] bool launch(Worker& worker, Slot& slot);
  [[nodiscard]] bool launch_next(Worker& worker, std::uint64_t submission);
  [[nodiscard]] bool can_launch_next(const Worker& worker, const Slot& next) const;
  [[nodiscard]] bool collect(Worker& worker, Slot& slot);
  [[nodiscard]] bool meet_collected(Worker& worker, const Slot& slot);
  // reduce(layer, which, kept) adds the partial sums.
  template <class Reduce>
  [[nodiscard]] bool walk_layers(model::RankCompute& model, const model::Batch& batch, Team& team,
                                 const Reduce& reduce) const;
  [[nodiscard]] bool layers(Worker& worker, Slot& slot);
  [[nodiscard]] bool all_reduce(Worker& worker, std::int32_t layer, model::Partial which,
                                const model::TokenSet& kept);
  void count_layer_bytes(Worker& worker, const Slot& slot) const;
  [[nodiscard]] std::uint64_t kv_reads(const Slot& slot) const;
  void send(Worker& worker, Slot& slot);
  [[nodiscard]] bool outputs(Worker& worker, Slot& slot);
  [[nodiscard]] bool logits(Worker& worker, Slot& slot, Range chunk);
  [[nodiscard]] bool choose_on_device(Worker& worker, Slot& slot, Range chunk);
  // By row what the device gave.
  void place_choices(std::span<const model::Choice> choices, std::span<const std::int32_t> chosen,
                     std::span<const model::Scored> scored);
  [[nodiscard]] bool meet_for_output(Worker& worker);
  [[nodiscard]] bool can_give_across() const;
  [[nodiscard]] bool embeddings(Worker& worker, Slot& slot);
  [[nodiscard]] bool output(Worker& worker, Slot& slot, std::int64_t index, std::int64_t row);
  void score_output(Slot& slot, std::int64_t index, std::int64_t row) const;
  [[nodiscard]] bool choose_token(Worker& worker, Slot& slot, std::int64_t index, std::int64_t row);
  [[nodiscard]] bool await_mask(Worker& worker, const Slot& slot, std::int64_t index,
                                model::SamplingInput& input);
  [[nodiscard]] std::span<const float> logits_of(std::int64_t row) const {
    const auto vocab = static_cast<std::size_t>(shared_.model->vocab);
    return logits_.subspan(static_cast<std::size_t>(row) * vocab, vocab);
  }
  void report_health(std::int32_t rank, Slot& slot) const;
  void forget_samples(const Slot& slot);
  void finish(Worker& worker, Slot& slot);
  void publish(Slot& slot);
  void settle(const Worker& worker);
  [[nodiscard]] bool stage_sync(Worker& worker);
  [[nodiscard]] bool meet(Worker& worker);
  void begin_measuring(Worker& worker, const Slot& slot);
  void late_start(Worker& worker, const Slot& slot, std::int64_t now);
  void charge_lost(Worker& worker, Kind kind, std::int64_t waited_ns);
  static void charge_lost_device(Worker& worker);
  std::int64_t end_measuring(Worker& worker) const;
  std::int64_t lap_meeting(Worker& worker) const;
  void charge(Worker& worker, Collective which, std::int32_t layer);
  [[nodiscard]] bool end_compute(Worker& worker);
  [[nodiscard]] bool suffer_slowness(Worker& worker, std::int64_t spent);
  std::int64_t lap_compute(Worker& worker, std::int64_t now, Kind rest) const;
  [[nodiscard]] bool wait_gate(Worker& worker, Gate& gate, std::uint64_t value);

  Shared& shared_;
  const std::int32_t index_;
  const Range layers_;  // of the model
  Stage* const previous_;
  const bool gives_across_;
  std::span<float> hidden_;  // [slot][token][dim] on the first rank's device
  bool joined_ = false;      // the ranks' devices meet by themselves
  Gate* last_stage_done_ = nullptr;
  Barrier barrier_;
  Gate done_;
  std::vector<std::unique_ptr<Rank>> ranks_;
  std::span<float> logits_;  // [max_logit_tokens][vocab]; last stage
  std::int32_t max_logit_tokens_ = 0;
  bool device_samples_ = false;
  // Per row of the logits what the device has sampled; kUndecided where it is left to the host.
  std::vector<std::int32_t> chosen_;
  // And where its score is among those that the device has worked out; -1: it has none.
  std::vector<std::int32_t> score_at_;
  std::vector<model::RowScore> scores_;
  std::vector<model::SamplerScratch> samplers_;  // per thread; last stage
  std::vector<std::thread> threads_;
};

}  // namespace sb::engine
