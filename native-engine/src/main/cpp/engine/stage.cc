#include "engine/stage.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "base/spin.h"
#include "cuda/device_rank.h"
#include "model/rank_model.h"

namespace sb::engine {
namespace {

// A slowed rank stays busy as one on a slow core would, but does not burn what can be slept.
constexpr std::int64_t kSleptNs = 10'000'000;

// A parked thread takes so long to run again on a machine that has cores to spare.
constexpr std::int64_t kWakeNs = 200'000;

// Between two looks whether a device has ended a step while the next one is not submitted.
constexpr std::int64_t kLookNs = 20'000;

}  // namespace

Stage::Stage(Shared& shared, std::int32_t index, Stage* previous)
    : shared_(shared),
      index_(index),
      layers_(model::stage_layers(*shared.model, shared.config->stages, index)),
      previous_(previous),
      gives_across_(can_give_across()),
      barrier_(shared.config->ranks, shared.config->threads) {
  const Config& config = *shared.config;
  max_logit_tokens_ = std::min({kMaxLogitTokens, config.max_step_outputs, config.max_step_tokens});
  for (std::int32_t i = 0; i < config.ranks; ++i) {
    ranks_.push_back(std::make_unique<Rank>());
    ranks_.back()->model = make_rank(i);
    ranks_.back()->barrier = std::make_unique<Barrier>(1, config.threads);
    ranks_.back()->hands = std::make_unique<Hand[]>(static_cast<std::size_t>(config.threads));
  }
}

std::unique_ptr<model::RankCompute> Stage::make_rank(std::int32_t rank) const {
  const Config& config = *shared_.config;
  const model::RankShape shape = model::rank_shape(*shared_.model, config.ranks, rank);
  const model::RankLimits limits{config.ranks, config.threads, config.max_step_tokens,
                                 max_logit_tokens_, config.kv_block_tokens};
  if (shared_.devices == nullptr) {
    return std::make_unique<model::RankModel>(*shared_.model, shape, limits,
                                              ops::kernels(config.isa));
  }
  return std::make_unique<cuda::DeviceRank>(
      *shared_.model, shape, limits,
      cuda::DeviceRankPlace{
          .devices = shared_.devices,
          .first_lane = lane_of(0),
          .lane = lane_of(rank),
          .layers = static_cast<std::int32_t>(layers_.size()),
          .max_rows = config.max_rows,
          .samples = is_last() && !shared_.model->embeds(),
          .takes_across = !is_first() && previous_->gives_across_,
          .gives_across = gives_across_,
      });
}

// Every rank of the next stage reads what the first one of this has computed.
bool Stage::can_give_across() const {
  if (shared_.devices == nullptr || is_last()) return false;
  const std::int32_t ranks = shared_.config->ranks;
  for (std::int32_t rank = 0; rank < ranks; ++rank) {
    if (!shared_.devices->reads(lane_of(ranks + rank), lane_of(0))) return false;
  }
  return true;
}

std::span<float> Stage::hidden_of(const Slot& slot) const {
  if (!gives_across_) return slot.hidden;
  const std::size_t floats = hidden_.size() / shared_.slots.size();
  return hidden_.subspan(static_cast<std::size_t>(&slot - shared_.slots.data()) * floats, floats);
}

void Stage::lay_out(Carver& kv, Carver& scratch, std::span<LaneCarvers> lanes) {
  const model::Config& model = *shared_.model;
  const Config& config = *shared_.config;
  const model::KvShape shape{config.kv_type, config.kv_blocks, config.kv_block_tokens};
  const std::int32_t kv_heads = model::rank_shape(model, config.ranks, 0).kv_heads;
  for (std::int32_t i = 0; i < config.ranks; ++i) {
    Rank* rank = ranks_[static_cast<std::size_t>(i)].get();
    LaneCarvers none;
    LaneCarvers& lane = lanes.empty() ? none : lanes[static_cast<std::size_t>(lane_of(i))];
    rank->kv = model::KvPool::lay_out(lanes.empty() ? kv : lane.kv, shape, layers_.size(), kv_heads,
                                      model.head_dim);
    rank->model->lay_out(scratch, lane.scratch);
    if (i == 0 && gives_across_) {
      const auto floats = checked_mul(static_cast<std::size_t>(config.max_step_tokens),
                                      static_cast<std::size_t>(model.dim));
      hidden_ = lane.scratch.take<float>(checked_mul(shared_.slots.size(), floats));
    }
    const std::int64_t head_bytes =
        ops::kv_head_bytes(config.kv_type, config.kv_block_tokens, model.head_dim);
    rank->kv_token_bytes =
        static_cast<std::uint64_t>(kv_heads * head_bytes * 2 / config.kv_block_tokens);
  }
  if (!is_last() || model.embeds()) return;
  logits_ = scratch.take<float>(checked_mul(static_cast<std::size_t>(max_logit_tokens_),
                                            static_cast<std::size_t>(model.vocab)));
  samplers_.clear();
  for (std::int32_t i = 0; i < config.ranks * config.threads; ++i) {
    samplers_.push_back(model::SamplerScratch::lay_out(scratch, model.vocab));
  }
}

Status Stage::bind(const model::Weights& weights, const model::RopeTables& rope) {
  for (std::int32_t i = 0; i < shared_.config->ranks; ++i) {
    Rank& rank = *ranks_[static_cast<std::size_t>(i)];
    const model::RankWeights& mine = weights.rank(index_, i);
    if (Status s = rank.model->bind(mine, rank.kv, rope); s != Status::kOk) return s;
    for (const model::LayerWeights& layer : mine.layers) rank.layer_bytes += layer.matrix_bytes();
    rank.output_bytes = mine.output.bytes();
    rank.lane = shared_.timeline->lane(lane_of(i));
    rank.choices.reserve(max_logit_tokens_);
  }
  std::vector<model::RankCompute*> models;
  for (const std::unique_ptr<Rank>& rank : ranks_) models.push_back(rank->model.get());
  joined_ = models[0]->join(models);
  device_samples_ = models[0]->samples();
  chosen_.assign(static_cast<std::size_t>(max_logit_tokens_), model::kUndecided);
  score_at_.assign(static_cast<std::size_t>(max_logit_tokens_), -1);
  scores_.resize(device_samples_ ? static_cast<std::size_t>(max_logit_tokens_) : 0);
  return Status::kOk;
}

void Stage::start(Gate& last_stage_done) {
  last_stage_done_ = &last_stage_done;
  const Config& config = *shared_.config;
  threads_.reserve(static_cast<std::size_t>(config.ranks * config.threads));
  for (std::int32_t rank = 0; rank < config.ranks; ++rank) {
    for (std::int32_t thread = 0; thread < config.threads; ++thread) {
      threads_.emplace_back([this, rank, thread] { run(rank, thread); });
    }
  }
}

void Stage::poison() {
  done_.poison();
  barrier_.poison();
  for (const std::unique_ptr<Rank>& rank : ranks_) rank->barrier->poison();
}

void Stage::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::int32_t Stage::stuck_rank(std::uint64_t step) const {
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    const Rank& rank = *ranks_[i];
    if (rank.lane.finished_step() < step && !rank.waiting.load(std::memory_order_acquire)) {
      return static_cast<std::int32_t>(i);
    }
  }
  return -1;
}

