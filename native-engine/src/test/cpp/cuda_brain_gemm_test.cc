// BF16 weights by wgmma on the emulated device: near exact arithmetic on ragged shapes, and a token
// has the same bits alone and among others.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "cuda_testing.h"

namespace sb::cuda::testing {
namespace {

using ops::WeightType;
using ops::testing::FileMatrix;
using ops::testing::pack_slice;
using ops::testing::Packed;
using ops::testing::random_floats;
using ops::testing::random_matrix;

class CudaBrainGemmTest : public ::testing::TestWithParam<BrainKernel> {
 protected:
  float tolerance() const {
    return GetParam() == BrainKernel::kWgmma ? kFloatMatmulTolerance : kRoundedMatmulTolerance;
  }
  std::vector<float> multiply(const Packed& w, const std::vector<float>& x, std::int64_t m,
                              const float* bias = nullptr, float softcap = 0) const {
    Buffers buffers(x, m, w.matrix.cols);
    prepare({}, buffers.operand, m, Form::kBrain);
    std::vector<float> y = untouched(m * w.matrix.rows);
    matmul_brains({}, {w.matrix, buffers.operand, m, bias, y.data(), w.matrix.rows, softcap},
                  GetParam());
    return y;
  }
};

TEST_P(CudaBrainGemmTest, IsNearExactArithmeticOnAnyShape) {
  struct Shape {
    std::int64_t rows, cols, tokens;
  };
  // Columns of one step, of a part of one, and of more steps than there are stages.
  for (const Shape& shape :
       {Shape{1, 64, 1}, {16, 16, 2}, {37, 50, 3}, {256, 448, 130}, {300, 100, 9}, {530, 608, 8}}) {
    SCOPED_TRACE(::testing::Message()
                 << shape.rows << " x " << shape.cols << ", " << shape.tokens << " tokens");
    const FileMatrix file = random_matrix(WeightType::kBF16, shape.rows, shape.cols, 3);
    const Packed w = pack_slice(file, 0, shape.rows, 0, shape.cols);
    const std::vector<float> x = random_floats(shape.tokens * shape.cols, 4);
    simt::seed(static_cast<std::uint64_t>(shape.rows));
    expect_near_exact(file, 0, w, x, shape.tokens, multiply(w, x, shape.tokens), tolerance());
  }
}

TEST_P(CudaBrainGemmTest, ATokenIsTheSameAloneAndAmongOthers) {
  const std::int64_t rows = 35;
  const std::int64_t most = 64;
  const std::int64_t cols = 336;
  const FileMatrix file = random_matrix(WeightType::kBF16, rows, cols, 31);
  const Packed w = pack_slice(file, 0, rows, 0, cols);
  const std::vector<float> x = random_floats(most * cols, 32);
  simt::seed(33);
  const std::vector<float> all = multiply(w, x, most);
  for (const std::int64_t m : {1, 2, 3, 8, 9}) {
    const std::int64_t first = most - m;
    const std::vector<float> some(x.begin() + first * cols, x.begin() + (first + m) * cols);
    const std::vector<float> same(all.begin() + first * rows, all.begin() + (first + m) * rows);
    ASSERT_TRUE(same_bits(multiply(w, some, m), same)) << m << " tokens from " << first;
  }
}

TEST_P(CudaBrainGemmTest, TheOrderOfItsThreadsDoesNotMatter) {
  const FileMatrix file = random_matrix(WeightType::kBF16, 40, 320, 41);
  const Packed w = pack_slice(file, 0, 40, 0, 320);
  const std::vector<float> x = random_floats(5 * 320, 42);
  simt::seed(1);
  const std::vector<float> first = multiply(w, x, 5);
  for (std::uint64_t seed = 2; seed < 10; ++seed) {
    simt::seed(seed);
    ASSERT_TRUE(same_bits(multiply(w, x, 5), first)) << "seed " << seed;
  }
}

TEST_P(CudaBrainGemmTest, AddsABiasThenCapsAndWritesNothingElse) {
  const std::int64_t rows = 21;
  const std::int64_t ldy = 40;
  const FileMatrix file = random_matrix(WeightType::kBF16, rows, 64, 51);
  const Packed w = pack_slice(file, 0, rows, 0, 64);
  const std::vector<float> bias = random_floats(rows, 52);
  const std::vector<float> x = random_floats(3 * 64, 53);
  Buffers buffers(x, 3, 64);
  prepare({}, buffers.operand, 3, Form::kBrain);
  std::vector<float> y(static_cast<std::size_t>(3 * ldy), 1234.0f);
  matmul_brains({}, {w.matrix, buffers.operand, 3, bias.data(), y.data(), ldy, 5.0f}, GetParam());
  std::vector<float> plain = multiply(w, x, 3);
  for (std::int64_t i = 0; i < 3 * rows; ++i) {
    plain[static_cast<std::size_t>(i)] += bias[static_cast<std::size_t>(i % rows)];
  }
  reference().softcap(plain.data(), 5.0f, 3 * rows);
  for (std::int64_t i = 0; i < 3 * ldy; ++i) {
    const float value =
        i % ldy < rows ? plain[static_cast<std::size_t>(i / ldy * rows + i % ldy)] : 1234.0f;
    ASSERT_EQ(value, y[static_cast<std::size_t>(i)]) << i;
  }
}

TEST_P(CudaBrainGemmTest, ANotANumberReachesEveryOutputOfItsTokenOnly) {
  const FileMatrix file = random_matrix(WeightType::kBF16, 16, 128, 91);
  const Packed w = pack_slice(file, 0, 16, 0, 128);
  std::vector<float> x = random_floats(2 * 128, 92);
  x[100] = std::nanf("");
  const std::vector<float> y = multiply(w, x, 2);
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_TRUE(std::isnan(y[i])) << i;
    EXPECT_TRUE(std::isfinite(y[16 + i])) << i;
  }
}

TEST_P(CudaBrainGemmTest, NoTokensAreNoWork) {
  const FileMatrix file = random_matrix(WeightType::kBF16, 16, 64, 1);
  const Packed w = pack_slice(file, 0, 16, 0, 64);
  EXPECT_NO_THROW(matmul_brains({}, {w.matrix, Operand{}, 0, nullptr, nullptr, 16, 0}, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Kernels, CudaBrainGemmTest,
                         ::testing::Values(BrainKernel::kWgmma, BrainKernel::kWgmmaRounded),
                         [](const auto& p) {
                           return p.param == BrainKernel::kWgmma ? "TwoNumbers" : "Rounded";
                         });

TEST(CudaBrainKernelTest, HasFourNamesAndNoOther) {
  BrainKernel kernel{};
  const auto named = [&](const char* name) { return brain_kernel_named(name, &kernel); };

  EXPECT_TRUE(named("mma-rounded"));
  EXPECT_EQ(BrainKernel::kMmaRounded, kernel);
  EXPECT_TRUE(named("wgmma"));
  EXPECT_EQ(BrainKernel::kWgmma, kernel);
  EXPECT_TRUE(named("wgmma-rounded"));
  EXPECT_EQ(BrainKernel::kWgmmaRounded, kernel);
  for (const char* name : {"mma", "", static_cast<const char*>(nullptr)}) {
    kernel = BrainKernel::kWgmma;
    EXPECT_TRUE(named(name));
    EXPECT_EQ(BrainKernel::kMma, kernel);
  }
  EXPECT_FALSE(named("on"));
}

}  // namespace
}  // namespace sb::cuda::testing
