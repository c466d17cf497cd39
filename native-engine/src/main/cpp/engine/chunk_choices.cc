#include "engine/chunk_choices.h"

namespace sb::engine {

model::SamplingInput sampling_input(const Slot& slot, RowTable& rows, std::int64_t output) {
  const std::int32_t token = slot.batch().output_tokens[static_cast<std::size_t>(output)];
  const Row& row = rows[slot.batch().sequence(token).row];
  model::SamplingInput input;
  input.parameters = &row.sampling;
  input.seen = row.counts.entries();
  input.bias = row.bias();
  // The sampled token follows the one whose logits these are.
  input.position = static_cast<std::uint64_t>(slot.batch().position(token)) + 1;
  return input;
}

bool wants_score(const Slot& slot, std::int64_t output) {
  const model::Sequence& sequence = slot.owner_of(output);
  return slot.target(output) != model::kSample || sequence.want_logprobs ||
         sequence.top_logprobs > 0;
}

void ChunkChoices::reserve(std::int32_t outputs) {
  choices_.reserve(static_cast<std::size_t>(outputs));
  scored_.reserve(static_cast<std::size_t>(outputs));
  rest_.reserve(static_cast<std::size_t>(outputs));
}

void ChunkChoices::plan(const Slot& slot, RowTable& rows, Range chunk) {
  choices_.clear();
  scored_.clear();
  rest_.clear();
  seen_ = 0;
  bias_ = 0;
  for (std::int64_t output = chunk.begin; output < chunk.end; ++output) {
    const std::int64_t row = output - chunk.begin;
    model::Scored scored{row, slot.target(output), -1, slot.owner_of(output).top_logprobs};
    if (scored.token == model::kSample) {
      const model::SamplingInput input = sampling_input(slot, rows, output);
      if (!fits(slot, output, input)) {
        rest_.push_back(static_cast<std::int32_t>(row));
        continue;
      }
      scored.choice = static_cast<std::int32_t>(choices_.size());
      const model::Sequence& owner = slot.owner_of(output);
      const bool last = output == owner.first_output + owner.n_outputs - 1;
      const bool uncounted =
          rows.last_sampled()[static_cast<std::size_t>(owner.row)] == model::kLastSampled;
      choices_.push_back({row, input, last ? owner.row : -1, uncounted ? owner.row : -1});
      seen_ += input.seen.size();
      bias_ += input.bias.size();
    }
    if (wants_score(slot, output)) scored_.push_back(scored);
  }
}

bool ChunkChoices::fits(const Slot& slot, std::int64_t output,
                        const model::SamplingInput& input) const {
  // What is sampled before counts for the penalties of what follows.
  if (slot.owner_of(output).n_outputs > 1 && input.parameters->penalises()) return false;
  return seen_ + input.seen.size() <= model::kMaxChoiceSeen &&
         bias_ + input.bias.size() <= model::kMaxChoiceBias;
}

}  // namespace sb::engine
