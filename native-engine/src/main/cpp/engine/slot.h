// A step in flight: its plan, what the stages hand on, and its result.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "base/memory.h"
#include "engine/config.h"
#include "engine/mask_table.h"
#include "engine/plan.h"
#include "engine/row_table.h"
#include "model/batch.h"
#include "model/config.h"

namespace sb::engine {

// Why a step has no result, in one word: 0 for none, else the lane and whether memory ran out.
class StepFailure {
 public:
  StepFailure() = default;
  explicit StepFailure(std::uint32_t word) : word_(word) {}
  static StepFailure at(std::int32_t lane, Status status) {
    return StepFailure(static_cast<std::uint32_t>(lane + 1) << 8 |
                       static_cast<std::uint32_t>(status));
  }

  [[nodiscard]] bool failed() const { return word_ != 0; }
  [[nodiscard]] std::uint32_t word() const { return word_; }
  [[nodiscard]] std::int32_t lane() const { return static_cast<std::int32_t>(word_ >> 8) - 1; }
  [[nodiscard]] Status status() const {
    return failed() ? static_cast<Status>(word_ & 0xffU) : Status::kOk;
  }

 private:
  std::uint32_t word_ = 0;
};

// Memory is taken once; submit() fills it and the stages read it. The gates a step passes through
// order all accesses.
class Slot {
 public:
  // hands_on: hidden states go through the host's memory.
  void lay_out(Carver& carver, const Config& config, const model::Config& model,
               std::int64_t max_blocks, bool hands_on);

  // Copies a checked plan.
  void fill(const Plan& plan, RowTable& rows);

  [[nodiscard]] const model::Batch& batch() const { return batch_; }
  // Positions whose keys and values attention reads, each sequence's once, in a layer with this
  // window; 0: none.
  [[nodiscard]] std::uint64_t kv_tokens(std::int32_t window) const;
  // Outputs with the same key are handled by one thread, in order: a row's sampled outputs count
  // for its penalties one after the other.
  [[nodiscard]] std::uint32_t output_key(std::int64_t output) const {
    return output_keys_[static_cast<std::size_t>(output)];
  }
  // The mask slot it is sampled under, or kNoMask.
  [[nodiscard]] std::int32_t output_mask(std::int64_t output) const {
    return masks_[static_cast<std::size_t>(output)];
  }
  // Whose output it is.
  [[nodiscard]] const model::Sequence& owner_of(std::int64_t output) const {
    const auto owner =
        static_cast<std::size_t>(output_sequences_[static_cast<std::size_t>(output)]);
    return sequences_[owner];
  }
  // A token to score, or model::kSample.
  [[nodiscard]] std::int32_t target(std::int64_t output) const {
    return targets_[static_cast<std::size_t>(output)];
  }

  // The failure of the lowest lane is kept, so that what is reported does not depend on timing.
  void fail(StepFailure failure);
  [[nodiscard]] StepFailure failure() const {
    return StepFailure(failure_.load(std::memory_order_acquire));
  }

  std::uint64_t step = 0;
  bool unrecorded = false;  // the timeline tells nothing of it
  std::int64_t submit_ns = 0;
  std::int64_t start_ns = 0;
  std::int64_t handed_ns = 0;  // the latest stage let the next one have it
  std::int64_t end_ns = 0;
  bool waits_for_sample = false;  // some token is the last sampled
  std::uint64_t sample_gate = 0;  // when the last stage has reached this, it is known

  // It was before the one before it was collected. By the last stage's first thread.
  bool launched = false;

  // There are outputs, and whatever of them is sampled a device can draw before anybody knows what
  // the step before samples.
  bool device_decides = false;

  std::span<float> hidden;  // [token][dim], from stage to stage; empty where none goes through here

  std::span<std::int32_t> result_tokens;
  std::span<float> result_logprobs;
  std::span<std::int32_t> top_tokens;  // kMaxTopLogprobs per output
  std::span<float> top_logprobs;
  std::span<float> embeddings;  // of an encoder

 private:
  [[nodiscard]] bool leaves_draws(const Plan& plan, RowTable& rows) const;
  void add_sequence(const Plan& plan, const PlanEntry& entry, std::size_t index, RowTable& rows);

  model::Batch batch_;
  std::span<model::Sequence> sequences_;
  std::span<std::int32_t> tokens_, sequence_of_, blocks_;
  std::span<std::int32_t> output_tokens_, output_sequences_, targets_, masks_;
  std::span<std::uint32_t> output_keys_;
  std::int32_t used_tokens_ = 0;
  std::int32_t used_outputs_ = 0;
  std::atomic<std::uint32_t> failure_{0};
};

}  // namespace sb::engine
