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

void ChunkChoices::reserve(std::int32_t outputs) {
  choices_.reserve(static_cast<std::size_t>(outputs));
  rest_.reserve(static_cast<std::size_t>(outputs));
}

void ChunkChoices::plan(const Slot& slot, RowTable& rows, Range chunk) {
  choices_.clear();
  rest_.clear();
  seen_ = 0;
  bias_ = 0;
  for (std::int64_t output = chunk.begin; output < chunk.end; ++output) {
    const model::SamplingInput input = sampling_input(slot, rows, output);
    if (!fits(slot, output, input)) {
      rest_.push_back(static_cast<std::int32_t>(output - chunk.begin));
      continue;
    }
    choices_.push_back({output - chunk.begin, input});
    seen_ += input.seen.size();
    bias_ += input.bias.size();
  }
}

bool ChunkChoices::fits(const Slot& slot, std::int64_t output,
                        const model::SamplingInput& input) const {
  const auto owner = static_cast<std::size_t>(slot.output_sequence(output));
  const model::Sequence& sequence = slot.batch().sequences[owner];
  if (slot.batch().targets[static_cast<std::size_t>(output)] != model::kSample) return false;
  // The host works out log-probabilities.
  if (sequence.want_logprobs || sequence.top_logprobs > 0) return false;
  // What is sampled before counts for the penalties of what follows.
  if (sequence.n_outputs > 1 && input.parameters->penalises()) return false;
  return seen_ + input.seen.size() <= model::kMaxChoiceSeen &&
         bias_ + input.bias.size() <= model::kMaxChoiceBias;
}

}  // namespace sb::engine
