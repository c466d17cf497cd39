// The tokens a row already has, for penalties.
#pragma once

#include <cstdint>
#include <span>

#include "model/sample_math.h"

namespace sb::model {

// Distinct tokens, sorted, over borrowed storage. A dense prefix of the storage is used, so storage
// for a whole context costs only the pages a row really reaches.
class TokenCounts {
 public:
  TokenCounts() = default;
  explicit TokenCounts(std::span<TokenCount> storage) : storage_(storage) {}

  // Starts again from a history whose first n_prompt tokens are the prompt; the history must fit.
  void reset(std::span<const std::int32_t> history, std::int32_t n_prompt);

  // Counts an output token. Without room for another distinct token it is dropped: storage for the
  // whole context is never full before the sequence is.
  void add(std::int32_t token);

  [[nodiscard]] std::span<const TokenCount> entries() const { return storage_.first(size_); }
  [[nodiscard]] std::size_t capacity() const { return storage_.size(); }

 private:
  std::span<TokenCount> storage_;
  std::size_t size_ = 0;
};

}  // namespace sb::model