void Stage::run(std::int32_t rank, std::int32_t thread) {
  char name[16];
  std::snprintf(name, sizeof(name), "sb-s%dr%dt%d", index_, rank, thread);
  pthread_setname_np(pthread_self(), name);

  Worker worker;
  worker.rank_index = rank;
  worker.rank = ranks_[static_cast<std::size_t>(rank)].get();
  worker.team = {.index = thread,
                 .size = shared_.config->threads,
                 .barrier = worker.rank->barrier.get(),
                 .hands = worker.rank->hands.get(),
                 .spin = SpinBudget(shared_.barrier_spin_ns)};
  worker.stage_spin = SpinBudget(shared_.barrier_spin_ns);
  worker.idle_spin = SpinBudget(shared_.idle_spin_ns);
  worker.index = static_cast<std::uint32_t>(rank * shared_.config->threads + thread);
  worker.sampler = samplers_.empty() ? nullptr : &samplers_[worker.index];
  worker.keeps_time = thread == 0;
  worker.alone.barrier = worker.rank->barrier.get();
  std::uint64_t submission = 0;
  while (walk(worker, submission)) ++submission;
  // What the host shares with the device is given back next.
  if (worker.keeps_time) worker.rank->model->abandon();
}

bool Stage::walk(Worker& worker, std::uint64_t submission) {
  if (!receive(worker, submission)) return false;
  Slot& slot = shared_.slot(submission);
  if (can_leave(slot)) {
    if (worker.index == 0 && !compute_on_device(worker, submission)) return false;
    if (shared_.config->ranks > 1 && !meet_collected(worker, slot)) return false;
  } else if (!compute(worker, slot)) {
    return false;
  }
  finish(worker, slot);
  if (!stage_sync(worker)) return false;
  if (worker.keeps_time) {
    worker.free_ns = shared_.config->ranks > 1 ? barrier_.arrivals().last_ns : now_ns();
  }
  if (worker.index == 0) publish(slot);
  return true;
}

// Waits for the step, and in the first stage for the tokens it takes from the step before.
bool Stage::receive(Worker& worker, std::uint64_t submission) {
  Gate& input = is_first() ? shared_.submitted : previous_->done_;
  if (!wait_gate(worker, input, submission + 1)) return false;
  settle(worker);
  const Slot& slot = shared_.slot(submission);
  if (worker.keeps_time) {
    const std::int64_t now = now_ns();
    late_start(worker, slot, now);
    // A rank that idled because nothing was submitted has not waited for anybody. What was launched
    // has been computed since the step before ended.
    const std::int64_t begins = slot.launched ? worker.finished_ns : now;
    worker.clock.start(is_first() ? begins : std::max(worker.finished_ns, slot.submit_ns),
                       measures(slot));
    if (!is_first()) worker.clock.lap(Kind::kRecvWait, now);
    worker.earliest_ns = slot.launched ? worker.finished_ns : slot.submit_ns;
    worker.rank->lane.begin_step(slot.step, now);
  }
  // Reading the processor time is where a thread often loses its core; that is in the lap.
  begin_measuring(worker, slot);
  if (!is_first() || !slot.waits_for_sample) return true;
  if (!wait_gate(worker, *last_stage_done_, slot.sample_gate)) return false;
  // With one stage the step before is always finished by now; there is nothing to tell.
  if (worker.keeps_time && !is_last()) worker.clock.lap(Kind::kRecvWait);
  return true;
}

