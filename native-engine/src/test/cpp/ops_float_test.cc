#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <tuple>
#include <vector>

#include "ops_testing.h"

namespace sb::ops::testing {
namespace {

class FloatOpsTest : public ::testing::TestWithParam<Isa> {
 protected:
  const Kernels& ops() const { return kernels(GetParam()); }
};

constexpr std::int64_t kSizes[] = {1, 7, 15, 16, 17, 64, 576, 2048};

TEST_P(FloatOpsTest, TheTableIsTheOneAskedFor) { EXPECT_EQ(GetParam(), ops().isa); }

// ---- quantise ----

TEST_P(FloatOpsTest, QuantisesToTheNearestOf127StepsOfTheBlock) {
  const std::vector<float> x = random_floats(3 * 64, 1);
  const Input in = quantised_input(ops(), x, 3, 64);
  for (std::size_t b = 0; b < 6; ++b) {
    std::int32_t all = 0;
    std::int32_t first_half = 0;
    float largest = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      const float value = x[b * 32 + i];
      const std::int8_t q = in.q[b * 32 + i];
      largest = std::max(largest, std::abs(value));
      all += q;
      if (i < 16) first_half += q;
      EXPECT_NEAR(value, static_cast<float>(q) * in.scale[b], 0.50001f * in.scale[b]);
    }
    EXPECT_FLOAT_EQ(largest / 127, in.scale[b]);
    EXPECT_EQ(all, in.sum[b].all);
    EXPECT_EQ(first_half, in.sum[b].first_half);
  }
}

TEST_P(FloatOpsTest, QuantisesTiesToEven) {
  std::vector<float> x(32, 0.0f);
  x[0] = 127;
  x[1] = 0.5f;
  x[2] = 1.5f;
  x[3] = -2.5f;
  const Input in = quantised_input(ops(), x, 1, 32);
  EXPECT_EQ(1.0f, in.scale[0]);
  EXPECT_EQ(0, in.q[1]);
  EXPECT_EQ(2, in.q[2]);
  EXPECT_EQ(-2, in.q[3]);
}

TEST_P(FloatOpsTest, QuantisesTinyBlocksToZeroAndMarksBlocksWithoutAScale) {
  std::vector<float> x(4 * 32, 1e-38f);
  x[32] = HUGE_VALF;
  x[64] = std::nanf("");
  x[96] = -3e38f;
  const Input in = quantised_input(ops(), x, 1, 4 * 32);
  EXPECT_EQ(0.0f, in.scale[0]);
  EXPECT_TRUE(std::isnan(in.scale[1]));
  EXPECT_TRUE(std::isnan(in.scale[2]));
  EXPECT_TRUE(std::isfinite(in.scale[3]));
  EXPECT_EQ(-127, in.q[96]);
  for (std::size_t i = 0; i < 96; ++i) EXPECT_EQ(0, in.q[i]) << i;
}

TEST_P(FloatOpsTest, QuantisesOnlyTheTokensAskedFor) {
  const std::vector<float> x = random_floats(4 * 64, 2);
  const Input whole = quantised_input(ops(), x, 4, 64);
  std::vector<std::int8_t> q(4 * 64, 99);
  std::vector<float> scale(8, -1.0f);
  std::vector<BlockSum> sum(8);
  ops().quantise(x.data(), 64, 1, 3, q.data(), scale.data(), sum.data());
  for (std::size_t i = 0; i < 4 * 64; ++i) {
    EXPECT_EQ(i / 64 == 1 || i / 64 == 2 ? whole.q[i] : 99, q[i]) << i;
  }
  EXPECT_EQ(-1.0f, scale[1]);
  EXPECT_EQ(whole.scale[2], scale[2]);
  EXPECT_EQ(-1.0f, scale[6]);
}

TEST_P(FloatOpsTest, QuantisesLikeTheReference) {
  std::vector<float> x = random_floats(1 << 15, 3, 20.0f);
  for (std::size_t i = 0; i < x.size(); i += 5) x[i] = std::nearbyint(x[i]) * 0.5f;
  const auto k = static_cast<std::int64_t>(x.size());
  const Input a = quantised_input(ops(), x, 1, k);
  const Input b = quantised_input(kernels(Isa::kReference), x, 1, k);
  EXPECT_EQ(a.q, b.q);
  EXPECT_TRUE(same_bits(a.scale, b.scale));
}

// ---- norm, silu, add ----

TEST_P(FloatOpsTest, RmsNormAgreesWithExactArithmetic) {
  for (const std::int64_t n : kSizes) {
    const std::vector<float> x = random_floats(n, 4, 3.0f);
    const std::vector<float> weight = random_floats(n, 5);
    std::vector<float> out(x.size());
    ops().rms_norm(x.data(), weight.data(), 1e-5f, n, out.data());
    double squares = 0;
    for (const float v : x) squares += static_cast<double>(v) * static_cast<double>(v);
    const double scale =
        1 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(1e-5f));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = static_cast<double>(x[i]) * scale * static_cast<double>(weight[i]);
      ASSERT_NEAR(out[i], exact, 1e-6 * std::abs(exact) + 1e-12);
    }
  }
}

