#include "engine/engine.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cinttypes>
#include <limits>
#include <new>
#include <system_error>

#include "base/clock.h"
#include "base/machine.h"

namespace sb::engine {
namespace {

// About what parking costs both: on a virtual machine a thread runs 20 to 26 us after it is woken,
// and waking it takes the other one 13 to 31 us.
constexpr std::int64_t kBarrierSpinNs = 60'000;
// Between steps the engine thread needs a core more than a waiting rank does.
constexpr std::int64_t kIdleSpinNs = 5'000;

// Signals of the process are for its own threads; only those a fault raises stay open.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

[[nodiscard]] bool has_own_cores(const Config& config) {
  return config.total_threads() <= available_cores();
}

}  // namespace

Engine::Engine(const model::Config& model, const Config& config,
               std::unique_ptr<cuda::Devices> devices)
    : model_(model),
      config_(config),
      devices_(std::move(devices)),
      slots_(static_cast<std::size_t>(config.max_in_flight)),
      faults_(config.stages, config.ranks),
      cores_(has_own_cores(config) ? config.total_threads() : 0),
      hang_watch_(std::int64_t{config.hang_timeout_ms} * 1'000'000) {
  const bool alone = has_own_cores(config);
  shared_.devices = devices_.get();
  shared_.model = &model_;
  shared_.config = &config_;
  shared_.slots = slots_;
  shared_.rows = &rows_;
  shared_.faults = &faults_;
  shared_.masks = &masks_;
  shared_.cores = &cores_;
  shared_.timeline = &timeline_;
  shared_.barrier_spin_ns = alone ? kBarrierSpinNs : 0;
  shared_.idle_spin_ns = alone ? kIdleSpinNs : 0;
  limits_ = {&config_, model.vocab, model.context, 0, model.embeds()};
  const std::int64_t table = (model.context + config.kv_block_tokens - 1) / config.kv_block_tokens;
  limits_.max_blocks = table * config.max_rows;
  for (std::int32_t i = 0; i < config.stages; ++i) {
    Stage* previous = i == 0 ? nullptr : stages_.back().get();
    stages_.push_back(std::make_unique<Stage>(shared_, i, previous));
  }
}

Engine::~Engine() {
  faults_.stop();
  shared_.submitted.poison();
  masks_.poison();
  for (const std::unique_ptr<Stage>& stage : stages_) stage->poison();
  for (const std::unique_ptr<Stage>& stage : stages_) stage->join();
  if (devices_) devices_->unpin();
}

Result<MemoryPlan> Engine::plan_memory(const model::Config& model,
                                       std::span<const model::Tensor> tensors,
                                       const Config& config) {
  if (Status s = model::validate(model); s != Status::kOk) return within(s, "model");
  if (Status s = validate(config); s != Status::kOk) return within(s, "config");
  auto devices = find_devices(config);
  if (!devices.ok()) return devices.status();
  Engine engine(model, config, std::move(*devices));
  if (Status s = engine.plan(tensors); s != Status::kOk) return s;
  return engine.memory_;
}

Result<std::unique_ptr<Engine>> Engine::create(const model::Config& model,
                                               std::span<const model::Tensor> tensors,
                                               const Config& config, const Progress& progress) {
  if (Status s = model::validate(model); s != Status::kOk) return within(s, "model");
  if (Status s = validate(config); s != Status::kOk) return within(s, "config");
  auto devices = find_devices(config);
  if (!devices.ok()) return devices.status();
  std::unique_ptr<Engine> engine(new Engine(model, config, std::move(*devices)));
  if (Status s = engine->plan(tensors); s != Status::kOk) return s;
  std::atomic_ref(*progress.total).store(engine->weights_->packed_bytes());
  if (Status s = engine->take_memory(); s != Status::kOk) return s;
  if (Status s = engine->load(*progress.done); s != Status::kOk) return s;
  if (Status s = engine->start(); s != Status::kOk) return s;
  return engine;
}

Result<std::unique_ptr<cuda::Devices>> Engine::find_devices(const Config& config) {
  if (!config.on_device) return std::unique_ptr<cuda::Devices>();
  return cuda::Devices::find(config.lanes());
}

std::vector<LaneCarvers> Engine::lanes() const {
  return std::vector<LaneCarvers>(devices_ ? static_cast<std::size_t>(config_.lanes()) : 0);
}

Status Engine::load(std::uint64_t& done) {
  model::LaneMemory memory;
  for (std::int32_t lane = 0; devices_ && lane < config_.lanes(); ++lane) {
    memory.lanes.push_back(devices_->memory(lane));
  }
  memory.write = [this](std::int32_t lane, void* to, const void* from, std::size_t bytes) {
    return devices_->write(lane, to, from, bytes);
  };
  memory.pin = [this](void* piece, std::size_t bytes) { devices_->pin(piece, bytes); };
  memory.unpin = [this](void* piece) { devices_->unpin(piece); };
  return weights_->load(available_cores(), done, memory);
}

Status Engine::plan(std::span<const model::Tensor> tensors) {
  Result<model::Tensors> indexed = model::Tensors::index(model_, tensors);
  if (!indexed.ok()) return within(indexed.status(), "model");
  tensors_ = std::make_unique<model::Tensors>(std::move(*indexed));
  if (Status s = model::validate(model_, *tensors_, config_.placement()); s != Status::kOk) {
    return within(s, "config");
  }
  weights_ = std::make_unique<model::Weights>(
      model::Weights::plan(model_, *tensors_, config_.placement(), weights_home()));
  Carver kv, scratch, lazy;
  std::vector<LaneCarvers> on_device = lanes();
  lay_out(kv, scratch, lazy, on_device);
  memory_.weight_bytes = weights_->bytes();
  memory_.kv_bytes = kv.used();
  memory_.scratch_bytes = checked_add(scratch.used(), lazy.used());
  for (const LaneCarvers& lane : on_device) {
    memory_.kv_bytes = checked_add(memory_.kv_bytes, lane.kv.used());
    memory_.scratch_bytes = checked_add(memory_.scratch_bytes, lane.scratch.used());
  }
  memory_.weight_bytes_per_token = weights_->bytes_per_token();
  if (devices_) {
    if (Status s = plan_devices(on_device); s != Status::kOk) return s;
  }
  const std::size_t total =
      checked_add(checked_add(memory_.weight_bytes, memory_.kv_bytes), memory_.scratch_bytes);
  if (total == std::numeric_limits<std::size_t>::max()) {
    return fail(Status::kOutOfMemory, "the planned memory overflows 64 bits");
  }
  return Status::kOk;
}

model::Weights::Home Engine::weights_home() const {
  if (!devices_) return model::Weights::Home::kHost;
  return devices_->linked(0, config_.ranks) ? model::Weights::Home::kLanes
                                            : model::Weights::Home::kApartLanes;
}

void Engine::lay_out(Carver& kv, Carver& scratch, Carver& lazy, std::span<LaneCarvers> lanes) {
  for (const std::unique_ptr<Stage>& stage : stages_) stage->lay_out(kv, scratch, lanes);
  const bool hands_on =
      std::any_of(stages_.begin(), stages_.end() - 1,
                  [](const std::unique_ptr<Stage>& stage) { return !stage->gives_across(); });
  for (Slot& slot : slots_) slot.lay_out(scratch, config_, model_, limits_.max_blocks, hands_on);
  rows_.lay_out(scratch, lazy, config_.max_rows, model_.context);
  masks_.lay_out(lazy, config_.mask_slots, model_.vocab);
  timeline_ = Timeline::lay_out(scratch, config_.lanes(), config_.timeline_records);
}

Status Engine::take_memory() {
  Carver kv, scratch, lazy;
  std::vector<LaneCarvers> on_device = lanes();
  lay_out(kv, scratch, lazy, on_device);
  const std::uint64_t weights = weights_->host_bytes();
  const std::uint64_t host_scratch = scratch.used() + lazy.used();
  const std::uint64_t wanted = weights + kv.used() + host_scratch;
  const std::uint64_t available = available_memory_bytes();
  if (wanted > available) {
    return fail(Status::kOutOfMemory,
                "weights %" PRIu64 " + KV %zu + scratch %" PRIu64
                " bytes are more than the %" PRIu64 " available",
                weights, kv.used(), host_scratch, available);
  }
  struct Want {
    Arena& arena;
    std::size_t bytes;
    Arena::Commit commit;
    const char* name;
  };
  for (const Want& want : {Want{kv_arena_, kv.used(), Arena::Commit::kNow, "KV"},
                           Want{scratch_arena_, scratch.used(), Arena::Commit::kNow, "scratch"},
                           Want{lazy_arena_, lazy.used(), Arena::Commit::kOnTouch, "rows"}}) {
    Result<Arena> taken = Arena::take(want.bytes, want.commit, want.name);
    if (!taken.ok()) return taken.status();
    want.arena = std::move(*taken);
  }
  kv = Carver(kv_arena_.data());
  scratch = Carver(scratch_arena_.data());
  lazy = Carver(lazy_arena_.data());
  if (devices_) {
    if (Status s = take_device_memory(on_device); s != Status::kOk) return s;
  }
  lay_out(kv, scratch, lazy, on_device);
  return Status::kOk;
}

// A lane has one piece: its weights, its keys and values, and its activations.
std::vector<std::size_t> Engine::lane_bytes(std::span<const LaneCarvers> lanes) const {
  std::vector<std::size_t> bytes;
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
    bytes.push_back(checked_add(weights_->lane_bytes(static_cast<std::int32_t>(lane)),
                                checked_add(lanes[lane].kv.used(), lanes[lane].scratch.used())));
  }
  return bytes;
}