// Applies what was injected for this rank and step; false when the engine is being stopped.
bool Stage::suffer_faults(Worker& worker, Slot& slot) {
  FaultTable& table = *shared_.faults;
  const std::int32_t lane = lane_of(worker.rank_index);
  worker.faults = table.active(lane, slot.step);
  const std::int64_t from = now_ns();
  if (worker.faults.hang && !table.hang(lane, slot.step)) return false;
  if (worker.faults.delay_ns > 0 && !table.sleep(worker.faults.delay_ns)) return false;
  // What is injected stands for work of the rank, whatever it does meanwhile.
  if (worker.faults.hang || worker.faults.delay_ns > 0) worker.processor.slept(now_ns() - from);
  if (worker.faults.fail) slot.fail(StepFailure::at(lane, Status::kStepFailed));
  if (worker.faults.out_of_memory) slot.fail(StepFailure::at(lane, Status::kOutOfMemory));
  return true;
}

void Stage::fail_with_sources(Slot& slot) {
  for (const model::Sequence& sequence : slot.batch().sequences) {
    const auto first = static_cast<std::size_t>(sequence.first_token);
    if (slot.batch().tokens[first] != model::kLastSampled) continue;
    const StepFailure source(shared_.rows->failures()[static_cast<std::size_t>(sequence.row)]);
    if (source.failed()) slot.fail(source);
  }
}

bool Stage::compute(Worker& worker, Slot& slot) {
  if (is_first() && worker.index == 0) {
    slot.start_ns = now_ns();
    fail_with_sources(slot);
  }
  if (shared_.config->allow_fault_injection) {
    if (worker.keeps_time && !suffer_faults(worker, slot)) return false;
    if (worker.keeps_time) worker.clock.lap(Kind::kCompute);
    // After this nobody fails the step any more in this stage: all ranks see the same.
    if (!meet(worker)) return false;
    charge_lost(worker, Kind::kCompute, lap_meeting(worker));
    charge(worker, Collective::kStart, 0);
    if (slot.failure().failed()) {
      if (is_last() && worker.index == 0) forget_samples(slot);
      return true;
    }
  }
  if (!layers(worker, slot)) return false;
  if (is_last() && shared_.model->embeds()) return embeddings(worker, slot);
  if (is_last()) return outputs(worker, slot);
  if (worker.rank_index == 0) send(worker, slot);
  return !joined_ || meet(worker);
}

bool Stage::layers(Worker& worker, Slot& slot) {
  const model::Batch& batch = slot.batch();
  model::RankCompute& model = *worker.rank->model;
  if (worker.keeps_time) model.measure(worker.clock.runs());
  model.begin(batch, worker.team);
  if (is_first()) {
    model.embed(batch, worker.team);
  } else {
    model.take_hidden(previous_->hidden_of(slot), batch.size(), worker.team);
  }
  if (!worker.team.sync()) return false;
  const auto reduce = [&](std::int32_t layer, model::Partial which, const model::TokenSet& kept) {
    return all_reduce(worker, layer, which, kept);
  };
  if (!walk_layers(model, batch, worker.team, reduce)) return false;
  if (worker.keeps_time) count_layer_bytes(worker, slot);
  return true;
}

template <class Reduce>
bool Stage::walk_layers(model::RankCompute& model, const model::Batch& batch, Team& team,
                        const Reduce& reduce) const {
  const model::TokenSet all = model::TokenSet::all(batch);
  for (std::int32_t layer = 0; layer < layers_.size(); ++layer) {
    // After the last layer of a model that generates only the tokens with outputs are looked at.
    const bool ends = is_last() && layer + 1 == layers_.size() && !shared_.model->embeds();
    const model::TokenSet kept = ends ? model::TokenSet::with_outputs(batch) : all;
    if (!model.attention(layer, batch, kept, team)) return false;
    if (kept.count == 0) break;
    if (!reduce(layer, model::Partial::kAttention, kept)) return false;
    if (!model.feed_forward(layer, kept.count, team)) return false;
    const model::TokenSet rows{kept.count, {}};
    if (!reduce(layer, model::Partial::kFeedForward, rows)) return false;
  }
  return true;
}

void Stage::count_layer_bytes(Worker& worker, const Slot& slot) const {
  const Rank& rank = *worker.rank;
  worker.clock.add_bytes(Kind::kCompute, rank.layer_bytes + rank.kv_token_bytes * kv_reads(slot));
}

bool Stage::can_leave(const Slot& slot) const {
  const Config& config = *shared_.config;
  // A fault of another rank would have to be suffered by its own thread.
  const bool drives_all = config.ranks == 1 || (joined_ && !config.allow_fault_injection);
  return config.stages == 1 && drives_all && device_samples_ && slot.device_decides &&
         slot.batch().outputs() <= max_logit_tokens_;
}

// By the first thread, as the others have nothing to do.
bool Stage::compute_on_device(Worker& worker, std::uint64_t submission) {
  Slot& slot = shared_.slot(submission);
  slot.start_ns = now_ns();
  fail_with_sources(slot);
  worker.faults = {};
  if (!slot.launched) {
    if (shared_.config->allow_fault_injection) {
      if (!suffer_faults(worker, slot)) return false;
      worker.clock.lap(Kind::kCompute);
    }
    if (slot.failure().failed()) {
      forget_samples(slot);
      return true;
    }
    if (!launch(worker, slot)) return false;
  }
  const bool goes_on = worker.rank->model->health() == Status::kOk && !slot.failure().failed();
  if (goes_on && !launch_next(worker, submission)) return false;
  return collect(worker, slot);
}

