// How a model is spread over stages, ranks and threads, and what it may hold.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "model/partition.h"
#include "model/sample_math.h"
#include "ops/op.h"

namespace sb::engine {

inline constexpr std::int32_t kMaxStages = 16;
inline constexpr std::int32_t kMaxRanks = 16;
inline constexpr std::int32_t kMaxInFlight = 32;
inline constexpr std::int32_t kMaxTopLogprobs = model::kMaxTopLogprobs;
inline constexpr std::int32_t kMaxLogitBias = 4096;
// Logits of so many outputs are held at once: enough for a decode step of as many rows to read the
// output layer once, few enough that scoring a long prompt does not hold prompt x vocabulary.
inline constexpr std::int32_t kMaxLogitTokens = 64;

struct Config {
  std::int32_t stages = 1;
  std::int32_t ranks = 1;
  std::int32_t threads = 1;             // per rank
  ops::Isa isa = ops::Isa::kReference;  // of the processor
  bool on_device = false;               // the layers run there, each lane on one
  ops::KvType kv_type = ops::KvType::kF16;
  std::int32_t kv_block_tokens = 0;
  std::int32_t kv_blocks = 0;
  std::int32_t max_rows = 0;
  std::int32_t max_step_tokens = 0;
  std::int32_t max_step_outputs = 0;
  std::int32_t max_in_flight = 0;
  std::int32_t timeline_records = 0;
  std::int32_t hang_timeout_ms = 0;
  bool allow_fault_injection = false;
  std::int32_t mask_slots = 0;

  [[nodiscard]] model::Placement placement() const { return {stages, ranks}; }
  [[nodiscard]] std::int32_t lanes() const { return stages * ranks; }
  [[nodiscard]] std::int32_t total_threads() const { return stages * ranks * threads; }
};

// Checks every number, naming the field.
Status validate(const Config& config);

}  // namespace sb::engine
