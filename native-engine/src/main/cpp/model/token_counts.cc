#include "model/token_counts.h"

#include <algorithm>

#include "base/status.h"

namespace sb::model {

void TokenCounts::reset(std::span<const std::int32_t> history, std::int32_t n_prompt) {
  SB_CHECK(history.size() <= storage_.size());
  for (std::size_t i = 0; i < history.size(); ++i) {
    const bool output = i >= static_cast<std::size_t>(n_prompt);
    storage_[i] = {history[i], output ? 1 : 0};
  }
  const auto filled = storage_.first(history.size());
  std::sort(filled.begin(), filled.end(),
            [](const TokenCount& a, const TokenCount& b) { return a.token < b.token; });
  size_ = 0;
  for (const TokenCount& entry : filled) {
    if (size_ > 0 && storage_[size_ - 1].token == entry.token) {
      storage_[size_ - 1].outputs += entry.outputs;
    } else {
      storage_[size_++] = entry;
    }
  }
}

void TokenCounts::add(std::int32_t token) {
  const auto used = storage_.first(size_);
  const auto at = std::lower_bound(
      used.begin(), used.end(), token,
      [](const TokenCount& entry, std::int32_t wanted) { return entry.token < wanted; });
  if (at != used.end() && at->token == token) {
    ++at->outputs;
    return;
  }
  if (size_ == storage_.size()) return;
  const auto index = static_cast<std::size_t>(at - used.begin());
  std::copy_backward(storage_.begin() + static_cast<std::ptrdiff_t>(index), used.end(),
                     storage_.begin() + static_cast<std::ptrdiff_t>(size_ + 1));
  storage_[index] = {token, 1};
  ++size_;
}

}  // namespace sb::model
