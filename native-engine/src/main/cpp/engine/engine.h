// The engine: stages, the steps in flight between them, and the engine thread's side of it all.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/memory.h"
#include "base/status.h"
#include "cuda/devices.h"
#include "engine/config.h"
#include "engine/core_spread.h"
#include "engine/fault.h"
#include "engine/hang_watch.h"
#include "engine/mask_table.h"
#include "engine/plan.h"
#include "engine/row_table.h"
#include "engine/slot.h"
#include "engine/stage.h"
#include "engine/timeline.h"
#include "model/config.h"
#include "model/weights.h"

namespace sb::engine {

struct MemoryPlan {
  std::uint64_t weight_bytes = 0;
  std::uint64_t kv_bytes = 0;
  std::uint64_t scratch_bytes = 0;
  std::uint64_t weight_bytes_per_token = 0;
  // Of the first three, what lies in devices' memory; then of the device that has the least to
  // spare.
  std::uint64_t device_bytes = 0;
  std::uint64_t tightest_device_bytes = 0;
  std::uint64_t tightest_device_free_bytes = 0;
};

// Packed bytes so far and in all; written atomically for a reader in another thread.
struct Progress {
  std::uint64_t* done = nullptr;
  std::uint64_t* total = nullptr;
};

// A step's result. The spans are the engine's and hold until the next submit.
struct StepResult {
  Status status = Status::kOk;
  std::int32_t failed_stage = -1;
  std::int32_t failed_rank = -1;
  std::uint64_t step = 0;
  std::int64_t submit_ns = 0;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::span<const std::int32_t> tokens;  // one per output
  std::span<const float> logprobs;
  std::span<const std::int32_t> top_tokens;  // kMaxTopLogprobs per output
  std::span<const float> top_logprobs;
  std::span<const float> embeddings;  // of an encoder: embedding_size() per output
};

class Engine {
 public:
  // What create would take, without taking it.
  [[nodiscard]] static Result<MemoryPlan> plan_memory(const model::Config& model,
                                                      std::span<const model::Tensor> tensors,
                                                      const Config& config);
  [[nodiscard]] static Result<std::unique_ptr<Engine>> create(
      const model::Config& model, std::span<const model::Tensor> tensors, const Config& config,
      const Progress& progress);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  [[nodiscard]] const MemoryPlan& memory() const { return memory_; }
  [[nodiscard]] const TimelineView& timeline() const { return timeline_.view(); }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const PlanLimits& plan_limits() const { return limits_; }

  Status begin_row(const RowStart& start);
  Status submit(const Plan& plan);
  [[nodiscard]] const MaskTable& masks() const { return masks_; }
  Status mask_ready(std::int32_t slot, std::uint64_t step);
  // Waits for the oldest step at most timeout_ns; negative: without limit. On kHung and
  // kDeviceLost, result tells the step and where.
  Status await(std::int64_t timeout_ns, StepResult& result);
  Status inject(const Fault& fault);

 private:
  Engine(const model::Config& model, const Config& config, std::unique_ptr<cuda::Devices> devices);

  Status plan(std::span<const model::Tensor> tensors);
  [[nodiscard]] model::Weights::Home weights_home() const;
  // Null without devices.
  [[nodiscard]] static Result<std::unique_ptr<cuda::Devices>> find_devices(const Config& config);
  void lay_out(Carver& kv, Carver& scratch, Carver& lazy, std::span<LaneCarvers> lanes);
  [[nodiscard]] std::vector<LaneCarvers> lanes() const;
  [[nodiscard]] std::vector<std::size_t> lane_bytes(std::span<const LaneCarvers> lanes) const;
  Status plan_devices(std::span<const LaneCarvers> lanes);
  Status take_device_memory(std::span<LaneCarvers> lanes);
  Status load(std::uint64_t& done);
  Status take_memory();
  Status start();
  Status wait_for(const Slot& slot, std::int64_t timeout_ns, StepResult& result);
  Status report_hang(const Slot& slot, StepResult& result);
  Status tell_lost(StepResult& result) const;
  [[nodiscard]] Status lost() const;
  [[nodiscard]] bool finished(std::uint64_t gate_value) const;

  const model::Config model_;
  const Config config_;
  const std::unique_ptr<cuda::Devices> devices_;
  MemoryPlan memory_;
  PlanLimits limits_;

  std::unique_ptr<model::Tensors> tensors_;  // while creating
  std::unique_ptr<model::Weights> weights_;
  model::RopeTables rope_;
  Arena kv_arena_, scratch_arena_, lazy_arena_;

  RowTable rows_;
  std::vector<Slot> slots_;
  Timeline timeline_;
  FaultTable faults_;
  MaskTable masks_;
  CoreSpread cores_;
  Shared shared_;
  std::vector<std::unique_ptr<Stage>> stages_;

  // The engine thread's.
  std::uint64_t submitted_ = 0;
  std::uint64_t awaited_ = 0;
  std::atomic<std::uint64_t> last_step_{0};  // inject() reads it from any thread
  std::uint64_t checks_ = 0;
  std::int64_t last_end_ns_ = 0;
  SpinBudget await_spin_{0};
  HangWatch hang_watch_;
  Status lost_ = Status::kOk;  // kHung or kDeviceLost: no step will end any more
  std::int32_t lost_stage_ = -1;
  std::int32_t lost_rank_ = -1;
  std::uint64_t lost_step_ = 0;
};

}  // namespace sb::engine
