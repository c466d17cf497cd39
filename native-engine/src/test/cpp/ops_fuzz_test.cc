// Random shapes and values through every operation that has variants, matmul apart, which has its
// own: each variant gives the reference's bits, so all of them the same. A failure names its seed;
// SB_FUZZ_SEED in the environment begins elsewhere.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "ops_testing.h"

namespace sb::ops::testing {
namespace {

constexpr float kGuard = 1234.5f;  // stands behind every array that a kernel writes

// The numbers that a seed makes.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}

  std::int64_t upto(std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(0, most)(random_);
  }
  std::int64_t between(std::int64_t least, std::int64_t most) { return least + upto(most - least); }
  bool one_in(std::int64_t n) { return upto(n - 1) == 0; }
  // Often tiny, often a vector's length or one beside it, sometimes long.
  std::int64_t length(std::int64_t most) {
    switch (upto(3)) {
      case 0:
        return between(1, std::min<std::int64_t>(most, 18));
      case 1:
        return std::min(most, std::max<std::int64_t>(1, 16 * between(1, 40) + between(-1, 1)));
      default:
        return between(1, most);
    }
  }
  float positive(float least, float most) {
    return std::exp(
        std::uniform_real_distribution<float>(std::log(least), std::log(most))(random_));
  }
  // Of one magnitude out of many; some seeds sprinkle in what arithmetic treats apart.
  std::vector<float> floats(std::int64_t n, bool special) {
    constexpr float kSpecial[] = {0.0f,
                                  -0.0f,
                                  1e-42f,
                                  -1e-38f,
                                  3e38f,
                                  -3e38f,
                                  std::numeric_limits<float>::infinity(),
                                  -std::numeric_limits<float>::infinity(),
                                  std::numeric_limits<float>::quiet_NaN()};
    std::normal_distribution<float> normal(0.0f, positive(1e-4f, 100.0f));
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& v : values) {
      v = special && one_in(40) ? kSpecial[upto(std::size(kSpecial) - 1)] : normal(random_);
    }
    return values;
  }
  template <class T>
  void shuffle(std::vector<T>& values) {
    std::shuffle(values.begin(), values.end(), random_);
  }

 private:
  std::mt19937 random_;
};

// Equal bits; of not-a-numbers, whose payload no one promises, only that both are.
::testing::AssertionResult alike(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0) {
      return ::testing::AssertionFailure() << "at " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

class FuzzTest : public ::testing::TestWithParam<Isa> {
 protected:
  const Kernels& ops() const { return kernels(GetParam()); }
  const Kernels& reference() const { return kernels(Isa::kReference); }

  template <class Case>
  void each_seed(std::uint32_t count, Case run) {
    const std::uint32_t first = first_seed();
    for (std::uint32_t seed = first; seed < first + count; ++seed) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed);
      Dice dice(seed);
      run(dice);
      if (HasFailure()) return;
    }
  }

  // operation(kernels, out, n) by both variants into the given floats, which may be its input too.
  template <class Operation>
  void expect_alike(const char* name, const std::vector<float>& before, Operation operation) {
    std::vector<float> ours = before;
    std::vector<float> theirs = before;
    ours.push_back(kGuard);
    theirs.push_back(kGuard);
    operation(ops(), ours.data());
    operation(reference(), theirs.data());
    EXPECT_TRUE(alike(ours, theirs)) << name << " of " << before.size();
    EXPECT_EQ(ours.back(), kGuard) << name << " of " << before.size();
  }
};

TEST_P(FuzzTest, VectorOperationsEqualTheReferenceBitForBit) {
  each_seed(400, [&](Dice& dice) {
    const std::int64_t n = dice.length(3000);
    const bool special = dice.one_in(3);
    const std::vector<float> x = dice.floats(n, special);
    const std::vector<float> y = dice.floats(n, special);
    const std::vector<float> z = dice.floats(n, special);
    const float epsilon = dice.positive(1e-12f, 1e-3f);
    const float factor = dice.positive(1e-3f, 1e3f);
    for (const bool in_place : {false, true}) {
      const std::vector<float> out = in_place ? x : std::vector<float>(x.size(), 9.0f);
      const auto input = [&](const float* written) { return in_place ? written : x.data(); };
      expect_alike("rms_norm", out, [&](const Kernels& k, float* to) {
        k.rms_norm(input(to), y.data(), epsilon, n, to);
      });
      expect_alike("layer_norm", out, [&](const Kernels& k, float* to) {
        k.layer_norm(input(to), y.data(), z.data(), epsilon, n, to);
      });
      expect_alike("silu_mul", out,
                   [&](const Kernels& k, float* to) { k.silu_mul(input(to), y.data(), n, to); });
      expect_alike("gelu_mul", out,
                   [&](const Kernels& k, float* to) { k.gelu_mul(input(to), y.data(), n, to); });
    }
    expect_alike("gelu", x, [&](const Kernels& k, float* to) { k.gelu(to, n); });
    expect_alike("scale", x, [&](const Kernels& k, float* to) { k.scale(to, factor, n); });
    expect_alike("softcap", x, [&](const Kernels& k, float* to) { k.softcap(to, factor, n); });
    expect_alike("add", x, [&](const Kernels& k, float* to) { k.add(to, y.data(), n); });
  });
}

