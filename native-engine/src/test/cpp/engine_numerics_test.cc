// The whole forward pass against exact arithmetic, and its independence of how work is laid out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine_testing.h"
#include "ops_testing.h"

namespace sb::testing {
namespace {

using Vector = std::vector<double>;

Vector multiply(const std::vector<float>& matrix, const Vector& x, const std::vector<float>& bias) {
  Vector y(matrix.size() / x.size());
  for (size_t row = 0; row < y.size(); ++row) {
    y[row] = bias.empty() ? 0 : static_cast<double>(bias[row]);
    for (size_t col = 0; col < x.size(); ++col) {
      y[row] += static_cast<double>(matrix[row * x.size() + col]) * x[col];
    }
  }
  return y;
}

Vector normalise(const double* x, const std::vector<float>& weight) {
  Vector out(weight.size());
  double squares = 0;
  for (size_t i = 0; i < out.size(); ++i) squares += x[i] * x[i];
  const double scale = 1 / std::sqrt(squares / static_cast<double>(out.size()) + 1e-5);
  for (size_t i = 0; i < out.size(); ++i) out[i] = x[i] * scale * static_cast<double>(weight[i]);
  return out;
}

Vector layer_norm(const Vector& x, const std::vector<float>& weight,
                  const std::vector<float>& bias) {
  const auto n = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double squares = 0;
  for (const double v : x) squares += (v - mean) * (v - mean);
  const double scale = 1 / std::sqrt(squares / n + 1e-5);
  Vector out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    out[i] = (x[i] - mean) * scale * static_cast<double>(weight[i]) + static_cast<double>(bias[i]);
  }
  return out;
}

int32_t window_of(const ModelSpec& spec, int32_t layer) { return layer == 1 ? 0 : spec.window; }

double capped(double x, float cap) {
  const auto c = static_cast<double>(cap);
  return cap == 0 ? x : c * std::tanh(x / c);
}

// Rotates each head of x, after its norm when there is one.
void prepare_heads(const TestModel& model, const std::vector<float>& norm, int32_t layer,
                   int32_t position, Vector& x) {
  const ModelSpec& spec = model.spec();
  const auto head_dim = static_cast<size_t>(spec.head_dim);
  const std::vector<float>& divisors = model.values(SB_ROPE_FREQS);
  const bool neox = spec.arch != SB_ARCH_LLAMA;
  for (size_t head = 0; head < x.size(); head += head_dim) {
    if (!norm.empty()) {
      const Vector normed = normalise(&x[head], norm);
      std::copy(normed.begin(), normed.end(), x.begin() + static_cast<ptrdiff_t>(head));
    }
    for (size_t i = 0; i < head_dim / 2; ++i) {
      const double divisor = divisors.empty() ? 1 : static_cast<double>(divisors[i]);
      const double exponent = -2.0 * static_cast<double>(i) / spec.head_dim;
      const bool own = spec.arch == SB_ARCH_GEMMA3 && window_of(spec, layer) > 0;
      const double base = own ? static_cast<double>(TestModel::kWindowBase) : 10000.0;
      const double angle =
          spec.arch == SB_ARCH_BERT ? 0 : position * std::pow(base, exponent) / divisor;
      double& a = x[head + (neox ? i : 2 * i)];
      double& b = x[head + (neox ? i + head_dim / 2 : 2 * i + 1)];
      const double rotated = a * std::cos(angle) - b * std::sin(angle);
      b = a * std::sin(angle) + b * std::cos(angle);
      a = rotated;
    }
  }
}

// The attention of one position over the keys and values from "first" on.
Vector attend(const ModelSpec& spec, const Vector& q, const std::vector<Vector>& keys,
              const std::vector<Vector>& values, size_t first) {
  const auto head_dim = static_cast<size_t>(spec.head_dim);
  const auto group = static_cast<size_t>(spec.n_heads / spec.n_kv_heads);
  Vector out(q.size(), 0);
  for (size_t head = 0; head < static_cast<size_t>(spec.n_heads); ++head) {
    const size_t kv = head / group * head_dim;
    Vector weights;
    for (size_t t = first; t < keys.size(); ++t) {
      double dot = 0;
      for (size_t i = 0; i < head_dim; ++i) dot += q[head * head_dim + i] * keys[t][kv + i];
      const double score = dot / std::sqrt(static_cast<double>(head_dim));
      weights.push_back(std::exp(capped(score, spec.attention_softcap)));
    }
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (size_t t = first; t < values.size(); ++t) {
      for (size_t i = 0; i < head_dim; ++i) {
        out[head * head_dim + i] += weights[t - first] / total * values[t][kv + i];
      }
    }
  }
  return out;
}

double activated(sb_arch arch, double x) {
  if (is_gemma(arch)) {
    return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
  }
  if (arch == SB_ARCH_BERT) return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  return x / (1 + std::exp(-x));
}

Vector feed_forward(const TestModel& model, int32_t layer, const Vector& x) {
  const sb_arch arch = model.spec().arch;
  Vector inner = multiply(model.values(SB_FFN_UP, layer), x, model.values(SB_FFN_UP_BIAS, layer));
  const bool gated = arch != SB_ARCH_BERT;
  const Vector gate = gated ? multiply(model.values(SB_FFN_GATE, layer), x, {}) : inner;
  for (size_t i = 0; i < inner.size(); ++i) {
    inner[i] = activated(arch, gate[i]) * (gated ? inner[i] : 1);
  }
  return multiply(model.values(SB_FFN_DOWN, layer), inner, model.values(SB_FFN_DOWN_BIAS, layer));
}

void add(Vector& x, const Vector& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

struct Projections {
  Vector q, k, v;
};

Projections project(const TestModel& model, int32_t layer, int32_t position, const Vector& h) {
  const auto times = [&](sb_role matrix, sb_role bias) {
    return multiply(model.values(matrix, layer), h, model.values(bias, layer));
  };
  Projections out{times(SB_ATTN_Q, SB_ATTN_Q_BIAS), times(SB_ATTN_K, SB_ATTN_K_BIAS),
                  times(SB_ATTN_V, SB_ATTN_V_BIAS)};
  prepare_heads(model, model.values(SB_ATTN_Q_NORM, layer), layer, position, out.q);
  prepare_heads(model, model.values(SB_ATTN_K_NORM, layer), layer, position, out.k);
  return out;
}

// x += the block's output, normed where the architecture does.
void end_block(const std::vector<float>& norm, Vector output, Vector& x) {
  if (!norm.empty()) output = normalise(output.data(), norm);
  add(x, output);
}

Vector embedded(const TestModel& model, int32_t token) {
  const std::vector<float>& embedding = model.values(SB_TOKEN_EMBD);
  const int32_t dim = model.spec().dim;
  const auto first =
      embedding.begin() + static_cast<ptrdiff_t>(token) * static_cast<ptrdiff_t>(dim);
  Vector x(first, first + dim);
  if (!is_gemma(model.spec().arch)) return x;
  for (double& v : x) v *= std::sqrt(static_cast<double>(dim));
  return x;
}

Vector log_softmax(const Vector& logits) {
  double total = 0;
  for (const double logit : logits) total += std::exp(logit);
  Vector out;
  for (const double logit : logits) out.push_back(logit - std::log(total));
  return out;
}

}  // namespace

namespace {

// x of every position after the last layer and the output norm.
std::vector<Vector> decoded(const TestModel& model, const std::vector<int32_t>& tokens) {
  const ModelSpec& spec = model.spec();
  const auto layers = static_cast<size_t>(spec.n_layers);
  std::vector<std::vector<Vector>> keys(layers), values(layers);
  std::vector<Vector> out;
  for (size_t t = 0; t < tokens.size(); ++t) {
    Vector x = embedded(model, tokens[t]);
    for (int32_t layer = 0; layer < spec.n_layers; ++layer) {
      const auto l = static_cast<size_t>(layer);
      const Vector h = normalise(x.data(), model.values(SB_ATTN_NORM, layer));
      const Projections p = project(model, layer, static_cast<int32_t>(t), h);
      keys[l].push_back(p.k);
      values[l].push_back(p.v);
      const auto window = static_cast<size_t>(window_of(spec, layer));
      const size_t first = window > 0 && t + 1 > window ? t + 1 - window : 0;
      const Vector attended = attend(spec, p.q, keys[l], values[l], first);
      end_block(model.values(SB_ATTN_POST_NORM, layer),
                multiply(model.values(SB_ATTN_OUTPUT, layer), attended, {}), x);
      end_block(model.values(SB_FFN_POST_NORM, layer),
                feed_forward(model, layer, normalise(x.data(), model.values(SB_FFN_NORM, layer))),
                x);
    }
    out.push_back(normalise(x.data(), model.values(SB_OUTPUT_NORM)));
  }
  return out;
}

}  // namespace

std::vector<std::vector<double>> exact_logprobs(const TestModel& model,
                                                const std::vector<int32_t>& tokens) {
  const ModelSpec& spec = model.spec();
  const sb_role output = spec.tied ? SB_TOKEN_EMBD : SB_OUTPUT;
  std::vector<std::vector<double>> logprobs;
  for (const Vector& last : decoded(model, tokens)) {
    Vector logits = multiply(model.values(output), last, {});
    for (double& logit : logits) logit = capped(logit, spec.logit_softcap);
    logprobs.push_back(log_softmax(logits));
  }
  return logprobs;
}

namespace {

void norm_all(const TestModel& model, sb_role norm, int32_t layer, std::vector<Vector>& rows) {
  for (Vector& x : rows) {
    x = layer_norm(x, model.values(norm, layer),
                   model.values(static_cast<sb_role>(norm + 1), layer));
  }
}

std::vector<Vector> encoded(const TestModel& model, const std::vector<int32_t>& tokens) {
  const ModelSpec& spec = model.spec();
  std::vector<Vector> x;
  for (size_t t = 0; t < tokens.size(); ++t) {
    x.push_back(embedded(model, tokens[t]));
    const std::vector<float>& type = model.values(SB_TOKEN_TYPES);
    add(x[t], Vector(type.begin(), type.end()));
    const std::vector<float>& positions = model.values(SB_POSITION_EMBD);
    if (positions.empty()) continue;
    const auto row = positions.begin() + static_cast<ptrdiff_t>(t) * spec.dim;
    add(x[t], Vector(row, row + spec.dim));
  }
  norm_all(model, SB_EMBD_NORM, -1, x);
  for (int32_t layer = 0; layer < spec.n_layers; ++layer) {
    std::vector<Vector> queries, keys, values;
    for (size_t t = 0; t < x.size(); ++t) {
      Projections p = project(model, layer, static_cast<int32_t>(t), x[t]);
      queries.push_back(p.q);
      keys.push_back(p.k);
      values.push_back(p.v);
    }
    for (size_t t = 0; t < x.size(); ++t) {
      add(x[t],
          multiply(model.values(SB_ATTN_OUTPUT, layer), attend(spec, queries[t], keys, values, 0),
                   model.values(SB_ATTN_OUTPUT_BIAS, layer)));
    }
    norm_all(model, SB_ATTN_OUT_NORM, layer, x);
    for (Vector& row : x) add(row, feed_forward(model, layer, row));
    norm_all(model, SB_LAYER_OUT_NORM, layer, x);
  }
  return x;
}

}  // namespace

std::vector<double> exact_embedding(const TestModel& model, const std::vector<int32_t>& tokens) {
  const bool encoder = is_encoder(model.spec().arch);
  const std::vector<Vector> x = encoder ? encoded(model, tokens) : decoded(model, tokens);
  switch (model.spec().pooling) {
    case SB_POOL_LAST:
      return x.back();
    case SB_POOL_MEAN: {
      Vector mean(x[0].size(), 0);
      for (const Vector& row : x) add(mean, row);
      for (double& v : mean) v /= static_cast<double>(x.size());
      return mean;
    }
    case SB_POOL_RANK: {
      Vector hidden = multiply(model.values(SB_CLS), x[0], model.values(SB_CLS_BIAS));
      for (double& v : hidden) v = std::tanh(v);
      return multiply(model.values(SB_CLS_OUT), hidden, model.values(SB_CLS_OUT_BIAS));
    }
    default:
      return x[0];
  }
}

namespace {

struct Layout {
  int32_t stages;
  int32_t ranks;
  int32_t threads;
};

double worst_error(const TestModel& model, const std::vector<int32_t>& tokens,
                   const std::vector<float>& scored) {
  const auto exact = exact_logprobs(model, tokens);
  double worst = 0;
  for (size_t i = 0; i < scored.size(); ++i) {
    const double expected = exact[i][static_cast<size_t>(tokens[i + 1])];
    worst = std::max(worst, std::fabs(static_cast<double>(scored[i]) - expected));
  }
  return worst;
}

class EveryArchitecture : public ::testing::TestWithParam<ModelSpec> {};

TEST_P(EveryArchitecture, AgreesWithExactArithmetic) {
  const TestModel model(GetParam());
  sb_engine_config config = engine_config();
  config.kv_type = SB_TYPE_F32;
  TestEngine engine(model, config);
  const std::vector<int32_t> tokens = some_tokens(GetParam(), 60);

  const std::vector<float> scored = engine.score(0, tokens, 64);

  ASSERT_EQ(scored.size(), 59U);
  EXPECT_LT(worst_error(model, tokens, scored), 1e-3);
}

TEST_P(EveryArchitecture, AgreesWithExactArithmeticAsFarAsItsKvIsExact) {
  const TestModel model(GetParam());
  const std::vector<int32_t> tokens = some_tokens(GetParam(), 60);
  const std::pair<sb_type, double> kinds[] = {
      {SB_TYPE_F16, 5e-3}, {SB_TYPE_BF16, 5e-2}, {SB_TYPE_Q8_0, 0.12}};
  for (const auto& [type, most] : kinds) {
    sb_engine_config config = engine_config();
    config.kv_type = type;
    TestEngine engine(model, config);

    EXPECT_LT(worst_error(model, tokens, engine.score(0, tokens, 64)), most) << type;
  }
}

TEST_P(EveryArchitecture, AgreesWithExactArithmeticOnFourRanksInTwoStages) {
  const TestModel model(GetParam());
  sb_engine_config config = engine_config(2, 2, 1);
  config.kv_type = SB_TYPE_F32;
  TestEngine engine(model, config);
  const std::vector<int32_t> tokens = some_tokens(GetParam(), 60);

  const std::vector<float> scored = engine.score(0, tokens, 64);

  EXPECT_LT(worst_error(model, tokens, scored), 1e-3);
}

ModelSpec spec_of(sb_arch arch) {
  ModelSpec spec;
  spec.arch = arch;
  return spec;
}

ModelSpec odd_qwen3() {
  // Heads wider than dim / n_heads, and a group of queries that fills no whole activation block.
  ModelSpec spec = spec_of(SB_ARCH_QWEN3);
  spec.head_dim = 24;
  spec.n_heads = 2;
  spec.tied = true;
  return spec;
}

ModelSpec llama_with_rope_freqs() {
  ModelSpec spec;
  spec.rope_freqs = true;
  spec.tied = true;
  return spec;
}

ModelSpec phi3_with_factors() {
  ModelSpec spec = spec_of(SB_ARCH_PHI3);
  spec.rope_freqs = true;
  return spec;
}

ModelSpec gemma2() {
  ModelSpec spec = spec_of(SB_ARCH_GEMMA2);
  spec.window = 10;
  spec.attention_softcap = 2;
  spec.logit_softcap = 3;
  spec.tied = true;
  return spec;
}

ModelSpec gemma3() {
  ModelSpec spec = spec_of(SB_ARCH_GEMMA3);
  spec.window = 16;
  return spec;
}

ModelSpec llama_with_window() {
  ModelSpec spec;
  spec.window = 33;
  return spec;
}

ModelSpec phi3_with_window() {
  ModelSpec spec = spec_of(SB_ARCH_PHI3);
  spec.window = 12;
  return spec;
}

ModelSpec encoder(sb_arch arch, sb_pooling pooling) {
  ModelSpec spec = spec_of(arch);
  spec.n_kv_heads = 4;
  spec.pooling = pooling;
  return spec;
}

INSTANTIATE_TEST_SUITE_P(Models, EveryArchitecture,
                         ::testing::Values(spec_of(SB_ARCH_LLAMA), spec_of(SB_ARCH_QWEN2),
                                           spec_of(SB_ARCH_QWEN3), odd_qwen3(),
                                           llama_with_rope_freqs(), gemma2(), gemma3(),
                                           spec_of(SB_ARCH_PHI3), phi3_with_window(),
                                           phi3_with_factors(), llama_with_window()));

class EveryEncoder : public ::testing::TestWithParam<ModelSpec> {
 protected:
  // The middle one of three sequences of a step.
  static std::vector<float> embed(const TestModel& model, const sb_engine_config& config,
                                  const std::vector<int32_t>& tokens) {
    TestEngine engine(model, config);
    for (int32_t row = 0; row < 3; ++row) engine.begin(row);
    const std::vector<int32_t> other = some_tokens(model.spec(), 9, 3);
    const StepOutput output = engine.run({{2, 0, other, {SB_TARGET_SAMPLE}, 0},
                                          {0, 0, tokens, {SB_TARGET_SAMPLE}, 0},
                                          {1, 0, {5}, {SB_TARGET_SAMPLE}, 0}});
    const auto size = static_cast<ptrdiff_t>(output.embeddings.size() / 3);
    return {output.embeddings.begin() + size, output.embeddings.begin() + 2 * size};
  }
};

TEST_P(EveryEncoder, AgreesWithExactArithmetic) {
  const TestModel model(GetParam());
  const std::vector<int32_t> tokens = some_tokens(GetParam(), 60);
  const std::vector<double> exact = exact_embedding(model, tokens);

  for (const Layout& layout : {Layout{1, 1, 2}, Layout{2, 2, 1}}) {
    sb_engine_config config = engine_config(layout.stages, layout.ranks, layout.threads);
    config.kv_type = SB_TYPE_F32;
    const std::vector<float> embedding = embed(model, config, tokens);

    ASSERT_EQ(embedding.size(), exact.size());
    for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(embedding[i], exact[i], 1e-4);
  }
}

TEST_P(EveryEncoder, GivesTheSameBitsOnThreadsAndStages) {
  TestModel model(GetParam());
  model.quantise_matrices();
  const std::vector<int32_t> tokens = some_tokens(GetParam(), 60);

  const std::vector<float> single = embed(model, engine_config(), tokens);

  EXPECT_EQ(embed(model, engine_config(1, 1, 3), tokens), single);
  EXPECT_EQ(embed(model, engine_config(2, 1, 2), tokens), single);
}

INSTANTIATE_TEST_SUITE_P(Models, EveryEncoder,
                         ::testing::Values(encoder(SB_ARCH_BERT, SB_POOL_CLS),
                                           encoder(SB_ARCH_BERT, SB_POOL_RANK),
                                           encoder(SB_ARCH_NOMIC_BERT, SB_POOL_MEAN),
                                           encoder(SB_ARCH_NOMIC_BERT, SB_POOL_LAST),
                                           encoder(SB_ARCH_QWEN3, SB_POOL_LAST),
                                           encoder(SB_ARCH_LLAMA, SB_POOL_MEAN)));

class EveryEqualLayout : public ::testing::TestWithParam<Layout> {};

TEST_P(EveryEqualLayout, GivesTheSameBitsAsOneThread) {
  TestModel model(ModelSpec{});
  model.quantise_matrices();
  const Layout& layout = GetParam();
  TestEngine single(model, engine_config());
  TestEngine spread(model, engine_config(layout.stages, layout.ranks, layout.threads));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 60);