Status Engine::plan_devices(std::span<const LaneCarvers> lanes) {
  const std::vector<std::size_t> bytes = lane_bytes(lanes);
  for (const std::size_t each : bytes) {
    memory_.device_bytes = checked_add(memory_.device_bytes, each);
  }
  Result<cuda::DeviceRoom> room = devices_->tightest(bytes);
  if (!room.ok()) return room.status();
  memory_.tightest_device_bytes = room->wanted;
  memory_.tightest_device_free_bytes = room->free;
  return Status::kOk;
}

// The carvers, which have measured, are left at their places in the lanes' pieces.
Status Engine::take_device_memory(std::span<LaneCarvers> lanes) {
  if (Status s = devices_->take(lane_bytes(lanes)); s != Status::kOk) return s;
  devices_->pin(scratch_arena_.data(), scratch_arena_.bytes());
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const auto lane = static_cast<std::int32_t>(i);
    std::byte* kv = devices_->memory(lane) + weights_->lane_bytes(lane);
    std::byte* scratch = kv + lanes[i].kv.used();
    lanes[i] = {Carver(kv), Carver(scratch)};
  }
  return Status::kOk;
}

Status Engine::start() {
  rope_ = model::RopeTables::of(model_, *tensors_);
  tensors_.reset();
  for (const std::unique_ptr<Stage>& stage : stages_) {
    if (Status s = stage->bind(*weights_, rope_); s != Status::kOk) return s;
  }
  const SignalsBlocked blocked;
  try {
    for (const std::unique_ptr<Stage>& stage : stages_) stage->start(stages_.back()->done());
  } catch (const std::system_error& error) {
    return fail(Status::kOutOfMemory, "config: %d threads could not be started: %s",
                config_.total_threads(), error.what());
  }
  return Status::kOk;
}

