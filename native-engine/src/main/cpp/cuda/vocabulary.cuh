// What sampling and log-probabilities share: a row's logits over the shares of ranks, and how the
// threads of a block find the best of a part of its vocabulary.
#pragma once

#include "cuda/device.h"

namespace sb::cuda {

SB_DEVICE float minus_infinity() { return float_of_bits(0xff800000u); }

SB_DEVICE float given_logit(const SlicedLogits& all, std::int64_t row, std::int64_t token) {
  int index = all.n_slices - 1;
  while (index > 0 && token < all.slices[index].begin) --index;
  const LogitSlice& slice = all.slices[index];
  return slice.logits[row * slice.columns + token - slice.begin];
}

SB_DEVICE float join(float a, float b) { return a > b ? a : b; }

// By the first thread: what all of the block have joined, in no order. "all" has room for each.
template <class T>
SB_DEVICE T joined(const T& mine, T* all) {
  all[thread_id()] = mine;
  for (int half = block_threads() / 2; half > 0; half /= 2) {
    block_barrier();
    if (thread_id() < half) all[thread_id()] = join(all[thread_id()], all[thread_id() + half]);
  }
  return all[thread_id()];
}

// Of two tokens of one rank the lower id has the larger key. 0 is none.
SB_DEVICE std::uint64_t key_of_rank(std::uint32_t rank, std::int64_t token) {
  return std::uint64_t{rank} << 32 | ~static_cast<std::uint32_t>(token);
}
SB_DEVICE std::int32_t token_of(std::uint64_t key) {
  return static_cast<std::int32_t>(~static_cast<std::uint32_t>(key));
}

// Sorts n keys, a power of two, where "run" keys at a time fall and rise in turn already: Batcher's
// bitonic merges. What the threads have written before is seen, and the result by all.
SB_DEVICE void sort_falling(std::uint64_t* keys, int n, int run) {
  for (int size = 2 * run; size <= n; size *= 2) {
    for (int apart = size / 2; apart > 0; apart /= 2) {
      block_barrier();
      for (int i = thread_id(); i < n / 2; i += block_threads()) {
        const int low = 2 * i - (i & (apart - 1));
        const std::uint64_t a = keys[low];
        const std::uint64_t b = keys[low + apart];
        const bool falls = (low & size) == 0;
        if (falls ? a < b : b < a) {
          keys[low] = b;
          keys[low + apart] = a;
        }
      }
    }
  }
  block_barrier();
}

}  // namespace sb::cuda
