// What one step computes, as the ranks see it.
#pragma once

#include <cstdint>
#include <span>

namespace sb::model {

// A token not known when the step was planned: what the row's previous step samples.
inline constexpr std::int32_t kLastSampled = -1;
// A target that asks for a token to be sampled.
inline constexpr std::int32_t kSample = -1;

// Consecutive positions of one row.
struct Sequence {
  std::int32_t row = 0;
  std::int32_t position = 0;  // of its first token
  std::int32_t first_token = 0;
  std::int32_t n_tokens = 0;
  std::int32_t first_output = 0;
  std::int32_t n_outputs = 0;  // of its last tokens
  std::int32_t top_logprobs = 0;
  bool want_logprobs = false;
  bool samples = false;  // at least one output is sampled
  std::span<const std::int32_t> blocks;
};

struct Batch {
  std::span<const Sequence> sequences;
  std::span<const std::int32_t> tokens;         // token id or kLastSampled
  std::span<const std::int32_t> sequence_of;    // per token
  std::span<const std::int32_t> output_tokens;  // per output, the token whose logits it is
  std::span<const std::int32_t> targets;        // per output: a token to score, or kSample
  // Per row; kLastSampled where only a device knows it yet.
  std::span<const std::int32_t> last_sampled;

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(tokens.size()); }
  [[nodiscard]] std::int64_t outputs() const {
    return static_cast<std::int64_t>(output_tokens.size());
  }

  [[nodiscard]] const Sequence& sequence(std::int64_t token) const {
    const std::int32_t index = sequence_of[static_cast<std::size_t>(token)];
    return sequences[static_cast<std::size_t>(index)];
  }
  [[nodiscard]] std::int32_t position(std::int64_t token) const {
    const Sequence& owner = sequence(token);
    return owner.position + static_cast<std::int32_t>(token) - owner.first_token;
  }
  // The token's id, with kLastSampled resolved as far as it is known.
  [[nodiscard]] std::int32_t token_id(std::int64_t token) const {
    const std::int32_t id = tokens[static_cast<std::size_t>(token)];
    return id == kLastSampled ? last_sampled[static_cast<std::size_t>(sequence(token).row)] : id;
  }
};

// Some tokens of a batch, in rising order.
struct TokenSet {
  std::int64_t count = 0;
  std::span<const std::int32_t> listed;  // empty: the first "count"

  [[nodiscard]] static TokenSet all(const Batch& batch) { return {batch.size(), {}}; }
  // Those whose logits are wanted.
  [[nodiscard]] static TokenSet with_outputs(const Batch& batch) {
    return {batch.outputs(), batch.output_tokens};
  }

  [[nodiscard]] std::int64_t operator[](std::int64_t i) const {
    return listed.empty() ? i : listed[static_cast<std::size_t>(i)];
  }
};

}  // namespace sb::model
