// BF16 and F16 weights by large tiles on the emulated device: the bits that small tiles give, and
// what is near exact arithmetic where activations are rounded.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
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

struct Kind {
  const char* name;
  WeightType type;
  const char* kernel;  // as SWITCHBOARD_CUDA_BF16 names it
};

// Named as a kind's kernel is, until it ends.
class Chosen {
 public:
  explicit Chosen(const char* kernel) { setenv(kBrainVariable, kernel, 1); }
  ~Chosen() { unsetenv(kBrainVariable); }
  Chosen(const Chosen&) = delete;
  Chosen& operator=(const Chosen&) = delete;
};

struct Shape {
  std::int64_t rows, cols, tokens;
};

using Multiply = void (*)(Stream, const MatmulArgs&);

class CudaBlocksTest : public ::testing::TestWithParam<Kind> {
 protected:
  [[nodiscard]] static FileMatrix some_matrix(std::int64_t rows, std::int64_t cols) {
    return random_matrix(GetParam().type, rows, cols, 3);
  }
  [[nodiscard]] static std::vector<float> by(Multiply multiply, const Packed& w,
                                             const std::vector<float>& x, std::int64_t m,
                                             const float* bias = nullptr, float softcap = 0,
                                             std::int64_t more = 0) {
    Buffers buffers(x, m, w.matrix.cols);
    prepare({}, buffers.operand, m, form_for(w.matrix.type));
    const std::int64_t ldy = w.matrix.rows + more;
    std::vector<float> y(static_cast<std::size_t>(m * ldy), 1234.0f);
    multiply({}, {w.matrix, buffers.operand, m, bias, y.data(), ldy, softcap});
    return y;
  }

  Chosen chosen_{GetParam().kernel};
};

// A part of a step of columns, runs of each of the four passes and of only some, rows and tokens
// that fill no tile, and more than one of either.
TEST_P(CudaBlocksTest, HasTheBitsOfSmallTilesOnAnyShape) {
  for (const Shape& shape : {Shape{1, 1, 1},
                             {16, 20, 2},
                             {37, 50, 3},
                             {80, 130, 9},
                             {257, 300, 20},
                             {256, 448, 130},
                             {19, 608, 257}}) {
    SCOPED_TRACE(::testing::Message()
                 << shape.rows << " x " << shape.cols << ", " << shape.tokens << " tokens");
    const FileMatrix file = some_matrix(shape.rows, shape.cols);
    const Packed w = pack_slice(file, 0, shape.rows, 0, shape.cols);
    const std::vector<float> x = random_floats(shape.tokens * shape.cols, 4);
    simt::seed(static_cast<std::uint64_t>(shape.rows));
    ASSERT_TRUE(same_bits(by(matmul_blocks, w, x, shape.tokens), by(matmul, w, x, shape.tokens)));
  }
}

TEST_P(CudaBlocksTest, TheOrderOfItsThreadsDoesNotMatter) {
  const FileMatrix file = some_matrix(40, 200);
  const Packed w = pack_slice(file, 0, 40, 0, 200);
  const std::vector<float> x = random_floats(5 * 200, 42);
  simt::seed(1);
  const std::vector<float> expected = by(matmul, w, x, 5);
  for (std::uint64_t seed = 2; seed < 6; ++seed) {
    simt::seed(seed);
    ASSERT_TRUE(same_bits(by(matmul_blocks, w, x, 5), expected)) << "seed " << seed;
  }
}

TEST_P(CudaBlocksTest, AddsABiasThenCapsAndWritesNothingElse) {
  const FileMatrix file = some_matrix(21, 64);
  const Packed w = pack_slice(file, 0, 21, 0, 64);
  const std::vector<float> bias = random_floats(21, 52);
  const std::vector<float> x = random_floats(3 * 64, 53);
  ASSERT_TRUE(same_bits(by(matmul_blocks, w, x, 3, bias.data(), 5.0f, 19),
                        by(matmul, w, x, 3, bias.data(), 5.0f, 19)));
}

