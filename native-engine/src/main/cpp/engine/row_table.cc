#include "engine/row_table.h"

#include <algorithm>
#include <cmath>

#include "engine/config.h"

namespace sb::engine {
namespace {

struct FloatCheck {
  const char* field;
  float value;
  float low;
  bool low_included;
  float high;
};

Status check_sampling(const model::SamplingParameters& sampling) {
  // Logits are tens; a penalty beyond these bounds could only be a mistake.
  constexpr float kMaxPenalty = 1000;
  const FloatCheck checks[] = {
      {"sampling.temperature", sampling.temperature, 0, true, 1000},
      {"sampling.top_p", sampling.top_p, 0, false, 1},
      {"sampling.min_p", sampling.min_p, 0, true, 1},
      {"sampling.repetition_penalty", sampling.repetition_penalty, 0, false, kMaxPenalty},
      {"sampling.presence_penalty", sampling.presence_penalty, -kMaxPenalty, true, kMaxPenalty},
      {"sampling.frequency_penalty", sampling.frequency_penalty, -kMaxPenalty, true, kMaxPenalty},
  };
  for (const FloatCheck& check : checks) {
    const bool above = check.low_included ? check.value >= check.low : check.value > check.low;
    if (above && check.value <= check.high) continue;
    return fail(Status::kInvalidArgument, "%s: %g is not in %c%g, %g]", check.field,
                static_cast<double>(check.value), check.low_included ? '[' : '(',
                static_cast<double>(check.low), static_cast<double>(check.high));
  }
  if (sampling.top_k < 0) {
    return fail(Status::kInvalidArgument, "sampling.top_k: %d is negative", sampling.top_k);
  }
  return Status::kOk;
}

Status check_tokens(const char* field, std::span<const std::int32_t> tokens, std::int32_t vocab) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && tokens[i] < vocab) continue;
    return fail(Status::kInvalidArgument, "%s[%zu]: %d is not a token of the %d", field, i,
                tokens[i], vocab);
  }
  return Status::kOk;
}

Status check_bias(const RowStart& start, std::int32_t vocab) {
  if (start.bias_tokens.size() > static_cast<std::size_t>(kMaxLogitBias)) {
    return fail(Status::kInvalidArgument, "sampling.n_bias: %zu is not in 0 .. %d",
                start.bias_tokens.size(), kMaxLogitBias);
  }
  for (std::size_t i = 0; i < start.bias_values.size(); ++i) {
    // Minus infinity forbids a token.
    if (start.bias_values[i] < HUGE_VALF) continue;
    return fail(Status::kInvalidArgument, "sampling.bias_values[%zu]: %g is not a number", i,
                static_cast<double>(start.bias_values[i]));
  }
  return check_tokens("sampling.bias_tokens", start.bias_tokens, vocab);
}

Status check_history(const RowStart& start, std::int32_t vocab, std::int32_t context) {
  const auto n_history = static_cast<std::int64_t>(start.history.size());
  if (n_history > context) {
    return fail(Status::kInvalidArgument, "n_history: %lld is not in 0 .. %d",
                static_cast<long long>(n_history), context);
  }
  if (start.n_prompt < 0 || start.n_prompt > n_history) {
    return fail(Status::kInvalidArgument, "n_prompt: %d is not in 0 .. %lld", start.n_prompt,
                static_cast<long long>(n_history));
  }
  return check_tokens("history", start.history, vocab);
}

}  // namespace

void RowTable::lay_out(Carver& touched, Carver& lazy, std::int32_t rows, std::int32_t context) {
  const auto count = static_cast<std::size_t>(rows);
  last_sampled_ = touched.take<std::int32_t>(count);
  failures_ = touched.take<std::uint32_t>(count);
  rows_.resize(count);
  for (Row& row : rows_) {
    row.bias_storage = lazy.take<model::LogitBias>(kMaxLogitBias);
    // The history, and one token sampled beyond the last position.
    row.counts =
        model::TokenCounts(lazy.take<model::TokenCount>(static_cast<std::size_t>(context) + 1));
  }
}

Status RowTable::begin(const RowStart& start, std::int32_t vocab, std::int32_t context) {
  if (Status s = check_sampling(start.sampling); s != Status::kOk) return s;
  if (Status s = check_bias(start, vocab); s != Status::kOk) return s;
  if (Status s = check_history(start, vocab, context); s != Status::kOk) return s;
  Row& row = (*this)[start.row];
  row.begun = true;
  row.sampling = start.sampling;
  row.n_bias = start.bias_tokens.size();
  for (std::size_t i = 0; i < row.n_bias; ++i) {
    row.bias_storage[i] = {start.bias_tokens[i], start.bias_values[i]};
  }
  const auto bias = row.bias_storage.first(row.n_bias);
  std::sort(bias.begin(), bias.end(), [](const model::LogitBias& a, const model::LogitBias& b) {
    return a.token != b.token ? a.token < b.token : a.value < b.value;
  });
  // Without penalties nobody looks at the counts.
  const bool counts = start.sampling.penalises();
  row.counts.reset(counts ? start.history : std::span<const std::int32_t>(), start.n_prompt);
  row.most_seen = row.counts.entries().size();
  row.submitted = false;
  row.latest_samples = false;
  return Status::kOk;
}

}  // namespace sb::engine