bool Engine::finished(std::uint64_t gate_value) const {
  return stages_.back()->done().reached(gate_value);
}

Status Engine::begin_row(const RowStart& start) {
  if (lost_ != Status::kOk) return lost();
  if (start.row < 0 || start.row >= config_.max_rows) {
    return fail(Status::kInvalidArgument, "row: %d is not in 0 .. %d", start.row,
                config_.max_rows - 1);
  }
  const Row& row = rows_[start.row];
  if (row.submitted && !finished(row.latest)) {
    return fail(Status::kInvalidArgument, "row: %d is in an unfinished step", start.row);
  }
  return rows_.begin(start, model_.vocab, model_.context);
}

Status Engine::submit(const Plan& plan) {
  if (lost_ != Status::kOk) return lost();
  if (submitted_ - awaited_ == static_cast<std::uint64_t>(config_.max_in_flight)) {
    return fail(Status::kBusy, "%d steps are in flight", config_.max_in_flight);
  }
  const std::uint64_t last_step = last_step_.load(std::memory_order_relaxed);
  if (Status s = check_plan(limits_, plan, last_step, ++checks_, rows_); s != Status::kOk) return s;
  const auto is_finished = [this](std::uint64_t gate_value) { return finished(gate_value); };
  if (Status s = masks_.claim(plan, submitted_ + 1, is_finished); s != Status::kOk) return s;
  Slot& slot = shared_.slot(submitted_);
  slot.fill(plan, rows_);
  ++submitted_;
  for (const model::Sequence& sequence : slot.batch().sequences) {
    Row& row = rows_[sequence.row];
    row.submitted = true;
    row.latest = submitted_;
    // The last output decides: it is what the row's next token would be.
    row.latest_samples = sequence.n_outputs > 0 &&
                         slot.batch().targets[static_cast<std::size_t>(
                             sequence.first_output + sequence.n_outputs - 1)] == model::kSample;
  }
  last_step_.store(plan.step, std::memory_order_relaxed);
  slot.submit_ns = now_ns();
  shared_.submitted.advance();
  return Status::kOk;
}