// All of the step, to its draws.
bool Stage::launch(Worker& worker, Slot& slot) {
  Rank& rank = *worker.rank;
  model::RankCompute& model = *rank.model;
  const model::Batch& batch = slot.batch();
  model.measure(measures(slot));
  model.begin(batch, worker.alone);
  model.embed(batch, worker.alone);
  const auto add = [&](std::int32_t layer, model::Partial which, const model::TokenSet& kept) {
    std::array<const float*, kMaxRanks> partials;
    for (std::size_t i = 0; i < ranks_.size(); ++i) partials[i] = ranks_[i]->model->partial(which);
    return model.add_partials(layer, which, std::span(partials).first(ranks_.size()), kept,
                              worker.alone);
  };
  if (!walk_layers(model, batch, worker.alone, add)) return false;
  const Range outputs{0, batch.outputs()};
  rank.choices.plan(slot, *shared_.rows, outputs);
  model.leave(outputs, {rank.choices.choices(), {}, rank.choices.scored(), {}});
  return true;
}

// The step behind this one, if it comes before the device has ended this one.
bool Stage::launch_next(Worker& worker, std::uint64_t submission) {
  const std::int64_t from = now_ns();
  bool there = false;
  while (!there) {
    const auto wait = shared_.submitted.wait(submission + 2, worker.idle_spin, now_ns() + kLookNs);
    if (wait == Gate::Wait::kPoisoned) return false;
    there = wait == Gate::Wait::kReached;
    if (!there && worker.rank->model->collectable()) break;
  }
  worker.processor.slept(now_ns() - from);
  Slot& next = shared_.slot(submission + 1);
  if (!there || !can_launch_next(worker, next)) return true;
  for (const model::Sequence& sequence : shared_.slot(submission).batch().sequences) {
    if (!sequence.samples) continue;
    shared_.rows->last_sampled()[static_cast<std::size_t>(sequence.row)] = model::kLastSampled;
  }
  next.launched = true;
  return launch(worker, next);
}

bool Stage::can_launch_next(const Worker& worker, const Slot& next) const {
  if (!can_leave(next)) return false;
  if (measures(next) && worker.rank->model->wants_anchor()) return false;
  // They are suffered where nothing else waits for the thread.
  return !shared_.faults->active(lane_of(worker.rank_index), next.step).any();
}

bool Stage::collect(Worker& worker, Slot& slot) {
  Rank& rank = *worker.rank;
  const std::int64_t count = slot.batch().outputs();
  rank.choices.plan(slot, *shared_.rows, {0, count});
  const std::span<const model::Scored> scored = rank.choices.scored();
  std::array<std::int32_t, kMaxLogitTokens> tokens;
  const auto chosen = std::span(tokens).first(rank.choices.choices().size());
  rank.model->collect(
      {rank.choices.choices(), chosen, scored, std::span(scores_).first(scored.size())});
  const std::int64_t spent = lap_compute(worker, now_ns(), Kind::kCopy);
  count_layer_bytes(worker, slot);
  worker.clock.add_bytes(Kind::kCompute, rank.output_bytes);
  if (!suffer_slowness(worker, spent)) return false;
  for (std::int32_t i = 0; i < shared_.config->ranks; ++i) report_health(i, slot);
  if (slot.failure().failed()) {
    forget_samples(slot);
    return true;
  }
  place_choices(rank.choices.choices(), chosen, scored);
  for (std::int64_t i = 0; i < count; ++i) {
    if (!output(worker, slot, i, i)) return false;
  }
  worker.clock.lap(Kind::kSample);
  return true;
}

// Behind what the first rank's thread has waited for: each rank tells what its own device has done.
bool Stage::meet_collected(Worker& worker, const Slot& slot) {
  if (!meet(worker)) return false;
  if (worker.keeps_time) {
    // Of all layers' tokens, but for the last one's, of which those with outputs are looked at.
    const model::Batch& batch = slot.batch();
    const std::int64_t rows = 2 * ((layers_.size() - 1) * batch.size() + batch.outputs());
    const std::int64_t moved = rows * shared_.model->dim * (shared_.config->ranks - 1);
    worker.clock.add_bytes(Kind::kAllReduceWait, static_cast<std::uint64_t>(moved) * sizeof(float));
  }
  if (worker.index == 0) {
    worker.clock.lap(Kind::kAllReduceWait);
  } else if (worker.keeps_time) {
    lap_compute(worker, now_ns(), Kind::kAllReduceWait);
    count_layer_bytes(worker, slot);
    worker.clock.add_bytes(Kind::kCompute, worker.rank->output_bytes);
  }
  charge_lost_device(worker);
  return true;
}

// Positions whose keys and values attention reads, summed over the stage's layers.
std::uint64_t Stage::kv_reads(const Slot& slot) const {
  const model::Config& model = *shared_.model;
  if (model.windows.empty()) return slot.kv_tokens(0) * static_cast<std::uint64_t>(layers_.size());
  std::uint64_t reads = 0;
  for (std::int64_t layer = layers_.begin; layer < layers_.end; ++layer) {
    reads += slot.kv_tokens(model.window(layer));
  }
  return reads;
}

