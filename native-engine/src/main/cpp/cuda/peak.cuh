// What a device can do at most: kernels that do nothing but read memory, or nothing but multiply.
// Times of other kernels are shares of theirs. What they come to is known, so a test can tell that
// they have done it all.
#pragma once

#include <type_traits>

#include "cuda/brain_gemm.cuh"

namespace sb::cuda {

// So many products are on their way in a warp at once: none waits for the one before.
inline constexpr int kPeakSums = 8;

struct alignas(16) Words {
  std::uint32_t word[4];
};

// Each thread adds up what it has read, as numbers without overflow.
SB_KERNEL(kPeakThreads) read_words(const Words* from, std::int64_t words, std::uint32_t* sums) {
  await_launch_before();
  const std::int64_t thread = std::int64_t{block_x()} * kPeakThreads + thread_id();
  const std::int64_t threads = std::int64_t{blocks_x()} * kPeakThreads;
  std::uint32_t sum = 0;
#pragma unroll 8
  for (std::int64_t at = thread; at < words; at += threads) {
    const Words read = from[at];
    sum += read.word[0] + read.word[1] + read.word[2] + read.word[3];
  }
  sums[thread] = sum;
}

// All numbers are 1, bytes or BF16: each product adds its columns to each sum.
template <bool kBytes>
SB_KERNEL(kPeakThreads)
multiply_ones(std::int32_t products, float* sums) {
  await_launch_before();
  using Sum = std::conditional_t<kBytes, int, float>;
  constexpr std::uint32_t kOnes = kBytes ? 0x01010101u : 0x3f803f80u;
  const std::uint32_t a[4] = {kOnes, kOnes, kOnes, kOnes};
  const std::uint32_t b[2] = {kOnes, kOnes};
  Sum c[kPeakSums][4] = {};
  for (std::int32_t i = 0; i < products; ++i) {
#pragma unroll
    for (int sum = 0; sum < kPeakSums; ++sum) {
      if constexpr (kBytes) {
        mma_k32(c[sum], a, b);
      } else {
        mma_brain(c[sum], a, b);
      }
    }
  }
  Sum all = 0;
#pragma unroll
  for (int sum = 0; sum < kPeakSums; ++sum) all += c[sum][0] + c[sum][1] + c[sum][2] + c[sum][3];
  sums[std::int64_t{block_x()} * kPeakThreads + thread_id()] = static_cast<float>(all);
}

// The same by wgmma: a stage of multiply_brains() that stays where it is.
constexpr std::size_t peak_shared_bytes() { return kGemmAlignment + kGemmStageBytes<1>; }

SB_KERNEL(kPeakThreads, 1)
multiply_stages_of_ones([[maybe_unused]] std::int32_t products, [[maybe_unused]] float* sums) {
  await_launch_before();
#ifdef SB_WGMMA
  static_assert(kPeakThreads == kGemmWarps * kWarpThreads);
  const GemmRing<1> ring = gemm_ring<1>();
  auto* pairs = reinterpret_cast<std::uint32_t*>(ring.weights(0));
  for (unsigned i = static_cast<unsigned>(thread_id()); i < kGemmStageBytes<1> / sizeof(*pairs);
       i += kPeakThreads) {
    pairs[i] = 0x3f803f80u;
  }
  fence_async();
  block_barrier();
  float first[64] = {};
  float second[64] = {};
  const unsigned weights =
      shared_address(ring.weights(0)) +
      static_cast<unsigned>(thread_id() / kGemmWarpgroup) * 8 * kGemmGroupBytes;
  const unsigned tokens = shared_address(ring.tokens(0, 0));
  // Products of a sum are added in order and the stage stays, so only the end is waited for.
#pragma unroll 1
  for (std::int32_t i = 0; i < products; ++i) {
    wgmma_fence();
    multiply_stage<1>(first, weights, tokens);
    multiply_stage<1>(second, weights + 4 * kGemmGroupBytes, tokens);
  }
  wgmma_commit();
  wgmma_wait<0>();
  wgmma_take(first);
  wgmma_take(second);
  float all = 0;
#pragma unroll
  for (int i = 0; i < 64; ++i) all += first[i] + second[i];
  sums[std::int64_t{block_x()} * kPeakThreads + thread_id()] = all;
#endif
}

}  // namespace sb::cuda
