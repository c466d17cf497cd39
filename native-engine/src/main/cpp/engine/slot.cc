#include "engine/slot.h"

#include <algorithm>

#include "model/rank_compute.h"

namespace sb::engine {

void Slot::lay_out(Carver& carver, const Config& config, const model::Config& model,
                   std::int64_t max_blocks, bool hands_on) {
  const auto rows = static_cast<std::size_t>(config.max_rows);
  const auto tokens = static_cast<std::size_t>(config.max_step_tokens);
  const auto outputs = static_cast<std::size_t>(config.max_step_outputs);
  sequences_ = carver.take<model::Sequence>(rows);
  tokens_ = carver.take<std::int32_t>(tokens);
  sequence_of_ = carver.take<std::int32_t>(tokens);
  blocks_ = carver.take<std::int32_t>(static_cast<std::size_t>(max_blocks));
  output_tokens_ = carver.take<std::int32_t>(outputs);
  output_sequences_ = carver.take<std::int32_t>(outputs);
  output_keys_ = carver.take<std::uint32_t>(outputs);
  targets_ = carver.take<std::int32_t>(outputs);
  masks_ = carver.take<std::int32_t>(outputs);
  result_tokens = carver.take<std::int32_t>(outputs);
  result_logprobs = carver.take<float>(outputs);
  top_tokens = carver.take<std::int32_t>(outputs * kMaxTopLogprobs);
  top_logprobs = carver.take<float>(outputs * kMaxTopLogprobs);
  embeddings =
      carver.take<float>(checked_mul(outputs, static_cast<std::size_t>(model.embedding_size())));
  if (hands_on) {
    hidden = carver.take<float>(checked_mul(tokens, static_cast<std::size_t>(model.dim)));
  }
}

void Slot::fill(const Plan& plan, RowTable& rows) {
  step = plan.step;
  unrecorded = plan.unrecorded;
  start_ns = 0;
  end_ns = 0;
  waits_for_sample = false;
  launched = false;
  used_tokens_ = 0;
  used_outputs_ = 0;
  failure_.store(0, std::memory_order_relaxed);
  std::copy(plan.tokens.begin(), plan.tokens.end(), tokens_.begin());
  std::copy(plan.blocks.begin(), plan.blocks.end(), blocks_.begin());
  std::copy(plan.targets.begin(), plan.targets.end(), targets_.begin());
  std::fill_n(masks_.begin(), plan.targets.size(), kNoMask);
  std::copy(plan.masks.begin(), plan.masks.end(), masks_.begin());
  for (std::size_t i = 0; i < plan.entries.size(); ++i) {
    add_sequence(plan, plan.entries[i], i, rows);
  }
  batch_.sequences = sequences_.first(plan.entries.size());
  batch_.tokens = tokens_.first(plan.tokens.size());
  batch_.sequence_of = sequence_of_.first(plan.tokens.size());
  batch_.output_tokens = output_tokens_.first(plan.targets.size());
  batch_.targets = targets_.first(plan.targets.size());
  batch_.last_sampled = rows.last_sampled();
  device_decides = leaves_draws(plan, rows);
}

bool Slot::leaves_draws(const Plan& plan, RowTable& rows) const {
  const auto masked = [](std::int32_t mask) { return mask != kNoMask; };
  if (plan.targets.empty() || std::any_of(plan.masks.begin(), plan.masks.end(), masked)) {
    return false;
  }
  std::size_t bias = 0;
  std::size_t seen = 0;
  for (const model::Sequence& sequence : batch_.sequences) {
    if (!sequence.samples) continue;
    const Row& row = rows[sequence.row];
    bias += row.n_bias * static_cast<std::size_t>(sequence.n_outputs);
    if (!row.sampling.penalises()) continue;
    // What is sampled before counts for the penalties of what follows.
    if (sequence.n_outputs > 1) return false;
    seen += row.most_seen;
  }
  return bias <= model::kMaxChoiceBias && seen <= model::kMaxChoiceSeen;
}

void Slot::add_sequence(const Plan& plan, const PlanEntry& entry, std::size_t index,
                        RowTable& rows) {
  model::Sequence& sequence = sequences_[index];
  sequence.row = entry.row;
  sequence.position = entry.position;
  sequence.first_token = used_tokens_;
  sequence.n_tokens = entry.n_tokens;
  sequence.first_output = used_outputs_;
  sequence.n_outputs = entry.n_outputs;
  sequence.top_logprobs = entry.top_logprobs;
  sequence.want_logprobs = entry.want_logprobs;
  sequence.blocks = blocks_.subspan(static_cast<std::size_t>(entry.block_offset),
                                    static_cast<std::size_t>(entry.n_blocks));
  const auto own_targets = plan.targets.subspan(static_cast<std::size_t>(used_outputs_),
                                                static_cast<std::size_t>(entry.n_outputs));
  sequence.samples =
      std::find(own_targets.begin(), own_targets.end(), model::kSample) != own_targets.end();
  if (sequence.samples) {
    rows[entry.row].most_seen += static_cast<std::size_t>(entry.n_outputs);
  }
  std::fill_n(sequence_of_.begin() + used_tokens_, entry.n_tokens,
              static_cast<std::int32_t>(index));
  if (tokens_[static_cast<std::size_t>(used_tokens_)] == model::kLastSampled) {
    // Gate values grow with each submission, so the latest source is known last.
    const std::uint64_t known = waits_for_sample ? sample_gate : 0;
    sample_gate = std::max(known, rows[entry.row].latest);
    waits_for_sample = true;
  }
  for (std::int32_t i = 0; i < entry.n_outputs; ++i) {
    const auto output = static_cast<std::size_t>(used_outputs_ + i);
    output_tokens_[output] = used_tokens_ + entry.n_tokens - entry.n_outputs + i;
    output_sequences_[output] = static_cast<std::int32_t>(index);
    output_keys_[output] =
        sequence.samples ? static_cast<std::uint32_t>(index) : static_cast<std::uint32_t>(output);
  }
  used_tokens_ += entry.n_tokens;
  used_outputs_ += entry.n_outputs;
}

std::uint64_t Slot::kv_tokens(std::int32_t window) const {
  std::uint64_t tokens = 0;
  for (const model::Sequence& sequence : batch_.sequences) {
    const std::int64_t end = std::int64_t{sequence.position} + sequence.n_tokens;
    // The first of the tokens looks back furthest. A window may be as large as its type.
    const std::int64_t reach = std::int64_t{window} - 1 + sequence.n_tokens;
    const std::int64_t seen = window > 0 ? std::min(end, reach) : end;
    tokens += static_cast<std::uint64_t>(seen);
  }
  return tokens;
}

void Slot::fail(StepFailure failure) {
  std::uint32_t seen = failure_.load(std::memory_order_relaxed);
  while (seen == 0 || failure.word() < seen) {
    if (failure_.compare_exchange_weak(seen, failure.word(), std::memory_order_acq_rel)) return;
  }
}

}  // namespace sb::engine