TEST_P(FloatOpsTest, SiluAgreesWithExactArithmeticOverTheWholeRange) {
  std::vector<float> gate;
  for (float g = -80; g <= 80; g += 0.0137f) gate.push_back(g);
  const std::vector<float> ones(gate.size(), 1.0f);
  std::vector<float> out(gate.size());
  ops().silu_mul(gate.data(), ones.data(), static_cast<std::int64_t>(gate.size()), out.data());
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double g = static_cast<double>(gate[i]);
    const double exact = g / (1 + std::exp(-g));
    ASSERT_NEAR(out[i], exact, 3e-7 * std::abs(exact)) << g;
  }
}

TEST_P(FloatOpsTest, SiluKeepsToItsLimits) {
  const std::vector<float> gate = {0.0f, -1e30f, 1e30f, -200.0f, 200.0f, std::nanf("")};
  const std::vector<float> up(6, 2.0f);
  std::vector<float> out(6);
  ops().silu_mul(gate.data(), up.data(), 6, out.data());
  EXPECT_EQ(0.0f, out[0]);
  EXPECT_TRUE(std::isfinite(out[1]));
  EXPECT_EQ(2e30f, out[2]);
  EXPECT_NEAR(0.0f, out[3], 1e-30f);
  EXPECT_EQ(400.0f, out[4]);
  EXPECT_TRUE(std::isnan(out[5]));
}

TEST_P(FloatOpsTest, AddAddsAndTouchesNothingElse) {
  for (const std::int64_t n : kSizes) {
    std::vector<float> x = random_floats(n + 1, 6);
    const std::vector<float> before = x;
    const std::vector<float> y = random_floats(n, 7);
    ops().add(x.data(), y.data(), n);
    for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(before[i] + y[i], x[i]);
    EXPECT_EQ(before.back(), x.back());
  }
}

TEST_P(FloatOpsTest, VectorOperationsEqualTheReferenceBitForBit) {
  const Kernels& reference = kernels(Isa::kReference);
  for (const std::int64_t n : kSizes) {
    const std::vector<float> x = random_floats(n, 8, 10.0f);
    const std::vector<float> y = random_floats(n, 9);
    std::vector<float> a(x.size());
    std::vector<float> b(x.size());
    ops().rms_norm(x.data(), y.data(), 1e-6f, n, a.data());
    reference.rms_norm(x.data(), y.data(), 1e-6f, n, b.data());
    EXPECT_TRUE(same_bits(a, b)) << "rms_norm " << n;
    ops().silu_mul(x.data(), y.data(), n, a.data());
    reference.silu_mul(x.data(), y.data(), n, b.data());
    EXPECT_TRUE(same_bits(a, b)) << "silu_mul " << n;
    ops().gelu_mul(x.data(), y.data(), n, a.data());
    reference.gelu_mul(x.data(), y.data(), n, b.data());
    EXPECT_TRUE(same_bits(a, b)) << "gelu_mul " << n;
    ops().layer_norm(x.data(), y.data(), x.data(), 1e-6f, n, a.data());
    reference.layer_norm(x.data(), y.data(), x.data(), 1e-6f, n, b.data());
    EXPECT_TRUE(same_bits(a, b)) << "layer_norm " << n;
    const auto in_place = [&](auto operation, const char* name) {
      a = x;
      b = x;
      operation(ops(), a.data());
      operation(reference, b.data());
      EXPECT_TRUE(same_bits(a, b)) << name << " " << n;
    };
    in_place([n](const Kernels& k, float* v) { k.gelu(v, n); }, "gelu");
    in_place([n](const Kernels& k, float* v) { k.scale(v, 1.7f, n); }, "scale");
    in_place([n](const Kernels& k, float* v) { k.softcap(v, 3.0f, n); }, "softcap");
  }
}