TEST_P(FuzzTest, RopeEqualsTheReferenceBitForBit) {
  each_seed(300, [&](Dice& dice) {
    const auto head_dim = static_cast<std::int32_t>(dice.between(2, 200));
    const auto dim = static_cast<std::int32_t>(2 * dice.between(1, head_dim / 2));
    const auto n_heads = static_cast<std::int32_t>(dice.between(1, 9));
    std::vector<float> frequencies(static_cast<std::size_t>(dim / 2));
    for (float& f : frequencies) f = dice.positive(1e-7f, 1.0f);
    const Rope rope = {dice.one_in(2), dim, frequencies.data(), dice.positive(0.5f, 2.0f)};
    std::vector<float> angles(static_cast<std::size_t>(dim));
    rope_angles(rope, static_cast<std::int32_t>(dice.upto(1 << 20)), angles.data());
    const std::vector<float> heads = dice.floats(std::int64_t{n_heads} * head_dim, dice.one_in(4));

    expect_alike("rope", heads, [&](const Kernels& k, float* to) {
      k.rope(rope, angles.data(), n_heads, head_dim, to);
    });
  });
}

TEST_P(FuzzTest, QuantisingEqualsTheReferenceBitForBit) {
  each_seed(400, [&](Dice& dice) {
    const std::int64_t k = kQuantBlock * dice.between(1, 40);
    const std::int64_t m = dice.between(1, 9);
    const std::int64_t begin = dice.upto(m - 1);
    const std::int64_t end = dice.between(begin, m);
    std::vector<float> x = dice.floats(m * k, dice.one_in(3));
    // Ties between two steps, which every variant rounds to the even one.
    if (dice.one_in(3)) {
      for (float& v : x) v = std::nearbyint(v) * 0.5f;
    }
    const auto blocks = static_cast<std::size_t>(m * k / kQuantBlock);
    const auto run = [&](const Kernels& kernels) {
      Input in;
      in.q.assign(x.size(), 99);
      in.scale.assign(blocks, kGuard);
      in.sum.assign(blocks, {-1, -1});
      kernels.quantise(x.data(), k, begin, end, in.q.data(), in.scale.data(), in.sum.data());
      return in;
    };

    const Input ours = run(ops());
    const Input theirs = run(reference());

    EXPECT_EQ(ours.q, theirs.q);
    EXPECT_TRUE(alike(ours.scale, theirs.scale));
    for (std::size_t i = 0; i < blocks; ++i) {
      EXPECT_EQ(ours.sum[i].all, theirs.sum[i].all) << "block " << i;
      EXPECT_EQ(ours.sum[i].first_half, theirs.sum[i].first_half) << "block " << i;
    }
  });
}

// ---- attention ----

// One sequence's attention: what is stored where, and what is asked of it.
struct AttentionCase {
  std::int32_t block_tokens;
  std::int32_t head_dim;
  std::int32_t kv_heads;
  std::int32_t kv_head;
  std::int32_t n_context;
  std::int32_t n_queries;
  AttentionSpan span;
  std::vector<AttentionSpan> run;  // tokens that attend together, the last by the span
  std::int64_t stride;             // from one token's heads to the next one's
  std::vector<std::int32_t> blocks;
  std::vector<float> k;  // [position][head_dim]
  std::vector<float> v;
  std::vector<float> q;

