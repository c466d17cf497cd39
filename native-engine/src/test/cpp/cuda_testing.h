// Buffers around the CUDA engine's operations, which run on the emulated device of simt/.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "cuda/kernels.h"
#include "ops_testing.h"
#include "simt/machine.h"

namespace sb::cuda::testing {

using ops::testing::same_bits;

inline const ops::Kernels& reference() { return ops::kernels(ops::Isa::kReference); }

// What nobody should read, or write.
inline std::vector<float> untouched(std::int64_t n) {
  return std::vector<float>(static_cast<std::size_t>(n), std::numeric_limits<float>::quiet_NaN());
}

// An operand that owns its memory, with room for all forms.
struct Buffers {
  std::vector<float> f32, scale, power;
  std::vector<std::int8_t> q;
  std::vector<ops::BlockSum> sum;
  std::vector<std::uint16_t> high, low;
  Operand operand;

  Buffers(std::int64_t m, std::int64_t k) : Buffers(untouched(m * k), m, k) {}
  Buffers(std::vector<float> x, std::int64_t m, std::int64_t k) : f32(std::move(x)) {
    const auto n = static_cast<std::size_t>(m * k);
    const auto blocks = static_cast<std::size_t>(m * ((k + 31) / 32));
    scale.resize(blocks);
    sum.resize(blocks);
    q.resize(n);
    high.resize(static_cast<std::size_t>(m * pad16(k)), 0xffff);
    low.resize(high.size(), 0xffff);
    power.resize(static_cast<std::size_t>(m));
    operand = {k,          f32.data(),  q.data(),   scale.data(),
               sum.data(), high.data(), low.data(), power.data()};
  }
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  [[nodiscard]] ops::Activations view(std::int64_t m) const {
    return {m, operand.k, f32.data(), q.data(), scale.data(), sum.data()};
  }
};

// A stream that counts the kernels that it is given, and does them.
struct CountingQueue final : simt::Queue {
  void put(const simt::Kernel& kernel) override {
    ++kernels;
    simt::run(kernel);
  }
  [[nodiscard]] Stream stream() { return {static_cast<simt::Queue*>(this)}; }

  int kernels = 0;
};

// Whether one has all that the other has, where both were written by the same form.
inline void expect_same_operand(const Buffers& a, const Buffers& b) {
  EXPECT_TRUE(same_bits(a.f32, b.f32));
  EXPECT_EQ(a.q, b.q);
  EXPECT_TRUE(same_bits(a.scale, b.scale));
  for (std::size_t i = 0; i < a.sum.size(); ++i) {
    EXPECT_EQ(a.sum[i].all, b.sum[i].all) << i;
    EXPECT_EQ(a.sum[i].first_half, b.sum[i].first_half) << i;
  }
  EXPECT_EQ(a.high, b.high);
  EXPECT_EQ(a.low, b.low);
  EXPECT_TRUE(same_bits(a.power, b.power));
}

// Calls work with the number of each output of the first m tokens, what exact arithmetic gives and
// the sum of the products' magnitudes, until an assertion fails.
template <class Work>
void each_exact(const ops::testing::FileMatrix& file, std::int64_t first_column,
                const ops::testing::Packed& w, const std::vector<float>& x, std::int64_t m,
                const Work& work) {
  for (std::int64_t i = 0; i < m * w.matrix.rows; ++i) {
    const std::int64_t token = i / w.matrix.rows;
    const std::int64_t row = i % w.matrix.rows;
    double exact = 0;
    double magnitudes = 0;
    for (std::int64_t c = 0; c < w.matrix.cols; ++c) {
      const double product =
          file.values[static_cast<std::size_t>(row * file.cols + first_column + c)] *
          static_cast<double>(x[static_cast<std::size_t>(token * w.matrix.cols + c)]);
      exact += product;
      magnitudes += std::abs(product);
    }
    work(static_cast<std::size_t>(i), exact, magnitudes);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

inline void expect_near_exact(const ops::testing::FileMatrix& file, std::int64_t first_column,
                              const ops::testing::Packed& w, const std::vector<float>& x,
                              std::int64_t m, const std::vector<float>& y, float tolerance) {
  const auto rows = static_cast<std::size_t>(w.matrix.rows);
  each_exact(file, first_column, w, x, m, [&](std::size_t i, double exact, double magnitudes) {
    ASSERT_NEAR(exact, static_cast<double>(y[i]), static_cast<double>(tolerance) * magnitudes)
        << "token " << i / rows << " row " << i % rows;
  });
}

// The quantised form of x by the reference.
inline ops::testing::Input quantised(const std::vector<float>& x, std::int64_t m, std::int64_t k) {
  return ops::testing::quantised_input(reference(), x, m, k);
}

inline void expect_same_form(const Buffers& buffers, const ops::testing::Input& expected) {
  EXPECT_EQ(expected.q, buffers.q);
  EXPECT_TRUE(same_bits(buffers.scale, expected.scale));
  for (std::size_t i = 0; i < expected.sum.size(); ++i) {
    EXPECT_EQ(expected.sum[i].all, buffers.sum[i].all) << i;
    EXPECT_EQ(expected.sum[i].first_half, buffers.sum[i].first_half) << i;
  }
}

}  // namespace sb::cuda::testing