TEST_P(CudaBlocksTest, NoTokensAreNoWork) {
  const FileMatrix file = some_matrix(16, 64);
  const Packed w = pack_slice(file, 0, 16, 0, 64);
  EXPECT_NO_THROW(matmul_blocks({}, {w.matrix, Operand{}, 0, nullptr, nullptr, 16, 0}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, CudaBlocksTest,
                         ::testing::Values(Kind{"F16", WeightType::kF16, "mma"},
                                           Kind{"BF16", WeightType::kBF16, "mma"},
                                           Kind{"BF16Rounded", WeightType::kBF16, "mma-rounded"}),
                         [](const auto& p) { return std::string(p.param.name); });

// A stream that keeps the names of the kernels that it is given, and does none of them.
struct NamesQueue final : simt::Queue {
  void put(const simt::Kernel& kernel) override { names.emplace_back(kernel.name); }
  [[nodiscard]] Stream stream() { return {static_cast<simt::Queue*>(this)}; }

  std::vector<std::string> names;
};

std::vector<std::string> launched(const Packed& w, std::int64_t tokens) {
  Buffers buffers(tokens, w.matrix.cols);
  NamesQueue queue;
  matmul(queue.stream(), {w.matrix, buffers.operand, tokens, nullptr, nullptr, w.matrix.rows, 0});
  return queue.names;
}

TEST(CudaBlocksChoiceTest, LargeTilesAreForWhatFillsADevice) {
  const FileMatrix file = random_matrix(WeightType::kBF16, 1024, 16, 1);
  const Packed w = pack_slice(file, 0, 1024, 0, 16);
  using Names = std::vector<std::string>;
  EXPECT_EQ(launched(w, 1921), Names{"multiply_blocks"});
  EXPECT_EQ(launched(w, 1920), Names{"multiply_short_tiles"});
  EXPECT_EQ(launched(w, 8), Names{"multiply_short_floats"});

  simt::give_shared_bytes(std::size_t{99} * 1024);
  const Names without_room = launched(w, 1921);
  simt::give_shared_bytes(simt::kMostSharedBytes);

  EXPECT_EQ(without_room, Names{"multiply_short_tiles"});
}

// Activations count by their first number alone.
TEST(CudaRoundedMmaTest, IsAsNearExactArithmeticAsItSaysAndHasATokensBitsAmongOthers) {
  const Chosen chosen("mma-rounded");
  const std::int64_t rows = 37;
  const std::int64_t cols = 301;
  const std::int64_t most = 33;
  const FileMatrix file = random_matrix(WeightType::kBF16, rows, cols, 7);
  const Packed w = pack_slice(file, 0, rows, 0, cols);
  const std::vector<float> x = random_floats(most * cols, 8);
  const auto multiply = [&](std::int64_t m) {
    Buffers buffers({x.begin(), x.begin() + m * cols}, m, cols);
    prepare({}, buffers.operand, m, Form::kBrain);
    std::vector<float> y = untouched(m * rows);
    matmul({}, {w.matrix, buffers.operand, m, nullptr, y.data(), rows, 0});
    return y;
  };
  const std::vector<float> all = multiply(most);
  double farthest = 0;
  each_exact(file, 0, w, x, most, [&](std::size_t i, double exact, double magnitudes) {
    farthest = std::max(farthest, std::abs(exact - static_cast<double>(all[i])) / magnitudes);
  });
  EXPECT_LE(farthest, static_cast<double>(kRoundedMatmulTolerance));
  EXPECT_GT(farthest, static_cast<double>(kFloatMatmulTolerance));  // it did round
  for (const std::int64_t m : {1, 2, 8, 9}) {
    const std::vector<float> same(all.begin(), all.begin() + m * rows);
    EXPECT_TRUE(same_bits(multiply(m), same)) << m << " tokens";
  }
}

TEST(CudaRoundedMmaTest, AGateIsThatOfItsTwoProducts) {
  const Chosen chosen("mma-rounded");
  const std::int64_t n = 96;
  const std::int64_t cols = 160;
  const std::int64_t m = 3;
  const FileMatrix files[] = {random_matrix(WeightType::kBF16, n, cols, 71),
                              random_matrix(WeightType::kBF16, n, cols, 72)};
  const Packed gates = pack_slice(files[0], 0, n, 0, cols);
  const Packed ups = pack_slice(files[1], 0, n, 0, cols);
  Buffers x(random_floats(m * cols, 74), m, cols);
  prepare({}, x.operand, m, Form::kBrain);
  Buffers expected(m, n);
  std::vector<float> let_through = untouched(m * n);
  matmul({}, {gates.matrix, x.operand, m, nullptr, expected.f32.data(), n, 0});
  matmul({}, {ups.matrix, x.operand, m, nullptr, let_through.data(), n, 0});
  gate({}, {Activation::kSilu, expected.f32.data(), let_through.data(), m, expected.operand,
            Form::kBrain});
  Buffers out(m, n);
  std::vector<float> up = untouched(m * n);
  CountingQueue queue;

  matmul_gated(queue.stream(), {x.operand,
                                m,
                                {gates.matrix, nullptr, out.f32.data(), n},
                                {ups.matrix, nullptr, up.data(), n},
                                Activation::kSilu,
                                out.operand,
                                Form::kBrain});

  expect_same_operand(out, expected);
  EXPECT_EQ(queue.kernels, 1);
}

}  // namespace
}  // namespace sb::cuda::testing
