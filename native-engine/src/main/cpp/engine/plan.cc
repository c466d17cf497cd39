#include "engine/plan.h"

#include <algorithm>
#include <cinttypes>

#include "model/batch.h"

namespace sb::engine {
namespace {

Status check_size(const char* field, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return Status::kOk;
  return fail(Status::kInvalidArgument, "%s: %" PRIu64 " is not in %" PRIu64 " .. %" PRIu64, field,
              value, low, high);
}

Status check_in(const char* field, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return Status::kOk;
  return fail(Status::kInvalidArgument, "%s: %" PRId64 " is not in %" PRId64 " .. %" PRId64, field,
              value, low, high);
}

struct FieldCheck {
  const char* field;
  std::int64_t value;
  std::int64_t low;
  std::int64_t high;
};

// The entry's own numbers; tokens_left and outputs_left are what earlier entries have not used.
Status check_entry(const PlanLimits& limits, const Plan& plan, const PlanEntry& entry,
                   std::int64_t tokens_left, std::int64_t outputs_left) {
  const auto n_blocks = static_cast<std::int64_t>(plan.blocks.size());
  const FieldCheck checks[] = {
      {"row", entry.row, 0, limits.config->max_rows - 1},
      {"n_tokens", entry.n_tokens, 1, tokens_left},
      {"position", entry.position, 0, std::int64_t{limits.context} - entry.n_tokens},
      {"n_outputs", entry.n_outputs, 0, std::min<std::int64_t>(entry.n_tokens, outputs_left)},
      {"top_logprobs", entry.top_logprobs, 0, kMaxTopLogprobs},
      {"block_offset", entry.block_offset, 0, n_blocks},
      {"n_blocks", entry.n_blocks, 1, n_blocks - entry.block_offset},
  };
  for (const FieldCheck& check : checks) {
    if (Status s = check_in(check.field, check.value, check.low, check.high); s != Status::kOk) {
      return s;
    }
  }
  const std::int64_t end = std::int64_t{entry.position} + entry.n_tokens;
  const std::int64_t block = limits.config->kv_block_tokens;
  if (std::int64_t{entry.n_blocks} * block < end) {
    return fail(Status::kInvalidArgument,
                "n_blocks: %d blocks of %" PRId64 " tokens do not hold position %" PRId64,
                entry.n_blocks, block, end - 1);
  }
  return Status::kOk;
}

// An encoder's tokens attend to later ones, which no other step may hold; nothing is sampled.
Status check_whole(const Plan& plan, const PlanEntry& entry, std::int64_t first_output) {
  const FieldCheck checks[] = {{"position", entry.position, 0, 0},
                               {"n_outputs", entry.n_outputs, 1, 1},
                               {"top_logprobs", entry.top_logprobs, 0, 0}};
  for (const FieldCheck& check : checks) {
    if (Status s = check_in(check.field, check.value, check.low, check.high); s != Status::kOk) {
      return s;
    }
  }
  return check_in("target", plan.targets[static_cast<std::size_t>(first_output)], model::kSample,
                  model::kSample);
}

Status check_row(Row& row, std::int32_t index, std::uint64_t check_id) {
  if (!row.begun) return fail(Status::kInvalidArgument, "row: %d was not begun", index);
  if (row.planned_in == check_id) {
    return fail(Status::kInvalidArgument, "row: %d is in two entries", index);
  }
  row.planned_in = check_id;
  return Status::kOk;
}

Status check_tokens(const PlanLimits& limits, const Plan& plan, const PlanEntry& entry,
                    std::int64_t first, const Row& row) {
  for (std::int64_t i = first; i < first + entry.n_tokens; ++i) {
    const std::int32_t token = plan.tokens[static_cast<std::size_t>(i)];
    if (token >= 0 && token < limits.vocab) continue;
    if (token != model::kLastSampled || limits.embeds) {
      return fail(Status::kInvalidArgument, "tokens[%" PRId64 "]: %d is not a token of the %d", i,
                  token, limits.vocab);
    }
    if (i != first) {
      return fail(Status::kInvalidArgument,
                  "tokens[%" PRId64 "]: only an entry's first token may be the last sampled", i);
    }
    if (!row.submitted || !row.latest_samples) {
      return fail(Status::kInvalidArgument,
                  "tokens[%" PRId64 "]: the latest step of row %d samples nothing", i, entry.row);
    }
  }
  return Status::kOk;
}

Status check_ids(const char* field, std::span<const std::int32_t> ids, std::int32_t low,
                 std::int32_t high) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= low && ids[i] <= high) continue;
    return fail(Status::kInvalidArgument, "%s[%zu]: %d is not in %d .. %d", field, i, ids[i], low,
                high);
  }
  return Status::kOk;
}

}  // namespace

Status check_sizes(const PlanLimits& limits, std::uint64_t tokens, std::uint64_t entries,
                   std::uint64_t outputs, std::uint64_t blocks) {
  const auto high = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const Config& config = *limits.config;
  if (Status s = check_size("n_entries", entries, 1, high(config.max_rows)); s != Status::kOk) {
    return s;
  }
  if (Status s = check_size("n_tokens", tokens, 1, high(config.max_step_tokens));
      s != Status::kOk) {
    return s;
  }
  if (Status s = check_size("n_outputs", outputs, 0, high(config.max_step_outputs));
      s != Status::kOk) {
    return s;
  }
  return check_size("n_blocks", blocks, 1, high(limits.max_blocks));
}

Status check_plan(const PlanLimits& limits, const Plan& plan, std::uint64_t last_step,
                  std::uint64_t check_id, RowTable& rows) {
  if (plan.step <= last_step) {
    return fail(Status::kInvalidArgument, "step: %" PRIu64 " is not above the last one, %" PRIu64,
                plan.step, last_step);
  }
  auto tokens_left = static_cast<std::int64_t>(plan.tokens.size());
  auto outputs_left = static_cast<std::int64_t>(plan.targets.size());
  for (std::size_t i = 0; i < plan.entries.size(); ++i) {
    const PlanEntry& entry = plan.entries[i];
    Status status = check_entry(limits, plan, entry, tokens_left, outputs_left);
    const auto first_output = static_cast<std::int64_t>(plan.targets.size()) - outputs_left;
    if (status == Status::kOk && limits.embeds) status = check_whole(plan, entry, first_output);
    if (status == Status::kOk) status = check_row(rows[entry.row], entry.row, check_id);
    if (status != Status::kOk) return within(status, "entries[%zu]", i);
    const auto first = static_cast<std::int64_t>(plan.tokens.size()) - tokens_left;
    status = check_tokens(limits, plan, entry, first, rows[entry.row]);
    if (status != Status::kOk) return status;
    tokens_left -= entry.n_tokens;
    outputs_left -= entry.n_outputs;
  }
  if (tokens_left != 0) {
    return fail(Status::kInvalidArgument, "n_tokens: %" PRId64 " more than the entries have",
                tokens_left);
  }
  if (outputs_left != 0) {
    return fail(Status::kInvalidArgument, "n_outputs: %" PRId64 " more than the entries have",
                outputs_left);
  }
  if (Status s = check_ids("blocks", plan.blocks, 0, limits.config->kv_blocks - 1);
      s != Status::kOk) {
    return s;
  }
  return check_ids("targets", plan.targets, model::kSample, limits.vocab - 1);
}

}  // namespace sb::engine