// Adds the ranks' partial sums of the kept tokens to this rank's copy of x, in rank order.
bool Stage::all_reduce(Worker& worker, std::int32_t layer, model::Partial which,
                       const model::TokenSet& kept) {
  if (!joined_ && worker.keeps_time && !end_compute(worker)) return false;
  const std::int32_t ranks = shared_.config->ranks;
  const std::int64_t moved = kept.count * shared_.model->dim * (ranks - 1);
  if (moved > 0 && worker.keeps_time && worker.clock.runs()) {
    worker.clock.add_bytes(Kind::kAllReduceWait, static_cast<std::uint64_t>(moved) * sizeof(float));
  }
  std::array<const float*, kMaxRanks> partials;
  for (std::size_t i = 0; i < ranks_.size(); ++i) partials[i] = ranks_[i]->model->partial(which);
  const auto add = [&] {
    return worker.rank->model->add_partials(layer, which, std::span(partials).first(ranks_.size()),
                                            kept, worker.team);
  };
  if (ranks == 1 || joined_) return add();
  if (!meet(worker)) return false;
  charge_lost(worker, Kind::kCompute, lap_meeting(worker));
  charge(worker,
         which == model::Partial::kAttention ? Collective::kAttention : Collective::kFeedForward,
         static_cast<std::int32_t>(layers_.begin) + layer);
  return add();
}

void Stage::send(Worker& worker, Slot& slot) {
  model::RankCompute& model = *worker.rank->model;
  const bool busy = model.busy();
  if (worker.keeps_time && !busy) lap_compute(worker, now_ns(), Kind::kCopy);
  const std::int64_t tokens = slot.batch().size();
  model.give_hidden(tokens, hidden_of(slot), worker.team);
  if (!worker.keeps_time) return;
  if (busy) lap_compute(worker, now_ns(), Kind::kSend);
  worker.clock.lap(Kind::kSend);
  worker.clock.add_bytes(Kind::kSend,
                         static_cast<std::uint64_t>(tokens * shared_.model->dim) * sizeof(float));
}

bool Stage::outputs(Worker& worker, Slot& slot) {
  const std::int64_t count = slot.batch().outputs();
  if (count == 0) return !joined_ || meet(worker);
  const auto threads = static_cast<std::uint32_t>(shared_.config->ranks * shared_.config->threads);
  for (std::int64_t begin = 0; begin < count; begin += max_logit_tokens_) {
    const Range chunk{begin, std::min<std::int64_t>(count, begin + max_logit_tokens_)};
    // The logits of the chunk before have been read.
    if (begin > 0) {
      end_measuring(worker);
      if (!stage_sync(worker)) return false;
      if (worker.keeps_time) worker.clock.lap(wait_kind());
      begin_measuring(worker, slot);
    }
    if (!logits(worker, slot, chunk)) return false;
    // All threads see the same: nobody fails the step between this meeting and the next one.
    if (slot.failure().failed()) {
      if (worker.index == 0) forget_samples(slot);
      return true;
    }
    bool sampled = false;
    for (std::int64_t i = chunk.begin; i < chunk.end; ++i) {
      if (slot.output_key(i) % threads != worker.index) continue;
      sampled = true;
      if (!output(worker, slot, i, i - begin)) return false;
    }
    if (worker.keeps_time && sampled) worker.clock.lap(Kind::kSample);
  }
  return true;
}

// The chunk's logits, and what a device samples of them; then all threads have met.
bool Stage::logits(Worker& worker, Slot& slot, Range chunk) {
  Rank& rank = *worker.rank;
  std::span<const std::int32_t> listed;
  if (device_samples_ && worker.keeps_time) {
    rank.choices.plan(slot, *shared_.rows, chunk);
    listed = rank.choices.rest();
  }
  if (!rank.model->logits(chunk, listed, logits_.data(), worker.team)) return false;
  // The first rank has waited for all devices: each rank knows now what its own has done.
  if (joined_ && !meet(worker)) return false;
  if (worker.keeps_time) {
    if (!end_compute(worker)) return false;
    worker.clock.add_bytes(Kind::kCompute, rank.output_bytes);
    report_health(worker.rank_index, slot);
  }
  if (joined_) charge_lost_device(worker);
  if (device_samples_) {
    if (shared_.config->ranks > 1 && !joined_ && !meet_for_output(worker)) return false;
    if (worker.index == 0 && !choose_on_device(worker, slot, chunk)) return false;
  }
  return meet_for_output(worker);
}

bool Stage::meet_for_output(Worker& worker) {
  if (!meet(worker)) return false;
  charge_lost(worker, Kind::kCompute, lap_meeting(worker));
  charge(worker, Collective::kOutput, 0);
  return true;
}

// By the stage's first thread, when the logits of all ranks are complete on their devices.
bool Stage::choose_on_device(Worker& worker, Slot& slot, Range chunk) {
  Rank& rank = *worker.rank;
  const std::span<model::Choice> choices = rank.choices.choices();
  const std::span<const model::Scored> scored = rank.choices.scored();
  place_choices({}, {}, {});
  if ((choices.empty() && scored.empty()) || slot.failure().failed()) return true;
  for (model::Choice& choice : choices) {
    if (!await_mask(worker, slot, chunk.begin + choice.row, choice.input)) return false;
  }
  std::array<const float*, kMaxRanks> kept;
  for (std::size_t i = 0; i < ranks_.size(); ++i) kept[i] = ranks_[i]->model->kept_logits();
  std::array<std::int32_t, kMaxLogitTokens> tokens;
  const auto chosen = std::span(tokens).first(choices.size());
  rank.model->sample({choices, chosen, scored, std::span(scores_).first(scored.size())},
                     std::span(kept).first(ranks_.size()));
  place_choices(choices, chosen, scored);
  worker.clock.lap(Kind::kSample);
  report_health(worker.rank_index, slot);
  return true;
}

