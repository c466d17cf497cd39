// What is done to rows, on the emulated device, with the reference's bits.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cuda_testing.h"

namespace sb::cuda::testing {
namespace {

using ops::WeightType;
using ops::testing::Packed;
using ops::testing::random_floats;

const std::int64_t kSizes[] = {1, 16, 31, 64, 100, 576, 1024};

TEST(CudaPrepareTest, QuantisesLikeTheReference) {
  for (const std::int64_t m : {1, 3}) {
    for (const std::int64_t k : {32, 160, 576}) {
      std::vector<float> x = random_floats(m * k, 5, 3.0f);
      x[3] = 1e-31f;
      x[static_cast<std::size_t>(m * k - 1)] = std::numeric_limits<float>::infinity();
      Buffers buffers(x, m, k);
      simt::seed(static_cast<std::uint64_t>(k));
      prepare({}, buffers.operand, m, Form::kQuantised);
      expect_same_form(buffers, quantised(x, m, k));
    }
  }
}

TEST(CudaPrepareTest, ASumOfTwoShortFloatsIsNearlyTheValue) {
  const std::int64_t k = 100;
  const std::vector<float> x = random_floats(2 * k, 6, 100.0f);
  Buffers brains(x, 2, k);
  Buffers halves(x, 2, k);
  prepare({}, brains.operand, 2, Form::kBrain);
  prepare({}, halves.operand, 2, Form::kHalf);
  for (std::int64_t i = 0; i < 2 * pad16(k); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t column = i % pad16(k);
    const float value = column < k ? x[static_cast<std::size_t>(i / pad16(k) * k + column)] : 0.0f;
    const float bound = std::abs(value) * 0x1p-16f + 1e-9f;
    EXPECT_NEAR(value, float_from_bfloat16(brains.high[at]) + float_from_bfloat16(brains.low[at]),
                bound);
    const float power = halves.power[static_cast<std::size_t>(i / pad16(k))];
    EXPECT_NEAR(value, (float_from_half(halves.high[at]) + float_from_half(halves.low[at])) * power,
                bound);
  }
}

TEST(CudaNormTest, BothNormsHaveTheReferencesBitsAndPrepare) {
  for (const std::int64_t n : kSizes) {
    SCOPED_TRACE(n);
    simt::seed(static_cast<std::uint64_t>(n));
    const std::int64_t rows = 3;
    const std::vector<float> x = random_floats(rows * n, 11, 2.0f);
    const std::vector<float> weight = random_floats(n, 12);
    const std::vector<float> bias = random_floats(n, 13);
    for (const float* offset : {static_cast<const float*>(nullptr), bias.data()}) {
      std::vector<float> expected = untouched(rows * n);
      for (std::int64_t row = 0; row < rows; ++row) {
        float* out = expected.data() + row * n;
        if (offset == nullptr) {
          reference().rms_norm(x.data() + row * n, weight.data(), 1e-5f, n, out);
        } else {
          reference().layer_norm(x.data() + row * n, weight.data(), offset, 1e-5f, n, out);
        }
      }
      Buffers out(rows, n);
      const Form form = n % 32 == 0 ? Form::kQuantised : Form::kFloat;
      normalise({}, {x.data(), rows, n, weight.data(), offset, 1e-5f, out.operand, form});
      EXPECT_TRUE(same_bits(out.f32, expected));
      if (form == Form::kQuantised) expect_same_form(out, quantised(expected, rows, n));
    }
  }
}

TEST(CudaNormTest, EveryFormIsThatOfPrepareAndMayBeMadeInPlace) {
  const std::int64_t n = 96;
  const std::vector<float> weight = random_floats(n, 14);
  for (const Form form : {Form::kBrain, Form::kHalf}) {
    Buffers once(random_floats(2 * n, 15), 2, n);
    normalise({}, {once.f32.data(), 2, n, weight.data(), nullptr, 1e-6f, once.operand, form});
    Buffers twice(once.f32, 2, n);
    prepare({}, twice.operand, 2, form);
    EXPECT_EQ(twice.high, once.high);
    EXPECT_EQ(twice.low, once.low);
    EXPECT_TRUE(same_bits(twice.power, once.power));
  }
}

TEST(CudaNormTest, WithoutAWeightARowIsCopied) {
  const std::vector<float> x = random_floats(2 * 64, 16);
  Buffers out(2, 64);
  normalise({}, {x.data(), 2, 64, nullptr, nullptr, 0, out.operand, Form::kQuantised});
  EXPECT_TRUE(same_bits(out.f32, x));
  expect_same_form(out, quantised(x, 2, 64));
}

TEST(CudaMeanTest, AddsTheRowsOfEachInTheReferencesOrder) {
  const std::int64_t rows = 9;
  const std::vector<std::int32_t> firsts = {4, 0, 3};
  const std::vector<std::int32_t> counts = {5, 3, 1};
  for (const std::int64_t dim : {1, 64, 300}) {
    SCOPED_TRACE(dim);
    const std::vector<float> x = random_floats(rows * dim, 17, 2.0f);
    std::vector<float> expected;
    for (std::size_t i = 0; i < firsts.size(); ++i) {
      const float* row = x.data() + firsts[i] * dim;
      std::vector<float> mean(row, row + dim);
      for (std::int32_t next = 1; next < counts[i]; ++next) {
        reference().add(mean.data(), row + next * dim, dim);
      }
      reference().scale(mean.data(), 1.0f / static_cast<float>(counts[i]), dim);
      expected.insert(expected.end(), mean.begin(), mean.end());
    }
    std::vector<float> out = untouched(3 * dim);

    mean_rows({}, {x.data(), firsts.data(), counts.data(), 3, dim, out.data()});

    EXPECT_TRUE(same_bits(out, expected));
  }
}

TEST(CudaGateTest, ActivationsHaveTheReferencesBitsAndPrepare) {
  for (const std::int64_t n : kSizes) {
    SCOPED_TRACE(n);
    const std::vector<float> gates = random_floats(2 * n, 21, 4.0f);
    const std::vector<float> up = random_floats(2 * n, 22);
    for (const Activation activation :
         {Activation::kSilu, Activation::kGeluTanh, Activation::kGelu}) {
      std::vector<float> expected = gates;
      if (activation == Activation::kSilu) {
        reference().silu_mul(gates.data(), up.data(), 2 * n, expected.data());
      } else if (activation == Activation::kGeluTanh) {
        reference().gelu_mul(gates.data(), up.data(), 2 * n, expected.data());
      } else {
        reference().gelu(expected.data(), 2 * n);
      }
      Buffers out(gates, 2, n);
      const Form form = n % 32 == 0 ? Form::kQuantised : Form::kHalf;
      gate({}, {activation, out.f32.data(), up.data(), 2, out.operand, form});
      EXPECT_TRUE(same_bits(out.f32, expected));
      if (form == Form::kQuantised) expect_same_form(out, quantised(expected, 2, n));
    }
  }
}

struct Ending {
  bool norm_output;
  bool norm_sum;
};

// What a block ends with: the kept rows of x, the partial sums of the ranks, and weights of dim
// each for the norms of an ending.
struct BlockEnd {
  std::int64_t dim;
  std::int32_t ranks;
  std::vector<std::int32_t> kept;
  std::vector<float> x;
  std::vector<float> weights;
  std::vector<float> partials;

