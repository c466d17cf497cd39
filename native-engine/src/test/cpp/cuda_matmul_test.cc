// Matrices on the emulated device: quantised and F32 weights have the reference's bits, BF16 and
// F16 ones are near exact arithmetic, and all give a token the same alone and among others.
#include <cmath>
#include <cstdint>
#include <random>
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

class CudaMatmulTest : public ::testing::TestWithParam<WeightType> {
 protected:
  WeightType type() const { return GetParam(); }
  bool has_the_references_bits() const {
    return ops::type_traits(type()).quantised || type() == WeightType::kF32;
  }
};

std::vector<float> multiply(const Packed& w, const std::vector<float>& x, std::int64_t m,
                            const float* bias = nullptr, float softcap = 0) {
  Buffers buffers(x, m, w.matrix.cols);
  prepare({}, buffers.operand, m, form_for(w.matrix.type));
  std::vector<float> y = untouched(m * w.matrix.rows);
  matmul({}, {w.matrix, buffers.operand, m, bias, y.data(), w.matrix.rows, softcap});
  return y;
}

std::vector<float> expected(const Packed& w, const std::vector<float>& x, std::int64_t m,
                            const float* bias = nullptr) {
  return ops::testing::run_matmul(reference(), w.matrix, quantised(x, m, w.matrix.cols).activations,
                                  bias);
}

void expect_within_tolerance(const FileMatrix& file, std::int64_t first_column, const Packed& w,
                             const std::vector<float>& x, std::int64_t m,
                             const std::vector<float>& y) {
  expect_near_exact(file, first_column, w, x, m, y, kFloatMatmulTolerance);
}

TEST_P(CudaMatmulTest, AgreesWithTheReference) {
  std::uint32_t seed = 1;
  for (const std::int64_t rows : {1, 37, 80}) {
    const FileMatrix file = random_matrix(type(), rows, 1280, seed);
    const Packed w = pack_slice(file, 0, rows, 96, 1184);
    for (const std::int64_t m : {1, 2, 4, 7, 9, 33}) {
      SCOPED_TRACE(::testing::Message() << rows << " rows, " << m << " tokens");
      simt::seed(++seed);
      const std::vector<float> x = random_floats(m * w.matrix.cols, seed);
      const std::vector<float> y = multiply(w, x, m);
      if (has_the_references_bits()) {
        ASSERT_TRUE(same_bits(y, expected(w, x, m)));
      } else {
        expect_within_tolerance(file, 96, w, x, m, y);
      }
    }
  }
}

TEST_P(CudaMatmulTest, ATokenIsTheSameAloneAndAmongOthers) {
  const std::int64_t rows = 35;
  const std::int64_t most = 64;
  const std::int64_t cols = 768;
  const FileMatrix file = random_matrix(type(), rows, cols, 31);
  const Packed w = pack_slice(file, 0, rows, 0, cols);
  const std::vector<float> x = random_floats(most * cols, 32);
  simt::seed(33);
  const std::vector<float> all = multiply(w, x, most);
  for (const std::int64_t m : {1, 2, 3, 8, 9}) {
    for (const std::int64_t first : {std::int64_t{0}, most - m}) {
      const std::vector<float> some(x.begin() + first * cols, x.begin() + (first + m) * cols);
      const std::vector<float> same(all.begin() + first * rows, all.begin() + (first + m) * rows);
      ASSERT_TRUE(same_bits(multiply(w, some, m), same)) << m << " tokens from " << first;
    }
  }
}

TEST_P(CudaMatmulTest, AddsABiasThenCapsAndWritesNothingElse) {
  const std::int64_t rows = 21;
  const std::int64_t ldy = 40;
  const FileMatrix file = random_matrix(type(), rows, 256, 51);
  const Packed w = pack_slice(file, 0, rows, 0, 256);
  const std::vector<float> bias = random_floats(rows, 52);
  for (const std::int64_t m : {3, 12}) {
    const std::vector<float> x = random_floats(m * 256, 53);
    Buffers buffers(x, m, 256);
    prepare({}, buffers.operand, m, form_for(type()));
    std::vector<float> y(static_cast<std::size_t>(m * ldy), 1234.0f);
    matmul({}, {w.matrix, buffers.operand, m, bias.data(), y.data(), ldy, 5.0f});
    std::vector<float> plain = multiply(w, x, m, bias.data());
    reference().softcap(plain.data(), 5.0f, m * rows);
    for (std::int64_t i = 0; i < m * ldy; ++i) {
      const float value =
          i % ldy < rows ? plain[static_cast<std::size_t>(i / ldy * rows + i % ldy)] : 1234.0f;
      ASSERT_EQ(value, y[static_cast<std::size_t>(i)]) << i;
    }
    if (has_the_references_bits()) {
      EXPECT_TRUE(same_bits(multiply(w, x, m, bias.data()), expected(w, x, m, bias.data())));
    }
  }
}