void Stage::place_choices(std::span<const model::Choice> choices,
                          std::span<const std::int32_t> chosen,
                          std::span<const model::Scored> scored) {
  std::fill(chosen_.begin(), chosen_.end(), model::kUndecided);
  std::fill(score_at_.begin(), score_at_.end(), -1);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    chosen_[static_cast<std::size_t>(choices[i].row)] = chosen[i];
  }
  for (std::size_t i = 0; i < scored.size(); ++i) {
    score_at_[static_cast<std::size_t>(scored[i].row)] = static_cast<std::int32_t>(i);
  }
}

// A sequence has one output.
bool Stage::embeddings(Worker& worker, Slot& slot) {
  const bool busy = !joined_ && worker.rank->model->busy();
  if (!worker.rank->model->end_layers(slot.batch(), worker.team)) return false;
  if (joined_ && !meet(worker)) return false;
  if (worker.keeps_time && (busy || joined_)) lap_compute(worker, now_ns(), Kind::kCopy);
  const auto threads = static_cast<std::size_t>(shared_.config->ranks * shared_.config->threads);
  const auto size = static_cast<std::size_t>(shared_.model->embedding_size());
  const auto count = static_cast<std::size_t>(slot.batch().outputs());
  for (std::size_t i = worker.index; i < count; i += threads) {
    worker.rank->model->pool(slot.owner_of(static_cast<std::int64_t>(i)),
                             slot.embeddings.data() + i * size, worker.team);
    slot.result_tokens[i] = model::kSample;
    slot.result_logprobs[i] = std::numeric_limits<float>::quiet_NaN();
  }
  if (worker.keeps_time) worker.clock.lap(Kind::kSample);
  return true;
}

// Of the chunk's row of that number.
bool Stage::output(Worker& worker, Slot& slot, std::int64_t index, std::int64_t row) {
  const auto at = static_cast<std::size_t>(index);
  if (!choose_token(worker, slot, index, row)) return false;
  slot.result_logprobs[at] = std::numeric_limits<float>::quiet_NaN();
  const auto top = slot.top_tokens.subspan(at * kMaxTopLogprobs, kMaxTopLogprobs);
  const auto top_logprobs = slot.top_logprobs.subspan(at * kMaxTopLogprobs, kMaxTopLogprobs);
  std::fill(top.begin(), top.end(), -1);
  std::fill(top_logprobs.begin(), top_logprobs.end(), -std::numeric_limits<float>::infinity());
  const bool finite = slot.result_tokens[at] != model::kNotFinite;
  if (finite && wants_score(slot, index)) score_output(slot, index, row);
  return true;
}

void Stage::score_output(Slot& slot, std::int64_t index, std::int64_t row) const {
  const auto at = static_cast<std::size_t>(index);
  const std::int32_t top = slot.owner_of(index).top_logprobs;
  const std::int32_t score_at = score_at_[static_cast<std::size_t>(row)];
  const model::RowScore score = score_at >= 0
                                    ? scores_[static_cast<std::size_t>(score_at)]
                                    : model::score(logits_of(row), slot.result_tokens[at], top);
  const auto normaliser = model::Normaliser::of(score);
  slot.result_logprobs[at] = normaliser.log_probability(score.logit);
  for (std::size_t i = 0; i < static_cast<std::size_t>(top) && score.top_tokens[i] >= 0; ++i) {
    slot.top_tokens[at * kMaxTopLogprobs + i] = score.top_tokens[i];
    slot.top_logprobs[at * kMaxTopLogprobs + i] = normaliser.log_probability(score.top_logits[i]);
  }
}

// The output's token, once its mask is known where it has one; false when the engine is being
// stopped.
bool Stage::choose_token(Worker& worker, Slot& slot, std::int64_t index, std::int64_t row) {
  std::int32_t& chosen = slot.result_tokens[static_cast<std::size_t>(index)];
  chosen = slot.target(index);
  if (chosen != model::kSample) return true;
  chosen = chosen_[static_cast<std::size_t>(row)];
  if (chosen == model::kUndecided) {
    model::SamplingInput input = sampling_input(slot, *shared_.rows, index);
    input.logits = logits_of(row);
    if (!await_mask(worker, slot, index, input)) return false;
    chosen = model::sample(input, *worker.sampler);
  }
  // Steps that were submitted before this is known go on with some token; nobody reads what it was.
  const std::int32_t known = std::max(chosen, 0);
  const std::int32_t number = slot.owner_of(index).row;
  Row& sampled = (*shared_.rows)[number];
  if (sampled.sampling.penalises()) sampled.counts.add(known);
  shared_.rows->last_sampled()[static_cast<std::size_t>(number)] = known;
  shared_.rows->failures()[static_cast<std::size_t>(number)] = 0;
  return true;
}