  [[nodiscard]] std::int64_t rows() const { return static_cast<std::int64_t>(kept.size()); }

  [[nodiscard]] EndBlockArgs args(const Ending& ending, float* out) const {
    EndBlockArgs args;
    args.ranks = ranks;
    for (std::int32_t r = 0; r < ranks; ++r) args.partials[r] = partials.data() + r * rows() * dim;
    args.rows = rows();
    args.dim = dim;
    args.kept = kept.data();
    args.norm_output = ending.norm_output ? weights.data() : nullptr;
    args.norm_sum = ending.norm_sum ? weights.data() + dim : nullptr;
    args.norm_sum_bias = ending.norm_sum ? weights.data() + 2 * dim : nullptr;
    args.epsilon = 1e-5f;
    args.x_in = x.data();
    args.x_out = out;
    return args;
  }
};

TEST(CudaEndBlockTest, AddsRanksInOrderNormsAndMovesKeptRows) {
  const std::int64_t dim = 100;
  const std::int64_t rows = 3;
  for (const Ending ending : {Ending{false, false}, {true, false}, {false, true}, {true, true}}) {
    for (const std::int32_t ranks : {1, 3}) {
      simt::seed(static_cast<std::uint64_t>(ranks));
      const BlockEnd end{dim,
                         ranks,
                         {0, 2, 4},
                         random_floats(5 * dim, 31),
                         random_floats(3 * dim, 32),
                         random_floats(ranks * rows * dim, 33)};
      std::vector<float> out = untouched(rows * dim);
      const EndBlockArgs args = end.args(ending, out.data());
      end_block({}, args);
      for (std::int64_t row = 0; row < rows; ++row) {
        const float* from = end.x.data() + end.kept[static_cast<std::size_t>(row)] * dim;
        std::vector<float> expected(from, from + dim);
        std::vector<float> sum(args.partials[0] + row * dim, args.partials[0] + (row + 1) * dim);
        const bool plain = !ending.norm_output && !ending.norm_sum;
        if (plain) reference().add(expected.data(), sum.data(), dim);
        for (std::int32_t r = 1; r < ranks; ++r) {
          reference().add(plain ? expected.data() : sum.data(), args.partials[r] + row * dim, dim);
        }
        if (ending.norm_output) {
          reference().rms_norm(sum.data(), args.norm_output, 1e-5f, dim, sum.data());
        }
        if (!plain) reference().add(expected.data(), sum.data(), dim);
        if (ending.norm_sum) {
          reference().layer_norm(expected.data(), args.norm_sum, args.norm_sum_bias, 1e-5f, dim,
                                 expected.data());
        }
        const std::vector<float> got(out.begin() + row * dim, out.begin() + (row + 1) * dim);
        EXPECT_TRUE(same_bits(got, expected)) << "row " << row;
      }
    }
  }
}

// In the same launch, but for nothing that is asked: as normalise() of what the block has ended
// with.
TEST(CudaEndBlockTest, BeginsTheNextBlockWithItsNorm) {
  const std::int64_t rows = 3;
  for (const Ending ending : {Ending{false, false}, {true, false}, {false, true}, {true, true}}) {
    for (const std::int64_t dim : {100, 288, 576}) {
      for (const Form form : {Form::kFloat, Form::kQuantised, Form::kBrain, Form::kHalf}) {
        if (form == Form::kQuantised && dim % ops::kQuantBlock != 0) continue;
        SCOPED_TRACE(::testing::Message() << dim << " columns, form " << static_cast<int>(form));
        const std::int32_t ranks = dim == 288 ? 3 : 1;
        const BlockEnd end{dim,
                           ranks,
                           {0, 2, 4},
                           random_floats(5 * dim, 36),
                           random_floats(4 * dim, 37),
                           random_floats(ranks * rows * dim, 38)};
        simt::seed(static_cast<std::uint64_t>(dim));
        std::vector<float> expected_x = untouched(rows * dim);
        EndBlockArgs args = end.args(ending, expected_x.data());
        end_block({}, args);
        const float* norm = end.weights.data() + 3 * dim;
        Buffers expected(rows, dim);
        normalise({}, {expected_x.data(), rows, dim, norm, nullptr, 1e-5f, expected.operand, form});
        std::vector<float> got_x = untouched(rows * dim);
        args.x_out = got_x.data();
        Buffers got(rows, dim);
        args.next_norm = norm;
        args.next = got.operand;
        args.next_form = form;
        CountingQueue queue;

        end_block(queue.stream(), args);

        EXPECT_TRUE(same_bits(got_x, expected_x));
        expect_same_operand(got, expected);
        EXPECT_EQ(queue.kernels, 1);
      }
    }
  }
}

TEST(CudaEndBlockTest, TellsWhenItBegan) {
  const std::vector<float> weights = random_floats(40, 35);
  for (const float* norm : {static_cast<const float*>(nullptr), weights.data()}) {
    std::vector<float> x = random_floats(3 * 40, 34);
    std::uint64_t times[3] = {};
    EndBlockArgs args;
    args.partials[0] = x.data();
    args.rows = 3;
    args.dim = 40;
    args.norm_output = norm;
    args.x_in = args.x_out = x.data();
    args.begun_at = &times[1];

    stamp({}, &times[0]);
    end_block({}, args);
    stamp({}, &times[2]);

    EXPECT_GE(times[1], times[0]);
    EXPECT_LE(times[1], times[2]);
  }
}

TEST(CudaElementTest, ElementsHaveTheReferencesBits) {
  const std::vector<float> x = random_floats(300, 41, 5.0f);
  const std::vector<float> y = random_floats(300, 42);
  std::vector<float> got = x;
  std::vector<float> expected = x;
  add({}, got.data(), y.data(), 300);
  reference().add(expected.data(), y.data(), 300);
  EXPECT_TRUE(same_bits(got, expected));
  scale({}, got.data(), 0.3f, 300);
  reference().scale(expected.data(), 0.3f, 300);
  EXPECT_TRUE(same_bits(got, expected));
  softcap({}, got.data(), 1.5f, 300);
  reference().softcap(expected.data(), 1.5f, 300);
  EXPECT_TRUE(same_bits(got, expected));
  add_to_rows({}, y.data(), 3, 100, got.data());
  for (std::int64_t row = 0; row < 3; ++row) {
    reference().add(expected.data() + row * 100, y.data(), 100);
  }
  EXPECT_TRUE(same_bits(got, expected));
}

TEST(CudaElementTest, RowsAreGathered) {
  const std::vector<float> x = random_floats(4 * 300, 43);
  const std::vector<std::int32_t> indices = {3, 1};
  std::vector<float> out = untouched(600);
  gather_rows({}, x.data(), indices.data(), 2, 300, out.data());
  EXPECT_TRUE(std::equal(out.begin(), out.begin() + 300, x.begin() + 900));
  EXPECT_TRUE(std::equal(out.begin() + 300, out.end(), x.begin() + 300));
}

class CudaEmbedTest : public ::testing::TestWithParam<WeightType> {};

TEST_P(CudaEmbedTest, UnpacksTheTokensRowsFromTheirSlices) {
  const std::int64_t dim = ops::type_traits(GetParam()).quantised ? 512 : 500;
  const ops::testing::FileMatrix file = ops::testing::random_matrix(GetParam(), 50, dim, 51);
  const Packed slices[] = {ops::testing::pack_slice(file, 0, 33, 0, dim),
                           ops::testing::pack_slice(file, 33, 50, 0, dim)};
  EmbedArgs args;
  args.table.n_slices = 2;
  args.table.slices[0] = {0, slices[0].matrix};
  args.table.slices[1] = {33, slices[1].matrix};
  const std::vector<std::int32_t> tokens = {0, 32, -1, 49};
  const std::vector<std::int32_t> rows = {0, 0, 2, 0};
  const std::vector<std::int32_t> last = {5, 5, 33};
  std::vector<float> x = untouched(4 * dim);
  args.tokens = tokens.data();
  args.sequence_rows = rows.data();
  args.last_sampled = last.data();
  args.rows = 4;
  args.dim = dim;
  args.factor = 0.7f;
  args.x = x.data();
  embed({}, args);
  const std::vector<std::int32_t> positions = {0, 1, 2, 3};
  add_rows_of({}, slices[0].matrix, positions.data(), 4, dim, x.data());
  const std::int32_t ids[] = {0, 32, 33, 49};
  for (std::int64_t i = 0; i < 4; ++i) {
    std::vector<float> expected = untouched(dim);
    std::vector<float> position = untouched(dim);
    const std::int32_t id = ids[i];
    ops::unpack_row(slices[id / 33].matrix, id % 33, expected.data());
    reference().scale(expected.data(), 0.7f, dim);
    ops::unpack_row(slices[0].matrix, i, position.data());
    reference().add(expected.data(), position.data(), dim);
    const std::vector<float> got(x.begin() + i * dim, x.begin() + (i + 1) * dim);
    EXPECT_TRUE(same_bits(got, expected)) << "token " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, CudaEmbedTest, ::testing::ValuesIn(ops::testing::kAllTypes),
                         [](const auto& p) { return ops::testing::type_name(p.param); });

TEST(CudaClockTest, StampsRise) {
  std::uint64_t times[2] = {};
  stamp({}, &times[0]);
  stamp({}, &times[1]);
  EXPECT_GT(times[0], 0u);
  EXPECT_GE(times[1], times[0]);
}

}  // namespace
}  // namespace sb::cuda::testing