TEST_P(FloatOpsTest, LayerNormAgreesWithExactArithmeticFarFromZero) {
  for (const std::int64_t n : kSizes) {
    std::vector<float> x = random_floats(n, 11, 3.0f);
    for (float& v : x) v += 40.0f;
    const std::vector<float> weight = random_floats(n, 12);
    const std::vector<float> bias = random_floats(n, 13);
    std::vector<float> out(x.size());

    ops().layer_norm(x.data(), weight.data(), bias.data(), 1e-5f, n, out.data());

    double mean = 0;
    for (const float v : x) mean += static_cast<double>(v) / static_cast<double>(n);
    double squares = 0;
    for (const float v : x) squares += std::pow(static_cast<double>(v) - mean, 2);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = (static_cast<double>(x[i]) - mean) * scale;
      ASSERT_NEAR(out[i], exact * static_cast<double>(weight[i]) + static_cast<double>(bias[i]),
                  n == 1 ? 1e-2 : 2e-5);
    }
  }
}

std::vector<float> whole_range() {
  std::vector<float> values;
  for (float v = -80; v <= 80; v += 0.0137f) values.push_back(v);
  return values;
}

TEST_P(FloatOpsTest, BothGelusAgreeWithExactArithmeticOverTheWholeRange) {
  const std::vector<float> x = whole_range();
  const auto n = static_cast<std::int64_t>(x.size());
  const std::vector<float> ones(x.size(), 1.0f);
  std::vector<float> by_tanh(x.size());
  std::vector<float> by_erf = x;

  ops().gelu_mul(x.data(), ones.data(), n, by_tanh.data());
  ops().gelu(by_erf.data(), n);

  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = static_cast<double>(x[i]);
    const double u = std::sqrt(2 / 3.14159265358979323846) * (v + 0.044715 * v * v * v);
    // tanh near -1 as a difference loses what the sigmoid keeps.
    const double exact = v / (1 + std::exp(-2 * u));
    ASSERT_NEAR(by_tanh[i], exact, 1e-5 * std::abs(exact) + 1e-30) << v;
    ASSERT_NEAR(by_erf[i], v / 2 * std::erfc(-v / std::sqrt(2.0)), 5e-7) << v;
  }
}

TEST_P(FloatOpsTest, GelusKeepToTheirLimits) {
  const std::vector<float> x = {0.0f, -1e30f, 1e30f, std::nanf("")};
  const std::vector<float> twos(4, 2.0f);
  std::vector<float> by_tanh(4);
  std::vector<float> by_erf = x;
  ops().gelu_mul(x.data(), twos.data(), 4, by_tanh.data());
  ops().gelu(by_erf.data(), 4);
  EXPECT_EQ(0.0f, by_tanh[0]);
  EXPECT_EQ(0.0f, by_erf[0]);
  EXPECT_TRUE(std::isfinite(by_tanh[1]));
  EXPECT_TRUE(std::isfinite(by_erf[1]));
  EXPECT_EQ(2e30f, by_tanh[2]);
  EXPECT_EQ(1e30f, by_erf[2]);
  EXPECT_TRUE(std::isnan(by_tanh[3]));
  EXPECT_TRUE(std::isnan(by_erf[3]));
}