  const std::vector<float> expected = single.score(0, tokens, 64);
  const std::vector<float> actual = spread.score(0, tokens, 64);

  EXPECT_EQ(actual, expected);
}

INSTANTIATE_TEST_SUITE_P(Layouts, EveryEqualLayout,
                         ::testing::Values(Layout{1, 1, 2}, Layout{1, 1, 3}, Layout{2, 1, 1},
                                           Layout{4, 1, 1}, Layout{2, 1, 2}));

TEST_P(EveryEqualLayout, GivesTheSameBitsWithWindowsAndNormsAfterBlocks) {
  const Layout& layout = GetParam();
  for (const ModelSpec& spec : {gemma2(), gemma3()}) {
    TestModel model(spec);
    model.quantise_matrices();
    TestEngine single(model, engine_config());
    TestEngine spread(model, engine_config(layout.stages, layout.ranks, layout.threads));
    const std::vector<int32_t> tokens = some_tokens(spec, 60);

    EXPECT_EQ(spread.score(0, tokens, 7), single.score(0, tokens, 64));
  }
}

class EveryRankLayout : public ::testing::TestWithParam<Layout> {};

TEST_P(EveryRankLayout, GivesTheSameTokensAndNearlyTheSameLogits) {
  TestModel model(ModelSpec{});
  model.quantise_matrices();
  const Layout& layout = GetParam();
  TestEngine single(model, engine_config());
  TestEngine spread(model, engine_config(layout.stages, layout.ranks, layout.threads));
  const std::vector<int32_t> prompt = some_tokens(model.spec(), 20);

  std::vector<float> expected_logprobs;
  std::vector<float> actual_logprobs;
  const auto expected = single.generate(0, prompt, 30, greedy(), &expected_logprobs);
  const auto actual = spread.generate(0, prompt, 30, greedy(), &actual_logprobs);

  EXPECT_EQ(actual, expected);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual_logprobs[i], expected_logprobs[i], 2e-2);
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, EveryRankLayout,
                         ::testing::Values(Layout{1, 2, 1}, Layout{2, 2, 1}, Layout{2, 2, 2}));

