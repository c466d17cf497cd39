// Which outputs of a chunk a device samples and scores, and of which the host needs the logits.
//
// Every rank's first thread works it out by itself, from what no thread changes before all of them
// have met again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/team.h"
#include "engine/row_table.h"
#include "engine/slot.h"
#include "model/rank_compute.h"

namespace sb::engine {

// How an output is sampled, but for its mask and its logits.
[[nodiscard]] model::SamplingInput sampling_input(const Slot& slot, RowTable& rows,
                                                  std::int64_t output);
// Whether log-probabilities of the output are wanted.
[[nodiscard]] bool wants_score(const Slot& slot, std::int64_t output);

class ChunkChoices {
 public:
  // Takes its memory; lists are empty until plan().
  void reserve(std::int32_t outputs);

  void plan(const Slot& slot, RowTable& rows, Range chunk);

  // Of the device, in rising order. What they are of is row + the chunk's begin.
  [[nodiscard]] std::span<model::Choice> choices() { return choices_; }
  // Of these and of tokens that are given, those whose log-probabilities are wanted.
  [[nodiscard]] std::span<const model::Scored> scored() const { return scored_; }
  // Of the host, counted from the chunk's first, in rising order.
  [[nodiscard]] std::span<const std::int32_t> rest() const { return rest_; }

 private:
  [[nodiscard]] bool fits(const Slot& slot, std::int64_t output,
                          const model::SamplingInput& input) const;

  std::vector<model::Choice> choices_;
  std::vector<model::Scored> scored_;
  std::vector<std::int32_t> rest_;
  std::size_t seen_ = 0;  // entries of all choices
  std::size_t bias_ = 0;
};

}  // namespace sb::engine