// Gives the input the output's mask, where it has one; false when the engine is being stopped.
bool Stage::await_mask(Worker& worker, const Slot& slot, std::int64_t index,
                       model::SamplingInput& input) {
  const std::int32_t mask = slot.output_mask(index);
  if (mask == kNoMask) return true;
  const std::int64_t from = now_ns();
  if (!shared_.masks->wait(mask, slot.step, worker.idle_spin)) return false;
  worker.processor.slept(now_ns() - from);
  input.mask = shared_.masks->bits(mask);
  return true;
}

// A rank whose device has failed computes nothing more, and the step is void.
void Stage::report_health(std::int32_t rank, Slot& slot) const {
  const Status health = ranks_[static_cast<std::size_t>(rank)]->model->health();
  if (health != Status::kOk) slot.fail(StepFailure::at(lane_of(rank), health));
}

// What a failed step should have sampled is unknown, and so fails the steps that need it.
void Stage::forget_samples(const Slot& slot) {
  for (const model::Sequence& sequence : slot.batch().sequences) {
    if (!sequence.samples) continue;
    const auto row = static_cast<std::size_t>(sequence.row);
    shared_.rows->failures()[row] = slot.failure().word();
    // Nobody counts it for the penalties of what is sampled next in the row.
    shared_.rows->last_sampled()[row] = 0;
  }
}

// The rank's records and heartbeat; complete before the step leaves the stage.
void Stage::finish(Worker& worker, Slot& slot) {
  if (!worker.keeps_time) return;
  report_health(worker.rank_index, slot);
  const std::int64_t now = end_measuring(worker);
  worker.finished_ns = now;
  if (records(slot)) {
    worker.clock.write(worker.rank->lane, slot.step, index_, worker.rank_index,
                       static_cast<std::uint32_t>(slot.batch().size()));
  }
  worker.rank->lane.finish_step(slot.step, now);
}

void Stage::publish(Slot& slot) {
  slot.handed_ns = now_ns();
  if (is_last()) slot.end_ns = slot.handed_ns;
  done_.advance();
}

// It may have been woken on another thread's core.
void Stage::settle(const Worker& worker) {
  shared_.cores->settle(index_ * shared_.config->ranks * shared_.config->threads +
                        static_cast<std::int32_t>(worker.index));
}

bool Stage::stage_sync(Worker& worker) {
  if (worker.keeps_time) worker.rank->waiting.store(true, std::memory_order_release);
  const bool released = barrier_.wait(worker.rank_index, worker.stage_spin);
  if (worker.keeps_time) worker.rank->waiting.store(false, std::memory_order_release);
  settle(worker);
  return released;
}

// The same, between two pieces of which the processor time is measured.
bool Stage::meet(Worker& worker) {
  if (!worker.measures) return stage_sync(worker);
  worker.lost_ns = worker.processor.lost_ns(worker.team.spin.parked_ns());
  worker.measured_ns = now_ns();
  // The rank's first thread reads it when all have arrived.
  if (!worker.keeps_time) {
    worker.rank->lost_ns.fetch_add(worker.lost_ns, std::memory_order_relaxed);
  }
  return stage_sync(worker);
}

void Stage::begin_measuring(Worker& worker, const Slot& slot) {
  worker.measures = records(slot);
  if (worker.measures) worker.processor.begin(worker.team.spin.parked_ns());
}

// It could begin when the step was there and the one before was over.
void Stage::late_start(Worker& worker, const Slot& slot, std::int64_t now) {
  const std::int64_t there = is_first() ? slot.submit_ns : slot.handed_ns;
  const std::int64_t late = now - std::max(there, worker.free_ns);
  // With several stages nobody knows when the token was there.
  const bool waits = is_first() && !is_last() && slot.waits_for_sample;
  worker.begun_late_ns = worker.free_ns != 0 && !waits && late > kWakeNs ? late : 0;
}

// After a meeting: moves from a kind what the rank lost for want of cores since the one before.
// What its other threads lost counts as far as the first one waited for them.
void Stage::charge_lost(Worker& worker, Kind kind, std::int64_t waited_ns) {
  if (!worker.measures) return;
  const std::int64_t parked = worker.team.spin.parked_ns();
  if (worker.keeps_time) {
    const std::int64_t others = worker.rank->lost_ns.load(std::memory_order_relaxed);
    const std::int64_t waited = worker.processor.parked_since_ns(parked) + waited_ns;
    worker.lost_ns += std::min(waited, others - worker.others_lost_ns);
    worker.others_lost_ns = others;
    worker.clock.off_cpu(kind, worker.lost_ns);
    if (shared_.config->ranks > 1) {
      const std::int64_t woken = worker.clock.mark_ns() - barrier_.arrivals().last_ns;
      worker.woken_late_ns = woken > kWakeNs ? woken : 0;
      worker.clock.off_cpu(Kind::kAllReduceWait, worker.woken_late_ns);
    }
  }
  worker.processor.begin(parked);
}

// After a meeting behind the devices' work, which did not wait for a core of the host's.
void Stage::charge_lost_device(Worker& worker) {
  if (!worker.measures) return;
  if (worker.keeps_time) worker.clock.off_cpu(Kind::kCompute, worker.lost_ns);
  worker.begun_late_ns = 0;
  worker.processor.begin(worker.team.spin.parked_ns());
}