  explicit AttentionCase(Dice& dice) {
    constexpr std::int32_t kBlockTokens[] = {16, 32, 64, 4, 20};
    constexpr std::int32_t kHeadDims[] = {64, 128, 96, 80, 256};
    block_tokens = kBlockTokens[dice.upto(4)];
    head_dim =
        dice.one_in(3) ? static_cast<std::int32_t>(dice.between(1, 140)) : kHeadDims[dice.upto(4)];
    kv_heads = static_cast<std::int32_t>(dice.between(1, 4));
    kv_head = static_cast<std::int32_t>(dice.upto(kv_heads - 1));
    // Sometimes past the end of a part, of which a span has many.
    n_context = static_cast<std::int32_t>(dice.one_in(6) ? dice.between(1, 3 * kAttentionPart)
                                                         : dice.length(200));
    n_queries = static_cast<std::int32_t>(dice.between(1, 9));
    span.end = static_cast<std::int32_t>(dice.one_in(2) ? n_context : dice.between(1, n_context));
    span.begin = static_cast<std::int32_t>(dice.one_in(2) ? 0 : dice.upto(span.end - 1));
    span.scale = dice.positive(0.01f, 1.0f);
    span.softcap = dice.one_in(2) ? 0.0f : dice.positive(0.5f, 60.0f);
    blocks.resize(static_cast<std::size_t>((n_context + block_tokens - 1) / block_tokens) + 2);
    std::iota(blocks.begin(), blocks.end(), 0);
    dice.shuffle(blocks);
    const bool special = dice.one_in(8);
    k = dice.floats(std::int64_t{n_context} * head_dim, special);
    v = dice.floats(std::int64_t{n_context} * head_dim, special);
    stride = std::int64_t{n_queries} * head_dim + dice.upto(9);
    const auto most = static_cast<std::int32_t>(dice.between(1, attention_run_tokens(n_queries)));
    const bool causal = !dice.one_in(4);
    for (std::int32_t back = most - 1; back >= 0; --back) {
      AttentionSpan token = span;
      token.begin = causal && span.begin > 0 ? span.begin - back : span.begin;
      token.end = causal ? span.end - back : span.end;
      const bool some = token.begin >= 0 && token.begin < token.end;
      if (some && attend_together(token, span, block_tokens)) run.push_back(token);
    }
    q = dice.floats(most * stride, false);
  }

  // Where the heads of a token of the run are.
  [[nodiscard]] std::ptrdiff_t heads_of(std::size_t token) const {
    return static_cast<std::ptrdiff_t>(token) * stride;
  }
};

// What one variant stores for a case, and makes of it.
struct Attended {
  std::vector<std::byte> k;
  std::vector<std::byte> v;
  std::vector<float> whole;
  std::vector<float> joined;    // from parts worked out one by one, the last first
  std::vector<float> together;  // all tokens of the run
  std::vector<float> apart;     // and each by itself

  Attended(const Kernels& ops, const AttentionCase& of, KvType type) {
    const auto heads = static_cast<std::int64_t>(of.blocks.size()) * of.kv_heads;
    k.assign(static_cast<std::size_t>(heads * kv_head_bytes(type, of.block_tokens, of.head_dim)),
             std::byte{0xff});
    v = k;
    const KvView view = {k.data(), v.data(), type, of.block_tokens, of.kv_heads, of.head_dim};
    for (std::int32_t p = 0; p < of.n_context; ++p) {
      const std::ptrdiff_t at = std::ptrdiff_t{p} * of.head_dim;
      ops.kv_store(view, of.blocks[static_cast<std::size_t>(p / of.block_tokens)],
                   p % of.block_tokens, of.kv_head, of.k.data() + at, of.v.data() + at);
    }
    std::vector<float> scratch(attention_scratch_floats(of.n_queries, of.block_tokens, of.head_dim),
                               99.0f);
    const auto heads_floats = static_cast<std::size_t>(of.n_queries * of.head_dim);
    whole.assign(heads_floats + 1, kGuard);
    ops.attention(view, of.blocks, of.kv_head, of.span, of.q.data(), of.n_queries, whole.data(),
                  scratch.data());
    const std::int32_t n = attention_parts(of.span);
    const std::size_t floats = attention_part_floats(of.n_queries, of.head_dim);
    std::vector<float> parts(floats * static_cast<std::size_t>(n));
    for (std::int32_t i = n - 1; i >= 0; --i) {
      ops.attend_part(view, of.blocks, of.kv_head, attention_part(of.span, i), of.q.data(),
                      of.n_queries, parts.data() + floats * static_cast<std::size_t>(i),
                      scratch.data());
    }
    joined.assign(heads_floats + 1, kGuard);
    ops.join_parts(parts.data(), n, of.n_queries, of.head_dim, joined.data(), scratch.data());
    apart.assign(of.q.size() + 1, kGuard);
    for (std::size_t i = 0; i < of.run.size(); ++i) {
      ops.attention(view, of.blocks, of.kv_head, of.run[i], of.q.data() + of.heads_of(i),
                    of.n_queries, apart.data() + of.heads_of(i), scratch.data());
    }
    scratch.assign(attention_run_floats(of.n_queries, of.block_tokens, of.head_dim), 99.0f);
    together.assign(of.q.size() + 1, kGuard);
    ops.attention_run(view, of.blocks, of.kv_head, of.run, of.q.data(), of.stride, of.n_queries,
                      together.data(), scratch.data());
  }
};