TEST_P(CudaMatmulTest, ANotANumberReachesEveryOutputOfItsTokenOnly) {
  const FileMatrix file = random_matrix(type(), 16, 256, 91);
  const Packed w = pack_slice(file, 0, 16, 0, 256);
  for (const std::int64_t m : {2, 10}) {
    std::vector<float> x = random_floats(m * 256, 92);
    x[100] = std::nanf("");
    const std::vector<float> y = multiply(w, x, m);
    for (std::size_t i = 0; i < 16; ++i) {
      EXPECT_TRUE(std::isnan(y[i])) << i;
      EXPECT_TRUE(std::isfinite(y[16 + i])) << i;
    }
  }
}

// Activations of any size: F16 weights scale them by a power of two.
TEST_P(CudaMatmulTest, LargeAndSmallActivationsStayExactInKind) {
  const FileMatrix file = random_matrix(type(), 16, 256, 101);
  const Packed w = pack_slice(file, 0, 16, 0, 256);
  for (const float size : {0.0f, 1e-30f, 1e-20f, 1e6f, 1e20f}) {
    std::vector<float> x = random_floats(256, 102);
    for (float& value : x) value *= size;
    const std::vector<float> y = multiply(w, x, 1);
    if (has_the_references_bits()) {
      EXPECT_TRUE(same_bits(y, expected(w, x, 1))) << size;
    } else {
      expect_within_tolerance(file, 0, w, x, 1, y);
    }
  }
}

TEST_P(CudaMatmulTest, FuzzAgreesWithTheReference) {
  const std::uint32_t first = ops::testing::first_seed();
  for (std::uint32_t seed = first; seed < first + 6; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto upto = [&](std::int64_t n) {
      return std::uniform_int_distribution<std::int64_t>(0, n)(random);
    };
    const std::int64_t cols = 256 * (1 + upto(3));
    const std::int64_t rows = 1 + upto(70);
    const FileMatrix file = random_matrix(type(), rows, cols, seed);
    const std::int64_t begin = ops::kQuantBlock * upto(cols / ops::kQuantBlock - 1);
    const std::int64_t end =
        begin + ops::kQuantBlock * (1 + upto((cols - begin) / ops::kQuantBlock - 1));
    const Packed w = pack_slice(file, 0, rows, begin, end);
    const std::int64_t m = 1 + upto(seed % 3 == 0 ? 40 : 8);
    const std::vector<float> x = random_floats(m * w.matrix.cols, seed);
    simt::seed(seed);
    const std::vector<float> y = multiply(w, x, m);
    if (has_the_references_bits()) {
      ASSERT_TRUE(same_bits(y, expected(w, x, m)));
    } else {
      expect_within_tolerance(file, begin, w, x, m, y);
    }
  }
}

// Each with the bits that it has alone, which are the reference's.
TEST_P(CudaMatmulTest, MatricesOfATypeAreMultipliedTogether) {
  const std::int64_t cols = 1184;
  const std::int64_t rows[] = {37, 5, 80};
  std::vector<FileMatrix> files;
  std::vector<Packed> matrices;
  for (const std::int64_t n : rows) {
    files.push_back(random_matrix(type(), n, 1280, static_cast<std::uint32_t>(n)));
    matrices.push_back(pack_slice(files.back(), 0, n, 96, 96 + cols));
  }
  const std::vector<float> bias = random_floats(37, 61);
  for (const std::int64_t m : {1, 2, 3, 8, 9}) {
    const std::vector<float> x = random_floats(m * cols, 62);
    for (int n = 1; n <= kMostMatrices; ++n) {
      SCOPED_TRACE(::testing::Message() << m << " tokens, " << n << " matrices");
      simt::seed(static_cast<std::uint64_t>(m + n));
      Buffers buffers(x, m, cols);
      prepare({}, buffers.operand, m, form_for(type()));
      CountingQueue queue;
      JointMatmulArgs args;
      args.x = buffers.operand;
      args.rows = m;
      std::vector<std::vector<float>> outputs;
      for (int i = 0; i < n; ++i) {
        outputs.emplace_back(static_cast<std::size_t>(m * (rows[i] + 3)), 1234.0f);
        args.matrices[args.n++] = {matrices[static_cast<std::size_t>(i)].matrix,
                                   i == 0 ? bias.data() : nullptr, outputs.back().data(),
                                   rows[i] + 3};
      }

      matmul_jointly(queue.stream(), args);

      EXPECT_EQ(queue.kernels, m > kMostVectors && type() != WeightType::kF32 ? n : 1);
      for (int i = 0; i < n; ++i) {
        std::vector<float> alone(static_cast<std::size_t>(m * (rows[i] + 3)), 1234.0f);
        const MatmulOutput& one = args.matrices[i];
        matmul({}, {one.w, buffers.operand, m, one.bias, alone.data(), one.ldy, 0});
        EXPECT_TRUE(same_bits(outputs[static_cast<std::size_t>(i)], alone)) << "matrix " << i;
      }
    }
  }
}