// After the last meeting of a step, or of a chunk of its outputs, in which this rank may have had
// nothing to sample. Returns until when. The processor time is read before the last lap ends, since
// that is where a thread often loses its core.
std::int64_t Stage::end_measuring(Worker& worker) const {
  if (!worker.keeps_time) return 0;
  const std::int64_t lost =
      worker.measures ? worker.processor.lost_ns(worker.team.spin.parked_ns()) : 0;
  const std::int64_t now = now_ns();
  worker.clock.off_cpu_after_sampling(lost, lap_compute(worker, now, Kind::kCopy));
  return now;
}

// After a meeting. Until the rank's last thread arrived, the rank was still computing: what is lost
// behind the end of a piece, where the processor time is read, was not lost while it waited for the
// others. Returns how long its first thread waited for its own others.
std::int64_t Stage::lap_meeting(Worker& worker) const {
  if (!worker.keeps_time || !worker.clock.runs()) return 0;
  const std::int64_t now = now_ns();
  if (shared_.config->ranks == 1) {
    worker.clock.lap(Kind::kCompute, now);
    return 0;
  }
  const std::int64_t arrived =
      std::clamp(barrier_.arrived_ns(worker.rank_index), worker.clock.mark_ns(), now);
  worker.clock.lap(Kind::kCompute, arrived);
  worker.clock.lap(Kind::kAllReduceWait, now);
  return std::max<std::int64_t>(0, arrived - worker.measured_ns);
}

// Charges this rank with what the others waited for it at the meeting that has just been, where it
// came last.
void Stage::charge(Worker& worker, Collective which, std::int32_t layer) {
  if (!worker.keeps_time || !worker.clock.runs() || shared_.config->ranks == 1) return;
  const Barrier::Arrivals met = barrier_.arrivals();
  if (met.last_group == worker.rank_index) {
    worker.clock.late(met.first_ns, met.last_ns, which, layer);
    const std::int64_t spread = met.last_ns - met.first_ns;
    worker.clock.late_off_cpu(std::min(spread, worker.lost_ns + worker.begun_late_ns));
  }
  worker.begun_late_ns = std::exchange(worker.woken_late_ns, 0);
}

// Ends a piece of computing, for its time and for an injected slowness.
bool Stage::end_compute(Worker& worker) {
  if (worker.rank->model->busy()) return true;
  std::int64_t spent = lap_compute(worker, now_ns(), Kind::kCopy);
  // A slow rank needs longer for its work, and not longer for others that have its core.
  if (worker.faults.slow_percent > 0 && worker.measures && !shared_.config->on_device) {
    spent =
        std::max<std::int64_t>(0, spent - worker.processor.lost_ns(worker.team.spin.parked_ns()));
  }
  return suffer_slowness(worker, spent);
}

bool Stage::suffer_slowness(Worker& worker, std::int64_t spent) {
  if (worker.faults.slow_percent == 0) return true;
  const std::int64_t more = spent * worker.faults.slow_percent / 100;
  bool running = true;
  if (more < kSleptNs) {
    spin_for(more);
  } else {
    running = shared_.faults->sleep(more);
    worker.processor.slept(more);
  }
  worker.clock.lap(Kind::kCompute);
  return running;
}

// Where a device tells when it computed, what passed before was the way there, and after it "rest".
std::int64_t Stage::lap_compute(Worker& worker, std::int64_t now, Kind rest) const {
  StepClock& clock = worker.clock;
  const model::Worked worked = worker.rank->model->worked();
  if (!clock.runs()) return 0;
  if (worked.end_ns == 0) return clock.lap(Kind::kCompute, now);
  const auto until = [&](std::int64_t at) { return std::clamp(at, clock.mark_ns(), now); };
  clock.lap(Kind::kCopy, until(worked.begin_ns));
  std::int64_t spent = 0;
  for (const model::DeviceMeeting& met : worked.meetings) {
    spent += clock.lap(Kind::kCompute, until(met.arrived_ns));
    clock.lap(Kind::kAllReduceWait, until(met.left_ns));
    if (met.last_rank != worker.rank_index) continue;
    const bool attends = met.which == model::Partial::kAttention;
    // How long others waited is known better than when: what the host's thread lost between asking
    // and waiting makes the device's clock doubtful. No meeting was outside its step.
    const std::int64_t spread = met.last_ns - met.first_ns;
    const std::int64_t first = std::max(std::min(met.last_ns, now) - spread, worker.earliest_ns);
    const std::int64_t last = std::min(first + spread, now);
    clock.late(first, last, attends ? Collective::kAttention : Collective::kFeedForward,
               static_cast<std::int32_t>(layers_.begin) + met.layer);
  }
  spent += clock.lap(Kind::kCompute, until(worked.end_ns));
  if (worked.all_end_ns > 0) clock.lap(Kind::kAllReduceWait, until(worked.all_end_ns));
  if (worked.sampled_ns > 0) clock.lap(Kind::kSample, until(worked.sampled_ns));
  clock.lap(rest, now);
  return spent;
}

bool Stage::wait_gate(Worker& worker, Gate& gate, std::uint64_t value) {
  if (worker.keeps_time) worker.rank->waiting.store(true, std::memory_order_release);
  const bool reached = gate.wait(value, worker.idle_spin) == Gate::Wait::kReached;
  if (worker.keeps_time) worker.rank->waiting.store(false, std::memory_order_release);
  return reached;
}

}  // namespace sb::engine