TEST_P(FloatOpsTest, SoftcapAgreesWithExactArithmeticAndStaysBelowItsCap) {
  const std::vector<float> x = whole_range();
  for (const float cap : {1.0f, 30.0f, 50.0f}) {
    std::vector<float> out = x;
    ops().softcap(out.data(), cap, static_cast<std::int64_t>(out.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double c = static_cast<double>(cap);
      ASSERT_NEAR(out[i], c * std::tanh(static_cast<double>(x[i]) / c), 2e-7 * c);
      ASSERT_LE(std::abs(out[i]), cap);
    }
  }
}

// ---- rope ----

class RopeTest : public ::testing::TestWithParam<std::tuple<Isa, bool>> {};

TEST_P(RopeTest, RotatesItsPairsAndLeavesTheRest) {
  const auto& [isa, neox] = GetParam();
  const std::int32_t head_dim = 80;
  const std::int32_t dim = 64;
  std::vector<float> inv_freq(dim / 2);
  for (std::size_t i = 0; i < inv_freq.size(); ++i) {
    inv_freq[i] = std::pow(10000.0f, -2.0f * static_cast<float>(i) / dim);
  }
  const Rope rope = {neox, dim, inv_freq.data(), 1};
  for (const std::int32_t position : {0, 1, 77, 131071}) {
    std::vector<float> heads = random_floats(3 * head_dim, 10);
    const std::vector<float> before = heads;
    std::vector<float> angles(dim);
    rope_angles(rope, position, angles.data());
    kernels(isa).rope(rope, angles.data(), 3, head_dim, heads.data());
    for (std::size_t h = 0; h < 3; ++h) {
      const std::size_t at = h * head_dim;
      for (std::size_t i = 0; i < dim / 2; ++i) {
        const std::size_t a = at + (neox ? i : 2 * i);
        const std::size_t b = at + (neox ? i + dim / 2 : 2 * i + 1);
        const double angle = position * static_cast<double>(inv_freq[i]);
        const double x = static_cast<double>(before[a]);
        const double y = static_cast<double>(before[b]);
        ASSERT_NEAR(heads[a], x * std::cos(angle) - y * std::sin(angle), 1e-6);
        ASSERT_NEAR(heads[b], x * std::sin(angle) + y * std::cos(angle), 1e-6);
      }
      for (std::size_t i = dim; i < head_dim; ++i) EXPECT_EQ(before[at + i], heads[at + i]);
    }
    std::vector<float> reference = before;
    kernels(Isa::kReference).rope(rope, angles.data(), 3, head_dim, reference.data());
    EXPECT_TRUE(same_bits(heads, reference));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, RopeTest, ::testing::Combine(::testing::ValuesIn(supported_isas()), ::testing::Bool()),
    [](const auto& p) {
      return isa_name(std::get<0>(p.param)) + (std::get<1>(p.param) ? "_neox" : "_interleaved");
    });

// ---- attention ----

struct AttentionCase {
  std::int32_t head_dim;
  std::int32_t block_tokens;
  std::int32_t n_context;
  std::int32_t n_queries;
};

constexpr AttentionCase kAttentionCases[] = {{64, 16, 1, 1},   {64, 16, 16, 3},  {64, 32, 75, 4},
                                             {128, 16, 33, 9}, {80, 16, 40, 5},  {8, 4, 11, 2},
                                             {24, 20, 59, 7},  {64, 16, 500, 4}, {64, 32, 512, 3},
                                             {64, 32, 513, 3}, {32, 16, 1300, 5}};

constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kF16, KvType::kBf16, KvType::kQ8};

// A paged cache whose blocks lie in no order among blocks full of not-a-numbers.
struct Cache {
  static constexpr std::int32_t kKvHeads = 3;
  AttentionCase shape;
  KvType type;
  std::vector<std::int32_t> blocks;
  std::vector<std::byte> k;
  std::vector<std::byte> v;
  std::vector<double> k_values;  // of head 1, [position][head_dim], as stored
  std::vector<double> v_values;
  KvView view;

  Cache(const Kernels& ops, const AttentionCase& of, KvType stored_as, float spread)
      : shape(of), type(stored_as) {
    const std::int32_t n_blocks = (of.n_context + of.block_tokens - 1) / of.block_tokens;
    for (std::int32_t b = 0; b < n_blocks; ++b) blocks.push_back(2 * (n_blocks - 1 - b) + 1);
    const std::int64_t heads = std::int64_t{2} * n_blocks * kKvHeads;
    k.assign(static_cast<std::size_t>(heads * kv_head_bytes(type, of.block_tokens, of.head_dim)),
             std::byte{0xff});
    v = k;
    view = {k.data(), v.data(), type, of.block_tokens, kKvHeads, of.head_dim};
    for (std::int32_t p = 0; p < of.n_context; ++p) {
      const auto seed = static_cast<std::uint32_t>(p);
      put(ops, p, random_floats(of.head_dim, 1000 + seed, spread),
          random_floats(of.head_dim, 5000 + seed));
    }
  }

  void put(const Kernels& ops, std::int32_t position, const std::vector<float>& key,
           const std::vector<float>& value) {
    const std::int32_t block = blocks[static_cast<std::size_t>(position / shape.block_tokens)];
    ops.kv_store(view, block, position % shape.block_tokens, 1, key.data(), value.data());
    append_stored(key, k_values);
    append_stored(value, v_values);
  }

  void append_stored(const std::vector<float>& head, std::vector<double>& out) const {
    for (std::size_t i = 0; i < head.size(); ++i) {
      const std::size_t group = i / kKvGroup * kKvGroup;
      const std::size_t end = std::min(head.size(), group + kKvGroup);
      out.push_back(stored(head[i], {head.data() + group, end - group}));
    }
  }

  double stored(float x, std::span<const float> group) const {
    switch (type) {
      case KvType::kF32:
        return static_cast<double>(x);
      case KvType::kF16:
        return static_cast<double>(float_from_half(half_from_float(x)));
      case KvType::kBf16:
        return static_cast<double>(nearest_brain(x));
      case KvType::kQ8:
        break;
    }
    float largest = 0;
    for (const float other : group) largest = std::max(largest, std::fabs(other));
    const float step = float_from_half(half_from_float(largest / 127.0f));
    const float inverse = step > 0 ? 1.0f / step : 0.0f;
    return static_cast<double>(step) *
           static_cast<double>(std::clamp(std::round(x * inverse), -127.0f, 127.0f));
  }

  // The nearer of the two neighbours that BF16 has, or the even one.
  static float nearest_brain(float x) {
    const std::uint32_t below = std::bit_cast<std::uint32_t>(x) & 0xffff0000u;
    const auto low = std::bit_cast<float>(below);
    const auto high = std::bit_cast<float>(below + 0x10000u);
    const float to_low = std::fabs(x - low);
    const float to_high = std::fabs(high - x);
    if (to_low != to_high) return to_low < to_high ? low : high;
    return (below >> 16 & 1u) == 0 ? low : high;
  }

  std::vector<float> attend(const Kernels& ops, const std::vector<float>& q, float scale) const {
    return attend(ops, q, {0, shape.n_context, scale, 0});
  }

  std::vector<float> attend(const Kernels& ops, const std::vector<float>& q,
                            const AttentionSpan& span) const {
    std::vector<float> out(q.size(), 77.0f);
    std::vector<float> scratch(
        attention_scratch_floats(shape.n_queries, shape.block_tokens, shape.head_dim), 99.0f);
    ops.attention(view, blocks, 1, span, q.data(), shape.n_queries, out.data(), scratch.data());
    return out;
  }

  std::vector<double> exact(const float* q, float scale) const {
    return exact(q, {0, shape.n_context, scale, 0});
  }

  std::vector<double> exact(const float* q, const AttentionSpan& span) const {
    const auto dim = static_cast<std::size_t>(shape.head_dim);
    std::vector<double> weights;
    double largest = -HUGE_VAL;
    const auto first = static_cast<std::size_t>(span.begin);
    const auto cap = static_cast<double>(span.softcap);
    for (std::size_t p = first; p < static_cast<std::size_t>(span.end); ++p) {
      double dot = 0;
      for (std::size_t c = 0; c < dim; ++c) {
        dot += static_cast<double>(q[c]) * k_values[p * dim + c];
      }
      const double score = dot * static_cast<double>(span.scale);
      weights.push_back(cap == 0 ? score : cap * std::tanh(score / cap));
      largest = std::max(largest, weights.back());
    }
    double total = 0;
    std::vector<double> out(dim, 0.0);
    for (std::size_t p = 0; p < weights.size(); ++p) {
      const double weight = std::exp(weights[p] - largest);
      total += weight;
      for (std::size_t c = 0; c < dim; ++c) out[c] += weight * v_values[(first + p) * dim + c];
    }
    for (double& o : out) o /= total;
    return out;
  }
};

TEST_P(FloatOpsTest, AttentionAgreesWithExactArithmetic) {
  for (const AttentionCase& of : kAttentionCases) {
    for (const KvType type : kKvTypes) {
      for (const float spread : {1.0f, 30.0f}) {
        const Cache cache(ops(), of, type, spread);
        const std::vector<float> q = random_floats(of.n_queries * of.head_dim, 17);
        const std::vector<float> out = cache.attend(ops(), q, 0.125f);
        for (std::int32_t i = 0; i < of.n_queries; ++i) {
          const auto at = static_cast<std::size_t>(i * of.head_dim);
          const std::vector<double> exact = cache.exact(q.data() + at, 0.125f);
          for (std::size_t c = 0; c < exact.size(); ++c) {
            ASSERT_NEAR(out[at + c], exact[c], 2e-6 * static_cast<double>(1 + 3 * spread))
                << of.head_dim << " " << of.n_context << " query " << i;
          }
        }
      }
    }
  }
}

TEST_P(FloatOpsTest, AttentionEqualsTheReferenceBitForBit) {
  const Kernels& reference = kernels(Isa::kReference);
  for (const AttentionCase& of : kAttentionCases) {
    for (const KvType type : kKvTypes) {
      const Cache cache(ops(), of, type, 2.0f);
      const Cache same(reference, of, type, 2.0f);
      EXPECT_EQ(cache.k, same.k);
      EXPECT_EQ(cache.v, same.v);
      const std::vector<float> q = random_floats(of.n_queries * of.head_dim, 18);
      EXPECT_TRUE(same_bits(cache.attend(ops(), q, 0.2f), same.attend(reference, q, 0.2f)));
    }
  }
}

// What is not finite, or has no size, is stored without a trap and reads back as what it was.
TEST_P(FloatOpsTest, QuantisedKvKeepsZerosAndNotANumbers) {
  const AttentionCase of = {64, 16, 3, 1};
  Cache cache(ops(), of, KvType::kQ8, 1.0f);
  const std::vector<float> zeros(64, 0.0f);
  std::vector<float> broken(64, 1.0f);
  broken[40] = std::numeric_limits<float>::infinity();

  ops().kv_store(cache.view, cache.blocks[0], 0, 1, zeros.data(), broken.data());

  const std::vector<float> out = cache.attend(ops(), std::vector<float>(64, 1.0f), 0.1f);
  for (std::size_t c = 0; c < out.size(); ++c) EXPECT_EQ(std::isnan(out[c]), c >= 32) << c;
}

TEST_P(FloatOpsTest, PartsWorkedOutApartAndJoinedGiveTheBitsOfTheWhole) {
  const AttentionCase of{32, 16, 1300, 5};
  const Cache cache(ops(), of, KvType::kQ8, 2.0f);
  const std::vector<float> q = random_floats(of.n_queries * of.head_dim, 19);
  std::vector<float> scratch(attention_scratch_floats(of.n_queries, of.block_tokens, of.head_dim),
                             99.0f);
  const std::size_t floats = attention_part_floats(of.n_queries, of.head_dim);
  for (const AttentionSpan& span : {AttentionSpan{0, 1300, 0.2f, 0},
                                    {0, 1024, 0.2f, 0},
                                    {511, 1025, 0.2f, 0},
                                    {512, 513, 0.2f, 1.5f},
                                    {700, 900, 0.2f, 0},
                                    {0, 5, 0.2f, 0}}) {
    const std::int32_t n = attention_parts(span);
    std::vector<float> parts(floats * static_cast<std::size_t>(n));
    for (std::int32_t i = n - 1; i >= 0; --i) {
      ops().attend_part(cache.view, cache.blocks, 1, attention_part(span, i), q.data(),
                        of.n_queries, parts.data() + floats * static_cast<std::size_t>(i),
                        scratch.data());
    }
    std::vector<float> joined(q.size());
    ops().join_parts(parts.data(), n, of.n_queries, of.head_dim, joined.data(), scratch.data());
    EXPECT_TRUE(same_bits(joined, cache.attend(ops(), q, span))) << span.begin << " " << span.end;
  }
}

// Windows that begin inside, at the end and at the start of a block, and one of a single position.
constexpr std::int32_t kWindows[] = {1, 2, 15, 16, 17, 33, 40, 1000};

TEST_P(FloatOpsTest, AWindowAndASoftcapAgreeWithExactArithmetic) {
  for (const AttentionCase& of : kAttentionCases) {
    const Cache cache(ops(), of, KvType::kF32, 3.0f);
    const std::vector<float> q = random_floats(of.n_queries * of.head_dim, 20);
    for (const std::int32_t window : kWindows) {
      for (const float cap : {0.0f, 1.5f, 50.0f}) {
        const AttentionSpan span = {std::max(0, of.n_context - window), of.n_context, 0.3f, cap};
        const std::vector<float> out = cache.attend(ops(), q, span);
        for (std::int32_t i = 0; i < of.n_queries; ++i) {
          const auto at = static_cast<std::size_t>(i * of.head_dim);
          const std::vector<double> exact = cache.exact(q.data() + at, span);
          for (std::size_t c = 0; c < exact.size(); ++c) {
            ASSERT_NEAR(out[at + c], exact[c], 2e-5) << of.n_context << " window " << window;
          }
        }
      }
    }
  }
}

TEST_P(FloatOpsTest, WindowsAndSoftcapsEqualTheReferenceBitForBit) {
  const Kernels& reference = kernels(Isa::kReference);
  for (const AttentionCase& of : kAttentionCases) {
    const Cache cache(ops(), of, KvType::kF16, 2.0f);
    const std::vector<float> q = random_floats(of.n_queries * of.head_dim, 21);
    for (const std::int32_t window : kWindows) {
      const AttentionSpan span = {std::max(0, of.n_context - window), of.n_context, 0.2f, 5.0f};
      EXPECT_TRUE(same_bits(cache.attend(ops(), q, span), cache.attend(reference, q, span)));
    }
  }
}

TEST_P(FloatOpsTest, BlocksBeforeTheWindowAreNotRead) {
  const AttentionCase of = {16, 16, 70, 2};
  Cache cache(ops(), of, KvType::kF32, 1.0f);
  const std::vector<float> q = random_floats(2 * 16, 22);
  const AttentionSpan span = {50, 70, 0.25f, 0};
  const std::vector<float> before = cache.attend(ops(), q, span);

  // The window begins in the fourth block.
  for (std::size_t i = 0; i < 3; ++i) cache.blocks[i] = -1000000;

  EXPECT_TRUE(same_bits(before, cache.attend(ops(), q, span)));
}

TEST_P(FloatOpsTest, AQueryHeadIsTheSameAloneAndAmongOthers) {
  const AttentionCase together = {64, 16, 50, 7};
  const Cache cache(ops(), together, KvType::kF16, 1.0f);
  const std::vector<float> q = random_floats(7 * 64, 19);
  const std::vector<float> all = cache.attend(ops(), q, 0.125f);
  const AttentionCase alone = {64, 16, 50, 1};
  const Cache single(ops(), alone, KvType::kF16, 1.0f);
  for (std::ptrdiff_t i = 0; i < 7; ++i) {
    const std::vector<float> one(q.begin() + i * 64, q.begin() + (i + 1) * 64);
    const std::vector<float> expected(all.begin() + i * 64, all.begin() + (i + 1) * 64);
    EXPECT_TRUE(same_bits(single.attend(ops(), one, 0.125f), expected));
  }
}

// Tokens of a prompt, of a window that begins in one block and in two, of an encoder, and beyond
// the first part.
TEST_P(FloatOpsTest, TokensThatAttendTogetherGiveWhatEachGivesAlone) {
  const auto dim = std::int32_t{40};
  for (const KvType type : kKvTypes) {
    for (const std::int32_t heads : {1, 2, 3, 5, 8}) {
      const AttentionCase of = {dim, 16, 1100, heads};
      const Cache cache(ops(), of, type, 2.0f);
      const std::int32_t most = attention_run_tokens(heads);
      const std::int64_t stride = heads * dim + 24;
      const std::vector<float> q = random_floats(most * stride, 31);
      for (const AttentionSpan& last : {AttentionSpan{0, 16, 0.2f, 0},
                                        {0, 48, 0.2f, 1.5f},
                                        {8, 95, 0.2f, 0},
                                        {17, 1040, 0.2f, 0},
                                        {520, 1100, 0.2f, 0}}) {
        for (const bool causal : {true, false}) {
          std::vector<AttentionSpan> spans;
          for (std::int32_t i = most - 1; i >= 0; --i) {
            const std::int32_t back = causal ? i : 0;
            AttentionSpan span = last;
            span.begin = std::max(0, last.begin - back);
            span.end = last.end - back;
            if (spans.empty() || attend_together(spans[0], span, of.block_tokens)) {
              spans.push_back(span);
            }
          }
          std::vector<float> out(q.size(), 77.0f);
          std::vector<float> scratch(attention_run_floats(heads, of.block_tokens, dim), 99.0f);
          ops().attention_run(cache.view, cache.blocks, 1, spans, q.data(), stride, heads,
                              out.data(), scratch.data());
          for (std::size_t i = 0; i < spans.size(); ++i) {
            const auto at = static_cast<std::ptrdiff_t>(i) * stride;
            const std::vector<float> own(q.begin() + at, q.begin() + at + heads * dim);
            const std::vector<float> got(out.begin() + at, out.begin() + at + heads * dim);
            EXPECT_TRUE(same_bits(got, cache.attend(ops(), own, spans[i])))
                << heads << " heads, token " << i << " of " << spans.size();
            EXPECT_EQ(out[static_cast<std::size_t>(at + heads * dim)], 77.0f);
          }
        }
      }
    }
  }
}

TEST_P(FloatOpsTest, SpansThatMeetOtherBlocksAreNotTakenTogether) {
  EXPECT_TRUE(attend_together({0, 17, 1, 0}, {0, 32, 1, 0}, 16));
  EXPECT_FALSE(attend_together({0, 16, 1, 0}, {0, 17, 1, 0}, 16));
  EXPECT_FALSE(attend_together({15, 40, 1, 0}, {16, 41, 1, 0}, 16));
  EXPECT_FALSE(attend_together({0, 512, 1, 0}, {0, 513, 1, 0}, 1024));
}

TEST_P(FloatOpsTest, AttentionSurvivesScoresFarApart) {
  const AttentionCase of = {16, 4, 9, 1};
  Cache cache(ops(), of, KvType::kF32, 500.0f);
  const std::vector<float> q(16, 300.0f);
  const std::vector<float> out = cache.attend(ops(), q, 1.0f);
  const std::vector<double> exact = cache.exact(q.data(), 1.0f);
  for (std::size_t c = 0; c < 16; ++c) EXPECT_NEAR(out[c], exact[c], 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Isas, FloatOpsTest, ::testing::ValuesIn(supported_isas()),
                         [](const auto& p) { return isa_name(p.param); });

TEST(IsaTest, TheBestIsSupportedAndTheReferenceAlwaysIs) {
  EXPECT_TRUE(isa_supported(Isa::kReference));
  EXPECT_TRUE(isa_supported(best_isa()));
}

}  // namespace
}  // namespace sb::ops::testing
