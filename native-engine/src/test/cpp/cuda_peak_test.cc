// The kernels that find out what a device can do at most do all of it.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "cuda_testing.h"

namespace sb::cuda::testing {
namespace {

constexpr std::int64_t kBlocks = 3;

TEST(CudaPeakTest, EachByteIsReadOnce) {
  for (const std::size_t words : {4UL, 4092UL, 4096UL, 30000UL}) {
    std::vector<std::uint32_t> numbers(words + 4);
    std::iota(numbers.begin(), numbers.end(), 7U);
    std::vector<std::uint32_t> sums(kBlocks * kPeakThreads, 9);

    read_at_most({}, {.from = numbers.data(),
                      .bytes = static_cast<std::int64_t>(words * sizeof(std::uint32_t)),
                      .blocks = kBlocks,
                      .sums = sums.data()});

    EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), 0U),
              std::accumulate(numbers.begin(), numbers.end() - 4, 0U));
  }
}

TEST(CudaPeakTest, EachProductIsAdded) {
  for (const Multiplier multiplier :
       {Multiplier::kBrains, Multiplier::kBytes, Multiplier::kBrainsByWgmma}) {
    std::vector<float> sums(kBlocks * kPeakThreads);

    const double operations = multiply_at_most(
        {}, {.multiplier = multiplier, .products = 5, .blocks = kBlocks, .sums = sums.data()});

    // A sum is of two operations.
    EXPECT_GT(operations, 0);
    EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), 0.0F), static_cast<float>(operations / 2));
  }
}

}  // namespace
}  // namespace sb::cuda::testing