Status Engine::mask_ready(std::int32_t slot, std::uint64_t step) {
  if (lost_ != Status::kOk) return lost();
  return masks_.ready(slot, step,
                      [this](std::uint64_t gate_value) { return finished(gate_value); });
}

Status Engine::await(std::int64_t timeout_ns, StepResult& result) {
  if (lost_ != Status::kOk) return tell_lost(result);
  if (submitted_ == awaited_) return fail(Status::kInvalidArgument, "no step is in flight");
  const Slot& slot = shared_.slot(awaited_);
  if (Status s = wait_for(slot, timeout_ns, result); s != Status::kOk) return s;
  ++awaited_;
  last_end_ns_ = slot.end_ns;
  const StepFailure failure = slot.failure();
  const auto outputs = failure.failed() ? 0 : static_cast<std::size_t>(slot.batch().outputs());
  result.status = failure.status();
  result.failed_stage = failure.failed() ? failure.lane() / config_.ranks : -1;
  result.failed_rank = failure.failed() ? failure.lane() % config_.ranks : -1;
  result.step = slot.step;
  result.submit_ns = slot.submit_ns;
  result.start_ns = slot.start_ns;
  result.end_ns = slot.end_ns;
  result.tokens = slot.result_tokens.first(outputs);
  result.logprobs = slot.result_logprobs.first(outputs);
  result.top_tokens = slot.top_tokens.first(outputs * kMaxTopLogprobs);
  result.top_logprobs = slot.top_logprobs.first(outputs * kMaxTopLogprobs);
  result.embeddings =
      slot.embeddings.first(outputs * static_cast<std::size_t>(model_.embedding_size()));
  if (result.status != Status::kDeviceLost) return Status::kOk;
  lost_ = result.status;
  lost_step_ = slot.step;
  lost_stage_ = result.failed_stage;
  lost_rank_ = result.failed_rank;
  return lost();
}

// Until the oldest step is done, which is this one.
Status Engine::wait_for(const Slot& slot, std::int64_t timeout_ns, StepResult& result) {
  // A step is late from when it could run: when it came, or when the step before it was done.
  const std::int64_t runs_from = std::max(slot.submit_ns, last_end_ns_);
  std::int64_t now = now_ns();
  const bool endless = timeout_ns < 0 || timeout_ns > kNoDeadline - now;
  const std::int64_t deadline = endless ? kNoDeadline : now + timeout_ns;
  for (;;) {
    hang_watch_.look(awaited_, runs_from, now);
    const std::int64_t until = std::min(deadline, hang_watch_.next_ns());
    switch (stages_.back()->done().wait(awaited_ + 1, await_spin_, until)) {
      case Gate::Wait::kPoisoned:
        return fail(Status::kShutdown, "the engine is being destroyed");
      case Gate::Wait::kReached:
        return Status::kOk;
      case Gate::Wait::kTimeout:
        break;
    }
    if (hang_watch_.hangs()) return report_hang(slot, result);
    now = now_ns();
    if (now >= deadline) {
      return fail(Status::kTimeout, "step %" PRIu64 " is still running", slot.step);
    }
  }
}

Status Engine::report_hang(const Slot& slot, StepResult& result) {
  lost_ = Status::kHung;
  lost_step_ = slot.step;
  for (std::int32_t i = 0; i < config_.stages && lost_rank_ < 0; ++i) {
    lost_stage_ = i;
    lost_rank_ = stages_[static_cast<std::size_t>(i)]->stuck_rank(slot.step);
  }
  if (lost_rank_ < 0) lost_stage_ = -1;
  const Status status = tell_lost(result);
  result.submit_ns = slot.submit_ns;
  return status;
}

// Each time it is asked for.
Status Engine::tell_lost(StepResult& result) const {
  result = {};
  result.status = lost_;
  result.failed_stage = lost_stage_;
  result.failed_rank = lost_rank_;
  result.step = lost_step_;
  return lost();
}

Status Engine::lost() const {
  if (lost_ == Status::kDeviceLost) {
    return fail(lost_, "step %" PRIu64 ": the device of stage %d rank %d failed", lost_step_,
                lost_stage_, lost_rank_);
  }
  return fail(Status::kHung,
              "step %" PRIu64 " was not finished within %d ms: stage %d rank %d hangs", lost_step_,
              config_.hang_timeout_ms, lost_stage_, lost_rank_);
}

Status Engine::inject(const Fault& fault) {
  if (!config_.allow_fault_injection) {
    return fail(Status::kUnsupported, "fault injection was not allowed at create");
  }
  return faults_.inject(fault, last_step_.load(std::memory_order_relaxed) + 1);
}

}  // namespace sb::engine