TEST_P(FuzzTest, AttentionEqualsTheReferenceBitForBit) {
  each_seed(120, [&](Dice& dice) {
    const AttentionCase of(dice);
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBf16, KvType::kQ8}) {
      SCOPED_TRACE(::testing::Message()
                   << "KV " << static_cast<int>(type) << " head " << of.head_dim << " block "
                   << of.block_tokens << " queries " << of.n_queries << " from " << of.span.begin
                   << " to " << of.span.end << " of " << of.n_context);
      const Attended ours(ops(), of, type);
      const Attended theirs(reference(), of, type);

      EXPECT_TRUE(ours.k == theirs.k) << "stored keys differ";
      EXPECT_TRUE(ours.v == theirs.v) << "stored values differ";
      EXPECT_TRUE(alike(ours.whole, theirs.whole));
      EXPECT_TRUE(alike(ours.joined, ours.whole));
      EXPECT_TRUE(alike(ours.together, ours.apart)) << of.run.size() << " tokens";
      EXPECT_TRUE(alike(ours.together, theirs.together)) << of.run.size() << " tokens";
      EXPECT_EQ(ours.whole.back(), kGuard);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Isas, FuzzTest, ::testing::ValuesIn(supported_isas()),
                         [](const auto& p) { return isa_name(p.param); });

// ---- packing and looking up, which all variants share ----

class PackFuzzTest : public ::testing::TestWithParam<WeightType> {};

// Any slice, packed in any pieces, gives every row back: what looking up an embedding reads.
TEST_P(PackFuzzTest, RowsComeBackFromAnySliceInAnyPieces) {
  const std::uint32_t first = first_seed();
  for (std::uint32_t seed = first; seed < first + 60; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Dice dice(seed);
    const std::int64_t cols = 256 * dice.between(1, 4);
    const std::int64_t rows = dice.between(1, 70);
    const FileMatrix file = random_matrix(GetParam(), rows, cols, seed);
    const std::int64_t row_begin = dice.upto(rows - 1);
    const std::int64_t row_end = dice.between(row_begin + 1, rows);
    const std::int64_t col_begin = kQuantBlock * dice.upto(cols / kQuantBlock - 1);
    const std::int64_t col_end =
        kQuantBlock * dice.between(col_begin / kQuantBlock + 1, cols / kQuantBlock);
    const Packed slice = pack_slice(file, row_begin, row_end, col_begin, col_end);
    const Matrix& m = slice.matrix;
    AlignedBytes pieces = aligned_bytes(m.bytes());
    for (std::int64_t g = 0; g < m.groups();) {
      const std::int64_t end = dice.between(g + 1, m.groups());
      pack(file.type, file.bytes.data(), cols, row_begin, row_end, col_begin, col_end, g, end,
           pieces.get());
      g = end;
    }
    ASSERT_EQ(0, std::memcmp(pieces.get(), slice.bytes.get(), m.bytes()));
    std::vector<float> out(static_cast<std::size_t>(m.cols));
    for (std::int64_t row = 0; row < m.rows; ++row) {
      unpack_row(m, row, out.data());
      for (std::int64_t c = 0; c < m.cols; ++c) {
        const double exact =
            file.values[static_cast<std::size_t>((row_begin + row) * cols + col_begin + c)];
        ASSERT_NEAR(out[static_cast<std::size_t>(c)], exact, 1e-6 * (1 + std::abs(exact)))
            << "row " << row << " column " << c;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, PackFuzzTest, ::testing::ValuesIn(kAllTypes),
                         [](const auto& p) { return type_name(p.param); });

}  // namespace
}  // namespace sb::ops::testing
