// The live sequences: how each one samples and what it sampled last.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/memory.h"
#include "base/status.h"
#include "model/sampler.h"
#include "model/token_counts.h"

namespace sb::engine {

// A caller's description of a new sequence.
struct RowStart {
  std::int32_t row = 0;
  model::SamplingParameters sampling;
  std::span<const std::int32_t> bias_tokens;
  std::span<const float> bias_values;
  std::span<const std::int32_t> history;
  std::int32_t n_prompt = 0;
};

// Written by the engine thread while the row is in no unfinished step, and by the last stage's
// thread that samples the row in between: the gates between them order the two.
struct Row {
  bool begun = false;
  model::SamplingParameters sampling;
  std::span<model::LogitBias> bias_storage;
  std::size_t n_bias = 0;
  model::TokenCounts counts;

  // Of the engine thread: the row's latest submission (its gate value), and whether it samples.
  bool submitted = false;
  std::uint64_t latest = 0;
  bool latest_samples = false;
  std::uint64_t planned_in = 0;  // the check that last saw it, to find a row given twice
  // Entries of the counts when all that was submitted is sampled, at most.
  std::size_t most_seen = 0;

  [[nodiscard]] std::span<const model::LogitBias> bias() const {
    return bias_storage.first(n_bias);  // by token; of the same one, by value
  }
};

class RowTable {
 public:
  // "touched" memory is used by every row, "lazy" memory only as far as a row's history reaches.
  void lay_out(Carver& touched, Carver& lazy, std::int32_t rows, std::int32_t context);

  // Checks everything, then starts the row again.
  Status begin(const RowStart& start, std::int32_t vocab, std::int32_t context);

  [[nodiscard]] Row& operator[](std::int32_t row) { return rows_[static_cast<std::size_t>(row)]; }
  [[nodiscard]] std::int32_t size() const { return static_cast<std::int32_t>(rows_.size()); }

  // Per row: the token its latest finished step sampled, and why there is none (a StepFailure).
  // Where a step is launched behind one that samples it, it is model::kLastSampled until that one
  // is finished.
  [[nodiscard]] std::span<std::int32_t> last_sampled() { return last_sampled_; }
  [[nodiscard]] std::span<std::uint32_t> failures() { return failures_; }

 private:
  std::vector<Row> rows_;
  std::span<std::int32_t> last_sampled_;
  std::span<std::uint32_t> failures_;
};

}  // namespace sb::engine
