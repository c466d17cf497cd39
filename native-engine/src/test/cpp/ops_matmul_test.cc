#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ops_testing.h"

namespace sb::ops::testing {
namespace {

using TypeAndIsa = std::tuple<WeightType, Isa>;

class MatmulTest : public ::testing::TestWithParam<TypeAndIsa> {
 protected:
  WeightType type() const { return std::get<0>(GetParam()); }
  const Kernels& ops() const { return kernels(std::get<1>(GetParam())); }
};

std::string parameter_name(const ::testing::TestParamInfo<TypeAndIsa>& p) {
  return type_name(std::get<0>(p.param)) + "_" + isa_name(std::get<1>(p.param));
}

// Against exact arithmetic on the dequantised weights. What may differ: half a unit of each
// activation's block scale, weighted by the weights, and the rounding of the float sums.
void expect_near_exact(const FileMatrix& file, const Input& in, const std::vector<float>& y,
                       const float* bias) {
  const bool quantised = type_traits(file.type).quantised;
  for (std::int64_t t = 0; t < in.activations.m; ++t) {
    for (std::int64_t row = 0; row < file.rows; ++row) {
      double exact = bias == nullptr ? 0.0 : static_cast<double>(bias[row]);
      double bound = 1e-6;
      for (std::int64_t c = 0; c < file.cols; ++c) {
        const double weight = file.values[static_cast<std::size_t>(row * file.cols + c)];
        const double x = static_cast<double>(in.x[static_cast<std::size_t>(t * file.cols + c)]);
        exact += weight * x;
        bound += 4e-6 * std::abs(weight * x);
        if (!quantised) continue;
        const std::int64_t block = (t * file.cols + c) / kQuantBlock;
        bound += std::abs(weight) * 0.5001 *
                 static_cast<double>(in.scale[static_cast<std::size_t>(block)]);
      }
      ASSERT_NEAR(y[static_cast<std::size_t>(t * file.rows + row)], exact, bound)
          << "token " << t << " row " << row;
    }
  }
}

TEST_P(MatmulTest, AgreesWithExactArithmetic) {
  for (const std::int64_t rows : {1, 16, 33, 70}) {
    const std::int64_t cols = type_traits(type()).block_elements == 256 ? 768 : 736;
    const FileMatrix file = random_matrix(type(), rows, cols, 11);
    const Packed w = pack_all(file);
    const std::vector<float> bias = random_floats(rows, 12);
    for (std::int64_t m = 0; m <= 9; ++m) {
      const Input in = random_input(ops(), m, cols, 13);
      expect_near_exact(file, in, run_matmul(ops(), w.matrix, in.activations), nullptr);
      expect_near_exact(file, in, run_matmul(ops(), w.matrix, in.activations, bias.data()),
                        bias.data());
    }
  }
}

TEST_P(MatmulTest, EqualsTheReferenceBitForBit) {
  for (const std::int64_t rows : {16, 50, 160}) {
    const FileMatrix file = random_matrix(type(), rows, 1280, 21);
    const Packed w = pack_slice(file, 0, rows, 96, 1184);
    for (const std::int64_t m : {1, 2, 3, 5, 8, 19, 33, 70}) {
      const Input in = random_input(ops(), m, w.matrix.cols, 22);
      EXPECT_TRUE(same_bits(run_matmul(ops(), w.matrix, in.activations),
                            run_matmul(kernels(Isa::kReference), w.matrix, in.activations)))
          << "m " << m << " rows " << rows;
    }
  }
}

TEST_P(MatmulTest, ATokenIsTheSameAloneAndAmongOthers) {
  const FileMatrix file = random_matrix(type(), 48, 512, 31);
  const Packed w = pack_all(file);
  const std::int64_t most = 70;
  const std::vector<float> x = random_floats(most * 512, 32);
  const std::vector<float> all =
      run_matmul(ops(), w.matrix, quantised_input(ops(), x, most, 512).activations);
  for (const std::int64_t m : {1, 7, 16}) {
    for (std::int64_t t = 0; t + m <= most; t += m) {
      const std::vector<float> some(x.begin() + t * 512, x.begin() + (t + m) * 512);
      const Input in = quantised_input(ops(), some, m, 512);
      const std::vector<float> expected(all.begin() + t * 48, all.begin() + (t + m) * 48);
      ASSERT_TRUE(same_bits(run_matmul(ops(), w.matrix, in.activations), expected)) << t;
    }
  }
}

TEST_P(MatmulTest, GroupsMayBeSplitInAnyWay) {
  const std::int64_t rows = 16 * 9 + 3;
  const FileMatrix file = random_matrix(type(), rows, 256, 41);
  const Packed w = pack_all(file);
  for (const std::int64_t m : {1, 6}) {
    const Input in = random_input(ops(), m, 256, 42);
    const std::vector<float> whole = run_matmul(ops(), w.matrix, in.activations);
    for (const std::int64_t step : {1, 2, 3, 4, 7}) {
      std::vector<float> y(whole.size());
      for (std::int64_t g = 0; g < w.matrix.groups(); g += step) {
        ops().matmul(w.matrix, in.activations, nullptr, y.data(), rows, g,
                     std::min(g + step, w.matrix.groups()));
      }
      EXPECT_TRUE(same_bits(y, whole)) << "step " << step;
    }
  }
}

TEST_P(MatmulTest, WritesNothingOutsideItsRows) {
  const FileMatrix file = random_matrix(type(), 21, 256, 51);
  const Packed w = pack_all(file);
  const Input in = random_input(ops(), 5, 256, 52);
  const std::int64_t ldy = 64;
  std::vector<float> y(5 * ldy, 1234.0f);
  ops().matmul(w.matrix, in.activations, nullptr, y.data(), ldy, 1, 2);
  for (std::int64_t i = 0; i < 5 * ldy; ++i) {
    const bool own = i % ldy >= 16 && i % ldy < 21;
    EXPECT_EQ(!own, y[static_cast<std::size_t>(i)] == 1234.0f) << i;
  }
}

TEST_P(MatmulTest, ColumnSlicesSumToTheWhole) {
  const FileMatrix file = random_matrix(type(), 32, 1024, 61);
  const Packed w = pack_all(file);
  const Input in = random_input(ops(), 3, 1024, 62);
  const std::vector<float> whole = run_matmul(ops(), w.matrix, in.activations);
  for (const std::int64_t cut : {32, 352, 512, 864}) {
    std::vector<float> total(whole.size(), 0.0f);
    for (const auto& [begin, end] :
         std::array{std::pair{std::int64_t{0}, cut}, std::pair{cut, std::int64_t{1024}}}) {
      const Packed slice = pack_slice(file, 0, 32, begin, end);
      std::vector<float> x;
      for (std::int64_t t = 0; t < 3; ++t) {
        x.insert(x.end(), in.x.begin() + t * 1024 + begin, in.x.begin() + t * 1024 + end);
      }
      const Input part = quantised_input(ops(), x, 3, end - begin);
      const std::vector<float> y = run_matmul(ops(), slice.matrix, part.activations);
      for (std::size_t i = 0; i < y.size(); ++i) total[i] += y[i];
    }
    for (std::size_t i = 0; i < total.size(); ++i) EXPECT_NEAR(total[i], whole[i], 2e-3) << i;
  }
}

TEST_P(MatmulTest, RowSlicesEqualTheWholeBitForBit) {
  const FileMatrix file = random_matrix(type(), 75, 512, 71);
  const Packed w = pack_all(file);
  const Input in = random_input(ops(), 2, 512, 72);
  const std::vector<float> whole = run_matmul(ops(), w.matrix, in.activations);
  for (const auto& [begin, end] : {std::pair{0, 37}, std::pair{37, 75}, std::pair{74, 75}}) {
    const Packed slice = pack_slice(file, begin, end, 0, 512);
    const std::vector<float> y = run_matmul(ops(), slice.matrix, in.activations);
    for (std::int64_t t = 0; t < 2; ++t) {
      const std::vector<float> expected(whole.begin() + t * 75 + begin,
                                        whole.begin() + t * 75 + end);
      const std::vector<float> got(y.begin() + t * (end - begin),
                                   y.begin() + (t + 1) * (end - begin));
      EXPECT_TRUE(same_bits(got, expected));
    }
  }
}

TEST_P(MatmulTest, ZeroAndVeryLargeActivationsStayExactInKind) {
  const FileMatrix file = random_matrix(type(), 16, 256, 81);
  const Packed w = pack_all(file);
  const Input zeros = quantised_input(ops(), std::vector<float>(256, 0.0f), 1, 256);
  for (const float y : run_matmul(ops(), w.matrix, zeros.activations)) EXPECT_EQ(0.0f, y);
  std::vector<float> large = random_floats(256, 82, 1e30f);
  const Input in = quantised_input(ops(), large, 1, 256);
  for (const float y : run_matmul(ops(), w.matrix, in.activations)) EXPECT_TRUE(std::isfinite(y));
}

TEST_P(MatmulTest, ANotANumberReachesEveryOutputOfItsTokenOnly) {
  const FileMatrix file = random_matrix(type(), 16, 256, 91);
  const Packed w = pack_all(file);
  std::vector<float> x = random_floats(2 * 256, 92);
  x[100] = std::nanf("");
  const std::vector<float> y =
      run_matmul(ops(), w.matrix, quantised_input(ops(), x, 2, 256).activations);
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_TRUE(std::isnan(y[i]));
    EXPECT_TRUE(std::isfinite(y[16 + i]));
  }
}

// The largest integers with the largest activations of one sign: what saturating instructions
// would get wrong.
TEST_P(MatmulTest, ExtremeIntegersDoNotSaturate) {
  FileMatrix file = random_matrix(type(), 16, 256, 101);
  if (type_traits(type()).quantised) {
    const TypeTraits traits = type_traits(type());
    const std::int64_t blocks = 16 * 256 / traits.block_elements;
    for (std::int64_t b = 0; b < blocks; ++b) {
      std::uint8_t* p = file.bytes.data() + b * traits.block_bytes;
      // IQ4_NL's largest magnitude is at index 0.
      const int odd = type() == WeightType::kQ8_0 ? 0x80 : type() == WeightType::kIQ4_NL ? 0 : 0x7f;
      std::memset(p, b % 2 == 0 ? 0xff : odd, static_cast<std::size_t>(traits.block_bytes));
      put_scales(type(), p, 0.01f, 0.01f);
      dequantise_block(type(), p, file.values.data() + b * traits.block_elements);
    }
  }
  const Packed w = pack_all(file);
  std::vector<float> x(3 * 256, 1.0f);
  for (std::size_t i = 256; i < 512; ++i) x[i] = -1.0f;
  for (std::size_t i = 512; i < 768; ++i) x[i] = i % 2 == 0 ? 1.0f : -1.0f;
  const Input in = quantised_input(ops(), x, 3, 256);
  const std::vector<float> y = run_matmul(ops(), w.matrix, in.activations);
  expect_near_exact(file, in, y, nullptr);
  EXPECT_TRUE(same_bits(y, run_matmul(kernels(Isa::kReference), w.matrix, in.activations)));
}

// Any slice of any matrix, any number of tokens, any split of the groups: every variant gives the
// reference's bits. A failure names its seed; SB_FUZZ_SEED in the environment begins elsewhere.
TEST_P(MatmulTest, FuzzEqualsTheReferenceBitForBit) {
  const std::uint32_t first = first_seed();
  for (std::uint32_t seed = first; seed < first + 60; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto upto = [&](std::int64_t n) {
      return std::uniform_int_distribution<std::int64_t>(0, n)(random);
    };
    const std::int64_t cols = 256 * (1 + upto(4));
    const std::int64_t rows = 1 + upto(80);
    const FileMatrix file = random_matrix(type(), rows, cols, seed);
    const std::int64_t row_begin = upto(rows - 1);
    const std::int64_t row_end = row_begin + 1 + upto(rows - row_begin - 1);
    const std::int64_t col_begin = kQuantBlock * upto(cols / kQuantBlock - 1);
    const std::int64_t col_end =
        col_begin + kQuantBlock * (1 + upto((cols - col_begin) / kQuantBlock - 1));
    const Packed w = pack_slice(file, row_begin, row_end, col_begin, col_end);
    const std::int64_t m = 1 + upto(seed % 4 == 0 ? 40 : 8);
    const float spread = seed % 3 == 0 ? 100.0f : 1.0f;
    const Input in =
        quantised_input(ops(), random_floats(m * w.matrix.cols, seed, spread), m, w.matrix.cols);
    const std::vector<float> bias = random_floats(w.matrix.rows, seed);
    const float* offset = seed % 2 == 0 ? nullptr : bias.data();
    std::vector<float> y(static_cast<std::size_t>(m * w.matrix.rows));
    for (std::int64_t g = 0; g < w.matrix.groups();) {
      const std::int64_t end = g + 1 + upto(w.matrix.groups() - g - 1);
      ops().matmul(w.matrix, in.activations, offset, y.data(), w.matrix.rows, g, end);
      g = end;
    }
    ASSERT_TRUE(
        same_bits(y, run_matmul(kernels(Isa::kReference), w.matrix, in.activations, offset)));
  }
}

INSTANTIATE_TEST_SUITE_P(All, MatmulTest,
                         ::testing::Combine(::testing::ValuesIn(kAllTypes),
                                            ::testing::ValuesIn(supported_isas())),
                         parameter_name);

}  // namespace
}  // namespace sb::ops::testing