// Ranks above the KV heads hold the same ones, as Gemma 3 1B needs, which has one.
class RanksAboveKvHeads : public ::testing::TestWithParam<Layout> {};

TEST_P(RanksAboveKvHeads, GiveTheTokensOfOneRankAndAgreeWithExactArithmetic) {
  const Layout& layout = GetParam();
  for (const sb_arch arch : {SB_ARCH_GEMMA3, SB_ARCH_QWEN2}) {
    for (const int32_t kv_heads : {1, 2}) {
      ModelSpec spec = spec_of(arch);
      spec.n_kv_heads = kv_heads;
      spec.head_dim = 32;  // a whole activation block for each rank
      TestModel model(spec);
      const std::vector<int32_t> prompt = some_tokens(spec, 60);
      sb_engine_config config = engine_config(layout.stages, layout.ranks, layout.threads);
      config.kv_type = SB_TYPE_F32;
      TestEngine exact(model, config);
      EXPECT_LT(worst_error(model, prompt, exact.score(0, prompt, 7)), 1e-3);

      config = engine_config(layout.stages, layout.ranks, layout.threads);
      {
        TestEngine single(model, engine_config());
        TestEngine spread(model, config);
        EXPECT_EQ(spread.generate(0, prompt, 30, greedy()),
                  single.generate(0, prompt, 30, greedy()));
      }
      // A change in a sum's last bit can become a step of the activations' rounding.
      model.quantise_matrices();
      TestEngine single(model, engine_config());
      TestEngine spread(model, config);
      const std::vector<float> expected = single.score(0, prompt, 64);
      const std::vector<float> actual = spread.score(0, prompt, 64);
      for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 5e-2);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, RanksAboveKvHeads,
                         ::testing::Values(Layout{1, 2, 1}, Layout{1, 4, 1}, Layout{2, 4, 2}));

// By which the smallest weight that a block's integers can say is as far from 0 as the largest.
float balanced_minimum(ops::WeightType type, float scale) {
  switch (type) {
    case ops::WeightType::kQ4_1:
      return -7.5F * scale;
    case ops::WeightType::kQ5_1:
      return -15.5F * scale;
    case ops::WeightType::kQ2_K:
      return 1.5F * scale;
    case ops::WeightType::kQ4_K:
      return 7.5F * scale;
    case ops::WeightType::kQ5_K:
      return 15.5F * scale;
    default:
      return 0;
  }
}

double root_mean_square(const std::vector<double>& values) {
  const double squares = std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

// Any integers and small scales, whose weights are about as large as they are wanted.
ops::testing::FileMatrix random_blocks(ops::WeightType type, int64_t rows, int64_t cols,
                                       double wanted, uint32_t seed) {
  ops::testing::FileMatrix m = ops::testing::random_matrix(type, rows, cols, seed);
  const ops::TypeTraits traits = ops::type_traits(type);
  float scale = 0.01F;
  for (int pass = 0; pass < 2; ++pass) {
    const size_t blocks = m.bytes.size() / static_cast<size_t>(traits.block_bytes);
    for (size_t b = 0; b < blocks; ++b) {
      uint8_t* block = m.bytes.data() + b * static_cast<size_t>(traits.block_bytes);
      ops::testing::put_scales(type, block, scale, balanced_minimum(type, scale));
      ops::testing::dequantise_block(
          type, block, m.values.data() + b * static_cast<size_t>(traits.block_elements));
    }
    scale *= static_cast<float>(wanted / root_mean_square(m.values));
  }
  return m;
}

// A model of one kv head, all of whose matrices are of one type.
class RanksOfEveryType : public ::testing::TestWithParam<ops::WeightType> {
 protected:
  RanksOfEveryType()
      : model_(spec()),
        matrices_(give_matrices(
            model_, static_cast<int32_t>(GetParam()), [](const sb_tensor& tensor, uint32_t number) {
              // Embeddings that are no larger than what layers add, or these would not matter.
              const double wanted = tensor.role == SB_OUTPUT ? 0.1 : 0.07;
              return random_blocks(GetParam(), tensor.rows, tensor.cols, wanted, number);
            })) {}

  static ModelSpec spec() {
    ModelSpec spec = spec_of(SB_ARCH_GEMMA3);
    spec.n_layers = 2;
    spec.dim = 256;  // a block of the largest types
    spec.ffn_dim = 512;
    spec.n_kv_heads = 1;
    spec.head_dim = 64;
    return spec;
  }

  TestModel model_;
  std::vector<ops::testing::FileMatrix> matrices_;
};

// Ranks cut the columns of an attention's output and of a feed-forward's second matrix between
// blocks of 32, so a block's integers and scales, and the activations they are multiplied with, are
// those of one rank. But each rank adds up its own columns, and then these sums are added: the last
// bits differ for every type. Where no activation lies at the edge of a step of its eight bits that
// is all; where one does it is rounded to the other step, and what follows differs by what rounding
// costs in any case.
TEST_P(RanksOfEveryType, AgreeWithOneRankThoughTheyShareItsKvHead) {
  const std::vector<int32_t> prompt = some_tokens(model_.spec(), 60);
  TestEngine single(model_, engine_config());
  const std::vector<float> expected = single.score(0, prompt, 64);
  EXPECT_LT(*std::min_element(expected.begin(), expected.end()), -1);  // it prefers something

  for (const int32_t ranks : {2, 4}) {
    TestEngine spread(model_, engine_config(1, ranks, 1));
    const std::vector<float> actual = spread.score(0, prompt, 64);

    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(actual[i], expected[i], 5e-2) << ranks << " ranks, position " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, RanksOfEveryType,
                         ::testing::ValuesIn(ops::testing::kQuantisedTypes),
                         [](const auto& type) { return ops::testing::type_name(type.param); });

TEST(EngineNumerics, ChunksOfSixteenGiveTheSameBitsAsTheWholePrompt) {
  TestModel model(ModelSpec{});
  model.quantise_matrices();
  TestEngine engine(model, engine_config(1, 1, 2));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 101);

  const std::vector<float> whole = engine.score(0, tokens, 128);
  const std::vector<float> chunked = engine.score(1, tokens, 16);
  const std::vector<float> single = engine.score(2, tokens, 1);

  EXPECT_EQ(chunked, whole);
  EXPECT_EQ(single, whole);
}

TEST(EngineNumerics, NeighboursInAStepChangeNoBit) {
  TestModel model(ModelSpec{});
  model.quantise_matrices();
  TestEngine engine(model, engine_config());
  const std::vector<int32_t> prompt = some_tokens(model.spec(), 11);
  const std::vector<int32_t> other = some_tokens(model.spec(), 17, 99);
  std::vector<float> expected_logprobs;
  const auto expected = engine.generate(0, prompt, 12, greedy(), &expected_logprobs);

  std::vector<Piece> pieces;
  for (int32_t row = 0; row < 8; ++row) {
    engine.begin(row);
    pieces.push_back({row, 0, row == 3 ? prompt : other, {SB_TARGET_SAMPLE}, 0});
    if (row != 3) pieces.back().tokens.resize(static_cast<size_t>(3 + row));
  }
  std::vector<int32_t> actual;
  std::vector<float> actual_logprobs;
  for (int i = 0; i < 12; ++i) {
    const StepOutput output = engine.run(pieces);
    actual.push_back(output.tokens.at(3));
    actual_logprobs.push_back(output.logprobs.at(3));
    for (size_t row = 0; row < pieces.size(); ++row) {
      pieces[row].position += static_cast<int32_t>(pieces[row].tokens.size());
      pieces[row].tokens.assign(1, output.tokens.at(row));
    }
  }

  EXPECT_EQ(actual, expected);
  EXPECT_EQ(actual_logprobs, expected_logprobs);
}

TEST(EngineNumerics, TopLogprobsAreSortedAndExact) {
  const TestModel model(ModelSpec{});
  sb_engine_config config = engine_config();
  config.kv_type = SB_TYPE_F32;
  TestEngine engine(model, config);
  const std::vector<int32_t> prompt = some_tokens(model.spec(), 9);
  engine.begin(0);

  const StepOutput output = engine.run({{0, 0, prompt, {SB_TARGET_SAMPLE}, 5}});

  const auto exact = exact_logprobs(model, prompt).back();
  EXPECT_EQ(output.top_tokens[0], output.tokens[0]);
  EXPECT_EQ(output.top_logprobs[0], output.logprobs[0]);
  for (size_t i = 0; i < 5; ++i) {
    const auto token = static_cast<size_t>(output.top_tokens[i]);
    EXPECT_NEAR(static_cast<double>(output.top_logprobs[i]), exact[token], 1e-3);
    EXPECT_LE(output.top_logprobs[i], output.top_logprobs[i == 0 ? 0 : i - 1]);
  }
  EXPECT_EQ(output.top_tokens[5], -1);
  EXPECT_EQ(output.top_logprobs[5], -HUGE_VALF);
}

TEST(EngineNumerics, OnlyTheLastPositionsOfAnEntryGiveOutputs) {
  const TestModel model(ModelSpec{});
  TestEngine engine(model, engine_config());
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 30);
  const std::vector<float> scored = engine.score(0, tokens, 64);
  engine.begin(1);

  const StepOutput inner = engine.run({{1, 0, {tokens.begin(), tokens.begin() + 10}, {}, 0}});
  const StepOutput last = engine.run({{1,
                                       10,
                                       {tokens.begin() + 10, tokens.begin() + 20},
                                       {tokens.begin() + 19, tokens.begin() + 21},
                                       0}});

  EXPECT_TRUE(inner.tokens.empty());
  EXPECT_EQ(last.logprobs, std::vector<float>(scored.begin() + 18, scored.begin() + 20));
}

TEST(EngineNumerics, MoreOutputsThanAreHeldAtOnceAreAllScored) {
  const TestModel model(ModelSpec{});
  TestEngine engine(model, engine_config(1, 2, 1));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 120);

  const std::vector<float> together = engine.score(0, tokens, 128);
  const std::vector<float> apart = engine.score(1, tokens, 10);

  EXPECT_EQ(together, apart);
}

}  // namespace
}  // namespace sb::testing