// As two products and gate() give it, in every form that the next matrix may want.
TEST_P(CudaMatmulTest, AGateIsThatOfItsTwoProducts) {
  const std::int64_t cols = 1184;
  const float kNothing = -7;
  std::uint64_t seed = 0;
  for (const std::int64_t n : {19, 32, 96, 112, 160}) {
    const FileMatrix files[] = {random_matrix(type(), n, 1280, 71),
                                random_matrix(type(), n, 1280, 72)};
    const Packed gates = pack_slice(files[0], 0, n, 96, 96 + cols);
    const Packed ups = pack_slice(files[1], 0, n, 96, 96 + cols);
    const std::vector<float> bias = random_floats(n, 73);
    for (const std::int64_t m : {1, 2, 3, 8}) {
      for (const Form form : {Form::kFloat, Form::kQuantised, Form::kBrain, Form::kHalf}) {
        if (form == Form::kQuantised && n % ops::kQuantBlock != 0) continue;
        SCOPED_TRACE(::testing::Message()
                     << n << " rows, " << m << " tokens, form " << static_cast<int>(form));
        simt::seed(++seed);
        const Activation activation = seed % 2 == 0 ? Activation::kSilu : Activation::kGeluTanh;
        Buffers x(random_floats(m * cols, 74), m, cols);
        prepare({}, x.operand, m, form_for(type()));
        Buffers expected(m, n);
        std::vector<float> let_through = untouched(m * n);
        matmul({}, {gates.matrix, x.operand, m, nullptr, expected.f32.data(), n, 0});
        matmul({}, {ups.matrix, x.operand, m, bias.data(), let_through.data(), n, 0});
        gate({}, {activation, expected.f32.data(), let_through.data(), m, expected.operand, form});
        Buffers out(m, n);
        std::vector<float> up(static_cast<std::size_t>(m * n), kNothing);
        CountingQueue queue;

        matmul_gated(queue.stream(), {x.operand,
                                      m,
                                      {gates.matrix, nullptr, out.f32.data(), n},
                                      {ups.matrix, bias.data(), up.data(), n},
                                      activation,
                                      out.operand,
                                      form});

        expect_same_operand(out, expected);
        const bool by_column = form == Form::kFloat || form == Form::kBrain;
        const bool once = ops::type_traits(type()).quantised
                              ? m == 1 && form != Form::kHalf
                              : type() != WeightType::kF32 && by_column;
        EXPECT_EQ(queue.kernels, once ? 1 : form == Form::kHalf ? 3 : 2);
        EXPECT_EQ(up[0] == kNothing, once);
      }
    }
  }
}

TEST_P(CudaMatmulTest, NoTokensAreNoWork) {
  const FileMatrix file = random_matrix(type(), 16, 256, 1);
  const Packed w = pack_slice(file, 0, 16, 0, 256);
  EXPECT_NO_THROW(matmul({}, {w.matrix, Operand{}, 0, nullptr, nullptr, 16, 0}));
}

INSTANTIATE_TEST_SUITE_P(Types, CudaMatmulTest, ::testing::ValuesIn(ops::testing::kAllTypes),
                         [](const auto& p) { return ops::testing::type_name(p.param); });

// A float type's columns need be no multiple of anything.
TEST(CudaFloatMatmulTest, AnyNumberOfColumns) {
  for (const WeightType type : {WeightType::kF32, WeightType::kF16, WeightType::kBF16}) {
    for (const std::int64_t cols : {1, 15, 16, 50, 301}) {
      const FileMatrix file = random_matrix(type, 19, cols, 7);
      const Packed w = pack_slice(file, 0, 19, 0, cols);
      for (const std::int64_t m : {1, 11}) {
        const std::vector<float> x = random_floats(m * cols, 8);
        expect_within_tolerance(file, 0, w, x, m, multiply(w, x, m));
      }
    }
  }
}

}  // namespace
}  // namespace sb::cuda::testing
