// A step as the caller plans it, and the checks it must pass.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "engine/config.h"
#include "engine/row_table.h"

namespace sb::engine {

// One row's share of a step; fields as in sb_plan_entry.
struct PlanEntry {
  std::int32_t row = 0;
  std::int32_t position = 0;
  std::int32_t n_tokens = 0;
  std::int32_t n_blocks = 0;
  std::int32_t block_offset = 0;
  std::int32_t n_outputs = 0;
  std::int32_t top_logprobs = 0;
  bool want_logprobs = false;
};

struct Plan {
  std::uint64_t step = 0;
  bool unrecorded = false;  // the timeline tells nothing of it
  std::span<const std::int32_t> tokens;
  std::span<const PlanEntry> entries;
  std::span<const std::int32_t> blocks;
  std::span<const std::int32_t> targets;  // one per output
  std::span<const std::int32_t> masks;    // one per output, or empty: none has a mask
};

struct PlanLimits {
  const Config* config = nullptr;
  std::int32_t vocab = 0;
  std::int32_t context = 0;
  std::int64_t max_blocks = 0;  // of all block tables of a step together
  bool embeds = false;          // entries are whole sequences
};

// Checks sizes before anything of the caller's is read.
Status check_sizes(const PlanLimits& limits, std::uint64_t tokens, std::uint64_t entries,
                   std::uint64_t outputs, std::uint64_t blocks);

// Checks every number of a plan whose sizes are checked. Nothing but the rows' planned_in changes.
// check_id is different in each call.
Status check_plan(const PlanLimits& limits, const Plan& plan, std::uint64_t last_step,
                  std::uint64_t check_id, RowTable& rows);

}  // namespace sb::engine
