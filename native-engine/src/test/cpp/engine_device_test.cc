// Engines whose layers run on the emulated device give what those on the processor give.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "engine_device_testing.h"
#include "ops_testing.h"

namespace sb::testing {
namespace {

// What a device of compute capability 9.0 has beside what all have.
class HopperDeviceTest : public DeviceTest {};

struct Layout {
  int32_t stages;
  int32_t ranks;
};

constexpr Layout kLayouts[] = {{1, 1}, {2, 1}, {1, 2}, {2, 2}};

ModelSpec spec_of(sb_arch arch) {
  ModelSpec spec;
  spec.arch = arch;
  spec.n_layers = 2;
  return spec;
}

ModelSpec odd_qwen3() {
  ModelSpec spec = spec_of(SB_ARCH_QWEN3);
  spec.head_dim = 48;
  spec.n_heads = 2;
  spec.tied = true;
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
  spec.n_kv_heads = 1;
  spec.head_dim = 32;
  return spec;
}

ModelSpec phi3() {
  ModelSpec spec = spec_of(SB_ARCH_PHI3);
  spec.window = 12;
  spec.rope_freqs = true;
  return spec;
}

class EveryArchitectureOnADevice : public DeviceTest,
                                   public ::testing::WithParamInterface<ModelSpec> {};

TEST_P(EveryArchitectureOnADevice, GivesTheBitsOfTheProcessorInEveryLayout) {
  TestModel model(GetParam());
  model.quantise_matrices();
  const std::vector<int32_t> tokens = some_tokens(GetParam(), 21);
  for (const Layout& layout : kLayouts) {
    if (layout.ranks > 1 && GetParam().head_dim == 48) continue;  // no whole blocks of columns
    const sb_engine_config config = engine_config(layout.stages, layout.ranks, 1);
    TestEngine processor(model, config);
    TestEngine device(model, on_device(config));
    std::vector<float> expected_logprobs;
    std::vector<float> actual_logprobs;

    EXPECT_EQ(device.score(0, tokens, 9), processor.score(0, tokens, 64));
    EXPECT_EQ(device.generate(1, tokens, 6, greedy(), &actual_logprobs),
              processor.generate(1, tokens, 6, greedy(), &expected_logprobs));
    EXPECT_EQ(actual_logprobs, expected_logprobs);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, EveryArchitectureOnADevice,
                         ::testing::Values(spec_of(SB_ARCH_LLAMA), spec_of(SB_ARCH_QWEN2),
                                           spec_of(SB_ARCH_QWEN3), odd_qwen3(), gemma2(), gemma3(),
                                           phi3()));

std::vector<float> embed(const TestModel& model, const sb_engine_config& config) {
  TestEngine engine(model, config);
  engine.record(false);
  for (int32_t row = 0; row < 2; ++row) engine.begin(row);
  return engine
      .run({{1, 0, some_tokens(model.spec(), 5, 3), {SB_TARGET_SAMPLE}, 0},
            {0, 0, some_tokens(model.spec(), 14), {SB_TARGET_SAMPLE}, 0}})
      .embeddings;
}

class EveryEncoderOnADevice : public DeviceTest, public ::testing::WithParamInterface<ModelSpec> {};

TEST_P(EveryEncoderOnADevice, GivesTheBitsOfTheProcessorInEveryLayout) {
  TestModel model(GetParam());
  model.quantise_matrices();
  for (const Layout& layout : kLayouts) {
    const sb_engine_config config = engine_config(layout.stages, layout.ranks, 2);

    EXPECT_EQ(embed(model, on_device(config)), embed(model, config));
  }
}

ModelSpec encoder(sb_arch arch, sb_pooling pooling) {
  ModelSpec spec = spec_of(arch);
  spec.n_kv_heads = 4;
  spec.pooling = pooling;
  return spec;
}

INSTANTIATE_TEST_SUITE_P(Models, EveryEncoderOnADevice,
                         ::testing::Values(encoder(SB_ARCH_BERT, SB_POOL_CLS),
                                           encoder(SB_ARCH_BERT, SB_POOL_RANK),
                                           encoder(SB_ARCH_NOMIC_BERT, SB_POOL_MEAN),
                                           encoder(SB_ARCH_QWEN3, SB_POOL_MEAN),
                                           encoder(SB_ARCH_QWEN3, SB_POOL_CLS),
                                           encoder(SB_ARCH_QWEN3, SB_POOL_LAST)));

ModelSpec wide_model() {
  ModelSpec spec = spec_of(SB_ARCH_LLAMA);
  spec.n_layers = 1;
  spec.dim = 256;  // a block of the largest types
  spec.ffn_dim = 256;
  spec.n_kv_heads = 2;
  spec.head_dim = 64;
  return spec;
}

// Any integers and scales that a format can have.
class EveryFormatOnADevice : public DeviceTest,
                             public ::testing::WithParamInterface<ops::WeightType> {
 protected:
  EveryFormatOnADevice()
      : model_(spec()),
        matrices_(give_matrices(
            model_, static_cast<int32_t>(GetParam()), [](const sb_tensor& tensor, uint32_t number) {
              return ops::testing::random_matrix(GetParam(), tensor.rows, tensor.cols, number);
            })) {}

  static ModelSpec spec() { return wide_model(); }

  TestModel model_;
  std::vector<ops::testing::FileMatrix> matrices_;
};

TEST_P(EveryFormatOnADevice, GivesTheBitsOfTheProcessor) {
  const std::vector<int32_t> tokens = some_tokens(model_.spec(), 12);
  for (const int32_t ranks : {1, 2}) {
    TestEngine processor(model_, engine_config(1, ranks, 1));
    TestEngine device(model_, on_device(engine_config(1, ranks, 1)));

    EXPECT_EQ(device.score(0, tokens, 64), processor.score(0, tokens, 64));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormatOnADevice,
                         ::testing::ValuesIn(ops::testing::kQuantisedTypes),
                         [](const auto& type) { return ops::testing::type_name(type.param); });

// Of files whose matrices have several types, in every order of them that is put together.
TEST_F(DeviceTest, MatricesOfSeveralTypesGiveTheBitsOfTheProcessor) {
  using ops::WeightType;
  using ops::testing::random_matrix;
  const auto type_of = [](const sb_tensor& tensor) {
    switch (tensor.role) {
      case SB_ATTN_V:
        return tensor.layer == 0 ? WeightType::kQ6_K : WeightType::kQ4_K;
      case SB_ATTN_K:
        return tensor.layer == 1 ? WeightType::kQ5_0 : WeightType::kQ4_K;
      case SB_FFN_UP:
        return tensor.layer == 2 ? WeightType::kQ8_0 : WeightType::kQ4_K;
      case SB_FFN_DOWN:
        return tensor.layer == 1 ? WeightType::kF32 : WeightType::kQ6_K;
      case SB_FFN_GATE:
        return tensor.layer == 3 ? WeightType::kF32 : WeightType::kQ4_K;
      default:
        return WeightType::kQ4_K;
    }
  };
  ModelSpec spec = wide_model();
  spec.n_layers = 4;
  TestModel model(spec);
  std::vector<ops::testing::FileMatrix> matrices;
  uint32_t seed = 0;
  for (sb_tensor& tensor : model.tensors()) {
    if (tensor.rows == 1) continue;
    const WeightType type = type_of(tensor);
    matrices.push_back(random_matrix(type, tensor.rows, tensor.cols, ++seed));
    tensor.type = static_cast<int32_t>(type);
    tensor.data = matrices.back().bytes.data();
    tensor.bytes = matrices.back().bytes.size();
  }
  const std::vector<int32_t> tokens = some_tokens(spec, 12);
  for (const int32_t ranks : {1, 2}) {
    TestEngine processor(model, engine_config(1, ranks, 1));
    TestEngine device(model, on_device(engine_config(1, ranks, 1)));
    const std::vector<float> expected = processor.score(0, tokens, 64);

    for (const size_t chunk : {1U, 2U, 3U, 8U}) {
      EXPECT_EQ(device.score(0, tokens, chunk), expected) << chunk << " tokens at a time";
    }
  }
}

// What a layer of a decode step launches, from how many kernels are run for two and for four
// layers: of a step that is launched, of one that is recorded and of one that repeats it. And that
// each of them begins before the one before has ended, where no rank awaits another one.
TEST_F(EmulatedDeviceTest, ALayerOfADecodeStepTakesFewLaunches) {
  bool short_floats = false;
  int64_t cuda::emulated::Settings::* counted = &cuda::emulated::Settings::kernels;
  const auto kernels = [&](ModelSpec spec, int32_t layers, int32_t rows, int32_t ranks) {
    spec.n_layers = layers;
    TestModel model(spec);
    model.quantise_matrices();
    std::vector<ops::testing::FileMatrix> matrices;
    if (short_floats) {
      matrices = give_matrices(model, SB_TYPE_BF16, [](const sb_tensor& tensor, uint32_t number) {
        return ops::testing::random_matrix(ops::WeightType::kBF16, tensor.rows, tensor.cols,
                                           number);
      });
    }
    TestEngine engine(model, on_device(engine_config(1, ranks, 1)));
    engine.record(false);
    std::vector<Piece> pieces;
    for (int32_t row = 0; row < rows; ++row) {
      engine.begin(row);
      pieces.push_back({row, 0, {row + 1}, {SB_TARGET_SAMPLE}, 0});
    }
    std::vector<int64_t> counts;
    for (int32_t step = 0; step < 3; ++step) {
      settings().*counted = 0;
      EXPECT_EQ(engine.run(pieces).status, SB_OK);
      counts.push_back(settings().*counted);
      for (Piece& piece : pieces) ++piece.position;
    }
    return counts;
  };
  const auto of_layer = [&](const ModelSpec& spec, int32_t rows, int32_t ranks) {
    const std::vector<int64_t> of_two = kernels(spec, 2, rows, ranks);
    std::vector<int64_t> counts = kernels(spec, 4, rows, ranks);
    for (size_t i = 0; i < counts.size(); ++i) counts[i] = (counts[i] - of_two[i]) / 2;
    EXPECT_EQ(counts[1], counts[0]);
    EXPECT_EQ(counts[2], counts[0]);
    return counts[0];
  };
  ModelSpec spec = spec_of(SB_ARCH_LLAMA);
  spec.head_dim = 32;
  ModelSpec post_norms = gemma2();
  post_norms.head_dim = 32;

  // Query, key and value; their heads and the cache; attention's parts; their sum, quantised; its
  // output; the residual and the next norm; gate, up and what goes on; down; residual and norm.
  EXPECT_EQ(of_layer(spec, 1, 1), 9);
  EXPECT_EQ(of_layer(post_norms, 1, 1), 9);
  // Several tokens: what a gate lets through is worked out behind the two products.
  EXPECT_EQ(of_layer(spec, 3, 1), 10);
  // Of two ranks each has two norms for itself.
  EXPECT_EQ(of_layer(spec, 1, 2), 2 * 11);
  short_floats = true;
  EXPECT_EQ(of_layer(spec, 1, 1), 9);
  EXPECT_EQ(of_layer(spec, 3, 1), 9);

  counted = &cuda::emulated::Settings::overlapped;
  EXPECT_EQ(of_layer(spec, 1, 1), 9);
  EXPECT_EQ(of_layer(spec, 3, 1), 9);
  // A rank's kernels that add the partial sums of all, twice, begin when these have ended.
  EXPECT_EQ(of_layer(spec, 1, 2), 2 * (11 - 2));
}

// A log-probability of such a model sums some thousand products, each within 2^-15 of its
// magnitude.
TEST_F(DeviceTest, ModelsOfShortFloatsAreNearTheProcessorAndKeepTheirBits) {
  for (const auto& [type, stored] : {std::pair{SB_TYPE_BF16, ops::WeightType::kBF16},
                                     std::pair{SB_TYPE_F16, ops::WeightType::kF16}}) {
    SCOPED_TRACE(type);
    TestModel model(wide_model());
    const auto matrices =
        give_matrices(model, type, [weights = stored](const sb_tensor& tensor, uint32_t number) {
          return ops::testing::random_matrix(weights, tensor.rows, tensor.cols, number);
        });
    const std::vector<int32_t> tokens = some_tokens(model.spec(), 19);
    for (const int32_t ranks : {1, 2}) {
      TestEngine processor(model, engine_config(1, ranks, 1));
      TestEngine device(model, on_device(engine_config(1, ranks, 1)));
      const std::vector<float> expected = processor.score(0, tokens, 64);

      const std::vector<float> whole = device.score(0, tokens, 64);

      ASSERT_EQ(whole.size(), expected.size());
      for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(whole[i], expected[i], 1e-2) << i;
      EXPECT_EQ(device.score(0, tokens, 1), whole);
      EXPECT_EQ(device.score(0, tokens, 8), whole);
    }
  }
}

TEST_F(DeviceTest, KeysAndValuesOfEveryTypeGiveTheBitsOfTheProcessor) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 20);
  for (const sb_type type : {SB_TYPE_F32, SB_TYPE_BF16, SB_TYPE_Q8_0}) {
    sb_engine_config config = engine_config();
    config.kv_type = type;
    TestEngine processor(model, config);
    TestEngine device(model, on_device(config));

    EXPECT_EQ(device.score(0, tokens, 7), processor.score(0, tokens, 64)) << type;
  }
}

TEST_F(EmulatedDeviceTest, RanksThatCannotReadOneAnotherGiveTheSameBits) {
  settings().devices = 2;
  settings().linked = false;
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  TestEngine processor(model, engine_config(2, 2, 1));
  TestEngine device(model, on_device(engine_config(2, 2, 1)));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 11);

  EXPECT_EQ(device.score(0, tokens, 5), processor.score(0, tokens, 64));
  EXPECT_EQ(device.generate(1, tokens, 6), processor.generate(1, tokens, 6));
  EXPECT_EQ(settings().follows, 0);
  EXPECT_EQ(settings().recordings, 0);
}

ModelSpec four_ranks_model() {
  ModelSpec spec = spec_of(SB_ARCH_LLAMA);
  spec.dim = 128;
  spec.n_kv_heads = 4;
  spec.head_dim = 32;
  return spec;
}

// On one device, and on as many as there are ranks; whichever stream goes first.
TEST_F(EmulatedDeviceTest, RanksThatMeetOnTheirDevicesGiveTheBitsOfTheProcessor) {
  TestModel model(four_ranks_model());
  model.quantise_matrices();
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 12);
  for (const Layout& layout : {Layout{1, 2}, {2, 2}, {1, 4}}) {
    TestEngine processor(model, engine_config(layout.stages, layout.ranks, 1));
    const std::vector<float> scores = processor.score(0, tokens, 64);
    const std::vector<int32_t> generated = processor.generate(0, tokens, 6);
    for (int32_t first = 0; first < layout.ranks; ++first) {
      settings().devices = first == 0 ? 1 : layout.stages * layout.ranks;
      settings().first_stream = first;
      TestEngine device(model, on_device(engine_config(layout.stages, layout.ranks, 2)));

      EXPECT_EQ(device.score(0, tokens, 5), scores);
      EXPECT_EQ(device.generate(0, tokens, 6), generated);
    }
  }
}

// One for each rank.
TEST_F(EmulatedDeviceTest, TheHostWaitsForADeviceAsOftenHoweverManyLayersThereAre) {
  settings().devices = 2;
  for (const int32_t layers : {2, 4}) {
    ModelSpec spec = spec_of(SB_ARCH_LLAMA);
    spec.n_layers = layers;
    const TestModel model(spec);
    TestEngine engine(model, on_device(engine_config(1, 2, 1)));
    engine.begin(0);
    for (const Piece& piece :
         {Piece{0, 0, {1, 2, 3}, {SB_TARGET_SAMPLE}, 0}, Piece{0, 3, {4}, {SB_TARGET_SAMPLE}, 0},
          Piece{0, 4, {5}, {SB_TARGET_SAMPLE}, 0}, Piece{0, 5, {6}, {SB_TARGET_SAMPLE}, 0}}) {
      settings().waits = 0;

      EXPECT_EQ(engine.run({piece}).status, SB_OK);

      EXPECT_EQ(settings().waits, 2);
    }
    EXPECT_EQ(settings().recordings, 1);
    settings().recordings = 0;
  }
}

// Of a prompt and of four tokens behind it; fewer where a step fails.
std::vector<float> logprobs_of_all(TestEngine& engine, const std::vector<int32_t>& prompt) {
  std::vector<float> all;
  Piece piece{0, 0, prompt, {5}, 0};
  engine.begin(0);
  for (int32_t i = 0; i < 5; ++i) {
    StepOutput output;
    if (engine.try_submit({piece}) != SB_OK || engine.try_await(output) != SB_OK) return all;
    all.insert(all.end(), output.logprobs.begin(), output.logprobs.end());
    piece.position += static_cast<int32_t>(piece.tokens.size());
    piece.tokens.assign(1, prompt.at(static_cast<size_t>(i)));
  }
  return all;
}

// Without any single one of them something is read before it is there, or a recording cannot be
// made, if the stream that should wait goes first.
TEST_F(EmulatedDeviceTest, EveryWaitOfAStreamForAnotherIsNeeded) {
  ModelSpec spec = spec_of(SB_ARCH_LLAMA);
  TestModel model(spec);
  model.quantise_matrices();
  settings().devices = 2;
  const std::vector<int32_t> prompt = some_tokens(spec, 9);
  TestEngine processor(model, engine_config(1, 2, 1));
  const std::vector<float> expected = logprobs_of_all(processor, prompt);
  const auto found = [&](int64_t left_out, int32_t first) {
    settings().left_out = left_out;
    settings().first_stream = first;
    settings().follows = 0;
    TestEngine device(model, on_device(engine_config(1, 2, 1)));
    return logprobs_of_all(device, prompt);
  };
  EXPECT_EQ(found(-1, 0), expected);
  EXPECT_EQ(found(-1, 1), expected);
  const int64_t waits = settings().follows;
  // Two at each of four meetings, of a prompt and of a decode step that are launched, and of one
  // that is recorded; one each way in the recording, and around each of its three replays; one for
  // the logits of each step.
  EXPECT_EQ(waits, 3 * 8 + 2 + 3 * 2 + 5);

  for (int64_t left_out = 0; left_out < waits; ++left_out) {
    EXPECT_TRUE(found(left_out, 0) != expected || found(left_out, 1) != expected) << left_out;
  }
}

TEST_F(EmulatedDeviceTest, HiddenStatesGoFromDeviceToDeviceWhereTheseCan) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 8);
  for (const int32_t ranks : {1, 2}) {
    TestEngine processor(model, engine_config(2, ranks, 1));
    const std::vector<float> expected = processor.score(0, tokens, 64);
    for (const bool linked : {true, false}) {
      settings() = {};
      settings().devices = 2 * ranks;
      settings().linked = linked;
      TestEngine device(model, on_device(engine_config(2, ranks, 1)));

      EXPECT_EQ(device.score(0, tokens, 64), expected);

      // Seven tokens of 64 floats: left by the first rank, and taken by each.
      const uint64_t across =
          linked ? uint64_t{7} * 64 * 4 * (1 + static_cast<uint64_t>(ranks)) : 0;
      EXPECT_EQ(settings().copied_across, across);
    }
  }
}

// The second stage sleeps until the first one has done all that there is room for.
TEST_F(EmulatedDeviceTest, HiddenStatesOfStepsInFlightLieSideBySide) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  TestEngine processor(model, engine_config());
  sb_engine_config config = on_device(engine_config(2, 1, 1));
  config.allow_fault_injection = 1;
  TestEngine device(model, config);
  const sb_fault sleep{sizeof(sb_fault), SB_FAULT_DELAY, 1, 0, 0, 1, 300'000'000};
  ASSERT_EQ(sb_inject(device.handle(), &sleep), SB_OK);
  for (int32_t row = 0; row < 4; ++row) {
    device.begin(row);
    processor.begin(row);
    device.submit({{row, 0, {row + 1}, {7}, 0}});
  }
  for (int32_t row = 0; row < 4; ++row) {
    EXPECT_EQ(device.await().logprobs, processor.run({{row, 0, {row + 1}, {7}, 0}}).logprobs);
  }
}

TEST_F(EmulatedDeviceTest, EncodersOfRanksThatCannotReadOneAnotherGiveTheSameBits) {
  settings().devices = 2;
  settings().linked = false;
  for (const sb_pooling pooling : {SB_POOL_MEAN, SB_POOL_RANK}) {
    TestModel model(encoder(SB_ARCH_BERT, pooling));
    model.quantise_matrices();

    EXPECT_EQ(embed(model, on_device(engine_config(2, 2, 1))),
              embed(model, engine_config(2, 2, 1)));
  }
}

// A token's embedding is 256 bytes; the vectors of the texts are what comes back.
TEST_F(EmulatedDeviceTest, EmbeddingsAreLookedUpAndPooledWhereTheLayersRun) {
  TestModel generates(spec_of(SB_ARCH_LLAMA));
  TestModel embeds(encoder(SB_ARCH_BERT, SB_POOL_MEAN));
  ASSERT_EQ(embeds.spec().dim, 64);
  {
    TestEngine engine(generates, on_device(engine_config()));
    engine.begin(0);
    settings().copied_in = 0;

    EXPECT_EQ(engine.run({{0, 0, some_tokens(generates.spec(), 5), {}, 0}}).status, SB_OK);

    EXPECT_GT(settings().copied_in, 0U);
    EXPECT_LT(settings().copied_in, 256U);
  }
  settings().copied_in = settings().copied_out = 0;

  EXPECT_EQ(embed(embeds, on_device(engine_config())).size(), 2U * 64);

  EXPECT_LT(settings().copied_in, 19U * 256 / 4);
  EXPECT_EQ(settings().copied_out, 2U * 256);
}

TEST_F(DeviceTest, NeighboursAndChunksChangeNoBit) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  TestEngine device(model, on_device(engine_config()));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 19);
  const std::vector<float> whole = device.score(0, tokens, 64);

  EXPECT_EQ(device.score(0, tokens, 1), whole);
  EXPECT_EQ(device.score(0, tokens, 8), whole);
  // Beside seven others of other lengths.
  std::vector<Piece> pieces;
  for (int32_t row = 0; row < 8; ++row) {
    device.begin(row);
    const auto n = static_cast<size_t>(row == 3 ? 18 : 1 + row);
    Piece piece{row, 0, {tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(n)}, {}, 0};
    piece.targets.assign(tokens.begin() + 1, tokens.begin() + 1 + static_cast<ptrdiff_t>(n));
    pieces.push_back(piece);
  }
  const std::vector<float> all = device.run(pieces).logprobs;
  const std::vector<float> middle(all.begin() + 1 + 2 + 3, all.begin() + 1 + 2 + 3 + 18);
  EXPECT_EQ(middle, whole);
}

std::vector<sb_sampling> every_sampling() {
  std::vector<sb_sampling> all(5, greedy());
  for (size_t i = 1; i < all.size(); ++i) {
    all[i].temperature = 0.9F;
    all[i].seed = i;
  }
  all[2].repetition_penalty = 1.1F;
  all[2].frequency_penalty = 0.7F;
  all[2].presence_penalty = -0.3F;
  all[3].top_k = 20;
  all[3].min_p = 0.1F;
  all[4].top_p = 0.9F;
  return all;
}

TEST_F(DeviceTest, SamplesAsTheProcessorDoes) {
  TestModel model(spec_of(SB_ARCH_QWEN3));
  model.quantise_matrices();
  const std::vector<int32_t> prompt = some_tokens(model.spec(), 7);
  for (const Layout& layout : kLayouts) {
    TestEngine processor(model, engine_config(layout.stages, layout.ranks, 2));
    TestEngine device(model, on_device(engine_config(layout.stages, layout.ranks, 2)));
    for (const sb_sampling& sampling : every_sampling()) {
      std::vector<float> expected_logprobs;
      const std::vector<int32_t> expected =
          processor.generate(0, prompt, 8, sampling, &expected_logprobs);

      EXPECT_EQ(device.generate(0, prompt, 8, sampling), expected);
      std::vector<float> logprobs;
      EXPECT_EQ(device.generate(0, prompt, 8, sampling, &logprobs), expected);
      EXPECT_EQ(logprobs, expected_logprobs);
    }
  }
}

// Of each kind of output one, in more than one chunk: sampled by the device and by the host, with
// and without log-probabilities, under masks, scored, and two of one sequence of which the first
// counts for the second's penalties.
TEST_F(DeviceTest, OutputsOfEveryKindStandSideBySide) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 70);
  std::vector<StepOutput> outputs;
  for (const sb_engine_config& config :
       {engine_config(1, 2, 2), on_device(engine_config(1, 2, 2))}) {
    TestEngine engine(model, config);
    const std::vector<sb_sampling> samplings = every_sampling();
    for (int32_t row = 0; row < 7; ++row) {
      engine.begin(row, samplings.at(static_cast<size_t>(row) % samplings.size()), {5, 9, 5}, 1);
    }
    Piece scored{1, 0, tokens, tokens, 3};
    Piece penalised{2, 0, {tokens[0], tokens[1]}, {SB_TARGET_SAMPLE, SB_TARGET_SAMPLE}, 2};
    Piece listed{3, 0, {tokens[2]}, {SB_TARGET_SAMPLE}, 4};
    Piece masked{4, 0, {tokens[3]}, {SB_TARGET_SAMPLE}, 20, {2}};
    Piece last{5, 0, {tokens[4]}, {SB_TARGET_SAMPLE}, 0};
    Piece plain{6, 0, {tokens[5]}, {SB_TARGET_SAMPLE}, 0};
    plain.logprobs = false;
    allow(engine, 2, {3, 50, 77});

    outputs.push_back(engine.run({scored, penalised, listed, masked, last, plain}));
  }

  EXPECT_EQ(outputs[1].status, SB_OK);
  EXPECT_EQ(outputs[1].tokens, outputs[0].tokens);
  EXPECT_EQ(outputs[1].top_tokens, outputs[0].top_tokens);
  EXPECT_EQ(outputs[1].top_logprobs, outputs[0].top_logprobs);
  EXPECT_TRUE(ops::testing::same_bits(outputs[1].logprobs, outputs[0].logprobs));
  EXPECT_TRUE(std::isnan(outputs[1].logprobs.back()));
}

// The logits of a row are 388 bytes.
TEST_F(EmulatedDeviceTest, LogitsStayOnTheDeviceUnlessTheHostNeedsThem) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  TestEngine device(model, on_device(engine_config()));
  device.record(false);
  const auto copied = [&](const Piece& piece, const sb_sampling& sampling) {
    device.begin(0, sampling);
    settings().copied_out = 0;
    EXPECT_EQ(device.run({piece}).status, SB_OK);
    return settings().copied_out;
  };
  const sb_sampling penalised = every_sampling().at(2);
  Piece plain{0, 0, {1, 2, 3}, {SB_TARGET_SAMPLE}, 0};
  Piece two = plain;
  two.targets.push_back(SB_TARGET_SAMPLE);
  plain.logprobs = two.logprobs = false;

  EXPECT_EQ(copied(plain, penalised), 4U);
  EXPECT_EQ(copied({0, 0, {1, 2, 3}, {SB_TARGET_SAMPLE}, 20}, penalised), 4U + 176);
  EXPECT_EQ(copied({0, 0, {1, 2, 3}, {4, 5, 6}, 0}, penalised), 3U * 176);
  EXPECT_EQ(copied(two, penalised), 2U * 388);
}

TEST_F(EmulatedDeviceTest, ADrawThatIsSearchedForNeedsNoLogitsOnTheHost) {
  ModelSpec spec = spec_of(SB_ARCH_LLAMA);
  spec.n_layers = 1;
  spec.vocab = 4500;  // three parts, of each of which half is kept
  TestModel model(spec);
  model.quantise_matrices();
  sb_sampling sampling = greedy();
  sampling.temperature = 50;
  sampling.top_p = 0.999F;
  sampling.seed = 3;
  const std::vector<int32_t> prompt = some_tokens(spec, 5);
  for (const int32_t ranks : {1, 2}) {
    TestEngine processor(model, engine_config(1, ranks, 1));
    TestEngine device(model, on_device(engine_config(1, ranks, 1)));
    device.record(false);
    settings().copied_out = 0;

    EXPECT_EQ(device.generate(0, prompt, 3, sampling), processor.generate(0, prompt, 3, sampling));
    EXPECT_EQ(settings().copied_out, 3U * 4);
    std::vector<float> expected_logprobs;
    std::vector<float> actual_logprobs;
    EXPECT_EQ(device.generate(0, prompt, 3, sampling, &actual_logprobs),
              processor.generate(0, prompt, 3, sampling, &expected_logprobs));
    EXPECT_EQ(actual_logprobs, expected_logprobs);
  }
}

// Steps of some shapes: batches of one to three, block tables that grow, rows that begin anew.
std::vector<int32_t> decode_together(TestEngine& engine, const std::vector<int32_t>& prompt) {
  std::vector<int32_t> all;
  std::vector<Piece> pieces;
  for (int32_t row = 0; row < 3; ++row) {
    engine.begin(row, every_sampling().back());
    pieces.push_back({row, 0, prompt, {SB_TARGET_SAMPLE}, 0});
    pieces.back().tokens.resize(prompt.size() - static_cast<size_t>(row));
    pieces.back().logprobs = false;
  }
  for (int32_t step = 0; step < 24; ++step) {
    if (step == 8 || step == 16) pieces.pop_back();
    const StepOutput output = engine.run(pieces);
    for (size_t i = 0; i < pieces.size(); ++i) {
      pieces[i].position += static_cast<int32_t>(pieces[i].tokens.size());
      pieces[i].tokens.assign(1, output.tokens.at(i));
    }
    all.insert(all.end(), output.tokens.begin(), output.tokens.end());
  }
  return all;
}

TEST_F(EmulatedDeviceTest, DecodeStepsOfAShapeAreLaunchedOnceAndThenRepeated) {
  for (const ModelSpec& spec : {spec_of(SB_ARCH_LLAMA), gemma2()}) {
    for (const Layout& layout : kLayouts) {
      const int32_t stages = layout.stages;
      TestModel model(spec);
      model.quantise_matrices();
      const std::vector<int32_t> prompt = some_tokens(spec, 14);
      TestEngine processor(model, engine_config(stages, layout.ranks, 1));
      TestEngine device(model, on_device(engine_config(stages, layout.ranks, 1)));
      settings().recordings = settings().replays = 0;

      EXPECT_EQ(decode_together(device, prompt), decode_together(processor, prompt));

      // Of each stage five shapes: rows by blocks 3 x 1, 3 x 2, 2 x 2, 1 x 2 and 1 x 4.
      EXPECT_EQ(settings().recordings, 5 * stages);
      EXPECT_EQ(settings().replays, (23 - 5) * stages);
      EXPECT_EQ(decode_together(device, prompt), decode_together(processor, prompt));
      EXPECT_EQ(settings().recordings, 5 * stages);
    }
  }
}

// Sums of a lane's records.
int64_t busy_ns(const Lane& lane, sb_timeline_kind kind) {
  int64_t sum = 0;
  for (const sb_timeline_record& record : lane.records) {
    if (record.kind == kind) sum += record.busy_ns;
  }
  return sum;
}

// Most of what the host had no core for was taken from the time of kernels.
int64_t compute_ns(const Lane& lane) {
  return busy_ns(lane, SB_KIND_COMPUTE) + busy_ns(lane, SB_KIND_OFF_CPU);
}

// Of an emulated device nearly all time is that of its kernels.
TEST_F(EmulatedDeviceTest, ComputeTimeIsThatOfTheDevicesClockByTheHosts) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  settings().clock_ahead_ns = -3'600'000'000'000;
  for (const Layout& layout : kLayouts) {
    TestEngine engine(model, on_device(engine_config(layout.stages, layout.ranks, 1)));
    settings().replays = 0;
    StepOutput first;
    StepOutput last;
    for (int32_t position = 0; position < 8; ++position) {
      if (position == 0) engine.begin(0);
      last = engine.run({{0, position, {1}, {SB_TARGET_SAMPLE}, 0}});
      if (position == 0) first = last;
    }

    EXPECT_GT(settings().replays, 0);
    for (int32_t index = 0; index < layout.stages * layout.ranks; ++index) {
      const Lane lane = read_lane(engine, static_cast<uint32_t>(index));
      // Devices work side by side by their clocks, and take turns by the host's.
      EXPECT_GT(compute_ns(lane), busy_ns(lane, SB_KIND_COPY) / (layout.ranks == 1 ? 4 : 20));
      // A rank of which the first one has sampled brings nothing back.
      if (layout.stages > 1 || index == 0) {
        EXPECT_GT(busy_ns(lane, SB_KIND_COPY), 0);
      }
      for (const sb_timeline_record& record : lane.records) {
        EXPECT_GE(record.start_ns, first.submit_ns);
        EXPECT_LE(record.end_ns, last.end_ns);
      }
    }
  }
}

// The whole of a step is in the kinds, and in none of them twice; what passed for others is beside.
void expect_all_time_told(const Lane& lane, uint64_t step) {
  int64_t begin = std::numeric_limits<int64_t>::max();
  int64_t end = 0;
  int64_t sum = 0;
  for (const sb_timeline_record& record : lane.records) {
    const bool beside = record.kind == SB_KIND_LATE || record.kind == SB_KIND_LATE_OFF_CPU;
    if (record.step != step || beside) continue;
    sum += record.busy_ns;
    if (record.kind == SB_KIND_OFF_CPU) continue;
    begin = std::min(begin, record.start_ns);
    end = std::max(end, record.end_ns);
  }
  EXPECT_EQ(sum, end - begin);
}

// As after the host's thread lost its core between asking and waiting: the device's clock is known
// to within 50 ms only.
TEST_F(EmulatedDeviceTest, WhatADoubtfulClockSaysOfMeetingsStaysWithinTheStep) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  settings().devices = 2;
  settings().late_device = 1;
  TestEngine engine(model, on_device(engine_config(1, 2, 1)));
  engine.begin(0);
  int64_t longest_ns = 0;
  // On a busy machine the other rank may be later still, now and then.
  for (int32_t position = 0; position < 8 && longest_ns < 5'000'000; ++position) {
    const StepOutput step = engine.run({{0, position, {1}, {SB_TARGET_SAMPLE}, 0}});
    const Lane lane = read_lane(engine, 1);
    const auto* late = find(lane, static_cast<uint64_t>(position) + 1, SB_KIND_LATE);
    if (late == nullptr) continue;
    EXPECT_GE(late->start_ns, step.submit_ns);
    EXPECT_LE(late->end_ns, step.end_ns);
    longest_ns = std::max(longest_ns, late->longest_ns);
  }
  EXPECT_GE(longest_ns, 5'000'000);
}

TEST_F(EmulatedDeviceTest, MeetingsOfDevicesAreTimedByTheirClocksAndChargedToTheLast) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  settings().devices = 2;
  settings().clock_ahead_ns = 5'000'000'000;
  for (const int32_t slow : {0, 1}) {
    settings().slow_device = slow;
    TestEngine engine(model, on_device(engine_config(1, 2, 1)));
    engine.begin(0);
    for (int32_t position = 0; position < 4; ++position) {
      EXPECT_EQ(engine.run({{0, position, {1}, {SB_TARGET_SAMPLE}, 0}}).status, SB_OK);
    }

    uint32_t times_late = 0;
    int64_t late_ns = 0;
    int64_t waited_ns = 0;
    for (uint64_t step = 1; step <= 4; ++step) {
      for (uint32_t index = 0; index < 2; ++index) {
        const Lane lane = read_lane(engine, index);
        expect_all_time_told(lane, step);
        const sb_timeline_record* wait = find(lane, step, SB_KIND_ALLREDUCE_WAIT);
        ASSERT_NE(wait, nullptr);
        // Two layers' meetings, the end of the last device, and the one behind the token.
        EXPECT_EQ(wait->count, 2U * 2 + 1 + 1);
        EXPECT_EQ(wait->bytes, 4U * 64 * sizeof(float));
        if (static_cast<int32_t>(index) != slow) {
          waited_ns += wait->busy_ns;
          continue;
        }
        const sb_timeline_record* late = find(lane, step, SB_KIND_LATE);
        if (late == nullptr) continue;
        times_late += late->count;
        late_ns += late->busy_ns;
      }
    }
    // Each meeting is behind at least five kernels of the slow one; a busy machine may make the
    // other one the last, now and then.
    constexpr int64_t kMeetings = 4 * 4;
    EXPECT_GE(times_late, kMeetings / 2);
    EXPECT_GT(late_ns, kMeetings / 2 * 5 * 200'000);
    EXPECT_GT(waited_ns, kMeetings / 2 * 5 * 200'000);
  }
}

// A step of a shape that is recorded while nobody measures is measured later.
TEST_F(EmulatedDeviceTest, StampsAreMadeForStepsThatAreMeasuredAndInWhatOthersRepeat) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  TestEngine engine(model, on_device(engine_config()));
  engine.begin(0);
  const auto copied = [&](int32_t position, bool recorded) {
    engine.record(recorded);
    settings().copied_out = 0;
    Piece piece{0, position, {1}, {SB_TARGET_SAMPLE}, 0};
    piece.logprobs = false;
    EXPECT_EQ(engine.run({piece}).status, SB_OK);
    return settings().copied_out;
  };

  EXPECT_EQ(copied(0, false), 4U);
  EXPECT_EQ(copied(1, false), 4U);
  EXPECT_EQ(copied(2, true), 4U + 24);

  EXPECT_EQ(settings().replays, 2);
  const Lane lane = read_lane(engine, 0);
  EXPECT_GT(compute_ns(lane), 0);
  EXPECT_GT(busy_ns(lane, SB_KIND_COPY), 0);
}

// Steps that nobody measures are not stamped, but the recording of one is.
TEST_F(EmulatedDeviceTest, NoKernelIsLoadedWhileAStreamRecords) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  settings().devices = 2;
  for (const int32_t ranks : {1, 2}) {
    TestEngine engine(model, on_device(engine_config(1, ranks, 1)));
    engine.record(false);
    engine.begin(0);
    for (int32_t position = 0; position < 3; ++position) {
      Piece piece{0, position, {1}, {SB_TARGET_SAMPLE}, 0};
      EXPECT_EQ(engine.run({piece}).status, SB_OK);
    }

    EXPECT_EQ(settings().recordings, ranks);
    EXPECT_EQ(settings().recorded_first, 0);
  }
}

// Of each rank the stamps of the step's ends, and of coming to four meetings and leaving them.
TEST_F(EmulatedDeviceTest, MeetingsAreStampedInMeasuredStepsOnlyWhateverWasRecordedBefore) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  settings().devices = 2;
  TestEngine engine(model, on_device(engine_config(1, 2, 1)));
  engine.begin(0);
  int32_t position = 0;
  for (const bool recorded : {false, false, false, true, true, true, false}) {
    engine.record(recorded);
    settings().copied_out = 0;
    Piece piece{0, position++, {1}, {SB_TARGET_SAMPLE}, 0};
    piece.logprobs = false;
    EXPECT_EQ(engine.run({piece}).status, SB_OK);
    EXPECT_EQ(settings().copied_out, 4U + (recorded ? 2U * (3 + 2 * 4) * 8 : 0));
  }
  for (uint32_t index = 0; index < 2; ++index) {
    const Lane lane = read_lane(engine, index);
    for (const uint64_t step : {4U, 5U, 6U}) {
      const sb_timeline_record* wait = find(lane, step, SB_KIND_ALLREDUCE_WAIT);
      ASSERT_NE(wait, nullptr);
      EXPECT_EQ(wait->count, 2U * 2 + 1 + 1);
      expect_all_time_told(lane, step);
    }
  }
  EXPECT_EQ(settings().replays, 2 + 2 + 1);
}

TEST_F(EmulatedDeviceTest, WhatCannotBeRecordedFailsItsStepOnly) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  for (const int32_t ranks : {1, 2}) {
    settings().record_error = 0;
    TestEngine processor(model, engine_config(1, ranks, 1));
    TestEngine device(model, on_device(engine_config(1, ranks, 1)));
    const std::vector<int32_t> prompt = some_tokens(model.spec(), 5);
    device.begin(0);
    EXPECT_EQ(device.run({{0, 0, prompt, {SB_TARGET_SAMPLE}, 0}}).status, SB_OK);
    EXPECT_EQ(device.run({{0, 5, {1}, {SB_TARGET_SAMPLE}, 0}}).status, SB_OK);

    settings().record_error = cuda::kErrorMemory;
    const StepOutput failed = device.run({{0, 6, {1}, {SB_TARGET_SAMPLE}, 0}});

    EXPECT_EQ(failed.status, SB_OUT_OF_MEMORY);
    EXPECT_EQ(device.generate(0, prompt, 6), processor.generate(0, prompt, 6));
    EXPECT_EQ(settings().replays, 0);
  }
}

// A prompt on the processor, then on the device what it knows, and back.
TEST_F(DeviceTest, AStreamMayMoveBetweenDeviceAndProcessor) {
  TestModel model(spec_of(SB_ARCH_QWEN2));
  model.quantise_matrices();
  TestEngine processor(model, engine_config());
  TestEngine device(model, on_device(engine_config()));
  const std::vector<int32_t> prompt = some_tokens(model.spec(), 9);
  const std::vector<int32_t> expected = processor.generate(0, prompt, 12);

  std::vector<int32_t> known = prompt;
  for (TestEngine* engine : {&processor, &device, &processor, &device}) {
    const std::vector<int32_t> more = engine->generate(1, known, 3);
    known.insert(known.end(), more.begin(), more.end());
  }

  EXPECT_EQ(std::vector<int32_t>(known.begin() + 9, known.end()), expected);
}

// Of BF16 weights by what the name says, where a chunk is of one token and where it is of all.
void expect_one_chunk_or_many(const char* name, float tolerance) {
  TestModel model(wide_model());
  const auto matrices =
      give_matrices(model, SB_TYPE_BF16, [](const sb_tensor& tensor, uint32_t number) {
        return ops::testing::random_matrix(ops::WeightType::kBF16, tensor.rows, tensor.cols,
                                           number);
      });
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 4);
  TestEngine device(model, on_device(engine_config()));
  const std::vector<float> by_mma = device.score(0, tokens, 64);
  setenv(cuda::kBrainVariable, name, 1);
  const std::vector<float> whole = device.score(0, tokens, 64);

  EXPECT_NE(whole, by_mma);  // it did multiply
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(whole[i], by_mma[i], tolerance) << i;
  EXPECT_EQ(device.score(0, tokens, 1), whole);
}

TEST_F(HopperDeviceTest, AChunkChangesNoBitByWgmma) { expect_one_chunk_or_many("wgmma", 1e-2f); }

// Logits of up to some 50, of activations rounded by 2^-9 before each matrix.
TEST_F(DeviceTest, AChunkChangesNoBitByRoundedMma) {
  expect_one_chunk_or_many("mma-rounded", 1.0f);
}

TEST_F(EmulatedDeviceTest, AKernelOfNoNameIsRefusedWithTheNamesThereAre) {
  setenv(cuda::kBrainVariable, "fast", 1);

  const std::string text = refusal(SB_UNSUPPORTED);

  EXPECT_NE(
      text.find("SWITCHBOARD_CUDA_BF16 is fast, not mma, mma-rounded, wgmma or wgmma-rounded"),
      std::string::npos)
      << text;
}

TEST_F(EmulatedDeviceTest, AnOverlapThatIsNeitherOnNorOffIsRefused) {
  setenv(cuda::kOverlapVariable, "no", 1);
  const std::string text = refusal(SB_UNSUPPORTED);
  unsetenv(cuda::kOverlapVariable);

  EXPECT_NE(text.find("SWITCHBOARD_CUDA_OVERLAP is no, not on or off"), std::string::npos) << text;
}

TEST_F(EmulatedDeviceTest, MemoryThatTheDeviceHasNotIsRefusedWithWhatItHas) {
  settings().bytes = 100'000;

  const std::string text = refusal(SB_OUT_OF_MEMORY);

  EXPECT_NE(text.find("cuda: device 0 (emulated): "), std::string::npos) << text;
  EXPECT_NE(text.find(" bytes for 1 lanes are more than the 100000 free of 100000"),
            std::string::npos)
      << text;
}

sb_memory planned(const sb_model_config& model, const sb_engine_config& config) {
  sb_memory memory{};
  memory.struct_size = sizeof(memory);
  EXPECT_EQ(sb_engine_plan_memory(&model, &config, &memory), SB_OK) << sb_last_error();
  return memory;
}

TEST_F(EmulatedDeviceTest, ThePlanTellsWhatTheFullestDeviceHoldsAndWhatItHas) {
  const TestModel model(ModelSpec{});
  const sb_model_config description = model.config();
  settings().devices = 2;
  settings().bytes = 50'000'000;

  const sb_memory processor = planned(description, engine_config(1, 2, 1));
  const sb_memory apart = planned(description, on_device(engine_config(1, 2, 1)));
  settings().devices = 1;
  const sb_memory together = planned(description, on_device(engine_config(1, 2, 1)));

  EXPECT_EQ(processor.device_bytes + processor.tightest_device_bytes, 0U);
  EXPECT_EQ(apart.tightest_device_free_bytes, 50'000'000U);
  EXPECT_LT(apart.tightest_device_bytes, apart.device_bytes);
  EXPECT_EQ(together.tightest_device_bytes, together.device_bytes);
  EXPECT_LT(together.device_bytes,
            together.weight_bytes + together.kv_bytes + together.scratch_bytes);
  EXPECT_EQ(settings().taken, 0U);
}

TEST_F(EmulatedDeviceTest, AllWeightsLieOnDevicesAndOnceUnlessTheyCannotReadOneAnother) {
  ModelSpec spec = spec_of(SB_ARCH_LLAMA);
  spec.tied = true;
  const TestModel model(spec);
  const sb_model_config description = model.config();
  const uint64_t table = uint64_t{112} * 64 * 4;  // of 97 rows, in groups of 16
  settings().devices = 2;
  const auto weights = [&](const sb_engine_config& config) {
    return planned(description, config).weight_bytes;
  };

  // One rank shares the rows of its output layer, and two have half of them each.
  EXPECT_EQ(weights(on_device(engine_config(1, 1, 1))), weights(engine_config(1, 1, 1)));
  const uint64_t linked = weights(on_device(engine_config(1, 2, 1)));
  // The last of two stages has the output layer, the first the embedding.
  EXPECT_GE(weights(on_device(engine_config(2, 1, 1))), weights(engine_config(2, 1, 1)) + table);
  settings().linked = false;
  EXPECT_GE(weights(on_device(engine_config(1, 2, 1))), linked + 2 * table);
}

TEST_F(EmulatedDeviceTest, WeightsAreFetchedFromPinnedMemoryAndProgressIsToldMeanwhile) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  const sb_model_config description = model.config();
  sb_engine_config config = on_device(engine_config());
  for (const bool pins : {true, false}) {
    sb_progress progress{};
    settings() = {};
    settings().pins = pins;
    settings().watched = &progress.done_bytes;
    sb_engine* engine = nullptr;

    ASSERT_EQ(sb_engine_create(&description, &config, &progress, &engine), SB_OK);

    EXPECT_EQ(progress.done_bytes, progress.total_bytes);
    EXPECT_GT(settings().watched_values, 4U);
    EXPECT_GT(settings().uploaded, progress.total_bytes / 2);
    if (pins) {
      EXPECT_GT(settings().uploaded_pinned, settings().uploaded / 2);
    } else {
      EXPECT_EQ(settings().uploaded_pinned, 0U);
    }
    sb_engine_destroy(engine);
    EXPECT_EQ(settings().pinned, 0U);
    settings().watched = nullptr;
  }
}

TEST_F(EmulatedDeviceTest, EveryReasonWhyThereIsNoDeviceHasAName) {
  const std::pair<cuda::Outcome, const char*> reasons[] = {
      {cuda::Outcome::kNoDriver, "cuda: no_driver: "},
      {cuda::Outcome::kDriverTooOld, "cuda: driver_too_old: "},
      {cuda::Outcome::kNoDevice, "cuda: no_device: "},
      {cuda::Outcome::kHidden, "cuda: devices_hidden: "},
      {cuda::Outcome::kDriverFailed, "cuda: driver_failed: "},
      {cuda::Outcome::kDriverMismatch, "cuda: driver_mismatch: "},
      {cuda::Outcome::kSystemNotReady, "cuda: system_not_ready: "},
      {cuda::Outcome::kUnknown, "cuda: device_error: "}};
  for (const auto& [outcome, name] : reasons) {
    settings().probe = outcome;
    EXPECT_NE(refusal(SB_UNSUPPORTED).find(name), std::string::npos) << sb_last_error();
  }
  settings().probe = cuda::Outcome::kReady;
  settings().open = cuda::Outcome::kBusy;
  EXPECT_NE(refusal(SB_UNSUPPORTED).find("cuda: device 0: device_busy: "), std::string::npos);
  settings().open = cuda::Outcome::kEccError;
  EXPECT_NE(refusal(SB_UNSUPPORTED).find("cuda: device 0: ecc_errors: "), std::string::npos);
  settings().open = cuda::Outcome::kDeviceTooOld;
  EXPECT_NE(refusal(SB_UNSUPPORTED).find("cuda: device 0: device_too_old: "), std::string::npos);
  settings().open = cuda::Outcome::kNoCode;
  EXPECT_NE(refusal(SB_UNSUPPORTED).find("cuda: device 0: no_code: "), std::string::npos);
  setenv(kVariable, "/nowhere/libswitchboard_cuda.so", 1);
  EXPECT_NE(refusal(SB_UNSUPPORTED).find("cuda: no_library: /nowhere/"), std::string::npos);
}

TEST_F(EmulatedDeviceTest, ADevicesFaultLosesTheEngineAndSaysWhere) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  TestEngine device(model, on_device(engine_config(2, 1, 1)));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 5);
  device.begin(0);
  const StepOutput well = device.run({{0, 0, tokens, {SB_TARGET_SAMPLE}, 0}});
  EXPECT_EQ(well.status, SB_OK);

  settings().waits_left = 1;  // the first stage's wait succeeds
  device.submit({{0, 5, {well.tokens.at(0)}, {SB_TARGET_SAMPLE}, 0}});
  StepOutput lost;
  EXPECT_EQ(device.try_await(lost), SB_DEVICE_LOST);

  EXPECT_EQ(lost.status, SB_DEVICE_LOST);
  EXPECT_EQ(lost.failed_stage, 1);
  EXPECT_EQ(lost.failed_rank, 0);
  EXPECT_NE(std::string(sb_last_error()).find("the device of stage 1 rank 0 failed"),
            std::string::npos);
  EXPECT_EQ(device.try_submit({{0, 6, {1}, {SB_TARGET_SAMPLE}, 0}}), SB_DEVICE_LOST);
}

TEST_F(EmulatedDeviceTest, MemoryThatRunsOutInAStepFailsThatStepOnly) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  TestEngine device(model, on_device(engine_config(1, 2, 1)));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 5);
  device.begin(0);

  settings().fault = cuda::kErrorMemory;
  settings().waits_left = 0;
  const StepOutput failed = device.run({{0, 0, tokens, {SB_TARGET_SAMPLE}, 0}});
  const StepOutput next = device.run({{0, 0, tokens, {SB_TARGET_SAMPLE}, 0}});

  EXPECT_EQ(failed.status, SB_OUT_OF_MEMORY);
  EXPECT_EQ(next.status, SB_OK);
}

// The second of two ranks, in a step that is repeated.
TEST_F(EmulatedDeviceTest, OfRanksThatMeetTheOneWhoseDeviceFailsIsNamed) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  settings().devices = 2;
  TestEngine processor(model, engine_config(1, 2, 1));
  TestEngine device(model, on_device(engine_config(1, 2, 1)));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 5);
  EXPECT_EQ(device.generate(0, tokens, 4), processor.generate(0, tokens, 4));
  settings().fault_device = 1;
  settings().fault = cuda::kErrorMemory;
  settings().waits_left = 0;

  const StepOutput failed = device.run({{0, 8, {1}, {SB_TARGET_SAMPLE}, 0}});

  EXPECT_EQ(failed.status, SB_OUT_OF_MEMORY);
  EXPECT_EQ(failed.failed_rank, 1);
  EXPECT_EQ(device.generate(0, tokens, 4), processor.generate(0, tokens, 4));
  settings().fault = cuda::emulated::kErrorFault;
  settings().waits_left = 0;
  device.submit({{0, 8, {1}, {SB_TARGET_SAMPLE}, 0}});
  StepOutput lost;
  EXPECT_EQ(device.try_await(lost), SB_DEVICE_LOST);
  EXPECT_EQ(lost.status, SB_DEVICE_LOST);
  EXPECT_EQ(lost.failed_rank, 1);
}

// In the step that would be recorded: what is recorded later is whole.
TEST_F(EmulatedDeviceTest, ARankThatCannotBeginAStepIsLeftOutOfNoRecording) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  settings().devices = 2;
  TestEngine processor(model, engine_config(1, 2, 1));
  TestEngine device(model, on_device(engine_config(1, 2, 1)));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 5);
  device.begin(0);
  EXPECT_EQ(device.run({{0, 0, tokens, {SB_TARGET_SAMPLE}, 0}}).status, SB_OK);
  EXPECT_EQ(device.run({{0, 5, {1}, {SB_TARGET_SAMPLE}, 0}}).status, SB_OK);
  settings().fault_device = 1;
  settings().copy_fails = true;

  const StepOutput failed = device.run({{0, 6, {1}, {SB_TARGET_SAMPLE}, 0}});

  EXPECT_EQ(failed.status, SB_OUT_OF_MEMORY);
  EXPECT_EQ(failed.failed_rank, 1);
  EXPECT_EQ(settings().recordings, 0);
  EXPECT_EQ(device.generate(0, tokens, 6), processor.generate(0, tokens, 6));
  EXPECT_EQ(settings().recordings, 1);
}

// What is left of it does not reach the steps behind.
TEST_F(EmulatedDeviceTest, ARankThatHangsIsFoundAndOneThatFailsDisturbsNoLaterStep) {
  TestModel model(spec_of(SB_ARCH_LLAMA));
  model.quantise_matrices();
  sb_engine_config config = on_device(engine_config(1, 2, 1));
  config.allow_fault_injection = 1;
  config.hang_timeout_ms = 20'000;
  TestEngine processor(model, engine_config(1, 2, 1));
  const std::vector<int32_t> tokens = some_tokens(model.spec(), 5);
  {
    TestEngine device(model, config);
    EXPECT_EQ(device.generate(0, tokens, 4), processor.generate(0, tokens, 4));
    const sb_fault fail{sizeof(sb_fault), SB_FAULT_FAIL, 0, 1, 0, 1, 0};
    ASSERT_EQ(sb_inject(device.handle(), &fail), SB_OK);
    const StepOutput failed = device.run({{0, 8, {1}, {SB_TARGET_SAMPLE}, 0}});
    EXPECT_EQ(failed.status, SB_STEP_FAILED);
    EXPECT_EQ(failed.failed_rank, 1);
    EXPECT_EQ(device.generate(0, tokens, 4), processor.generate(0, tokens, 4));
  }
  config.hang_timeout_ms = 200;
  TestEngine device(model, config);
  device.begin(0);
  const sb_fault hang{sizeof(sb_fault), SB_FAULT_HANG, 0, 1, 0, 0, 0};
  ASSERT_EQ(sb_inject(device.handle(), &hang), SB_OK);
  device.submit({{0, 0, tokens, {SB_TARGET_SAMPLE}, 0}});

  StepOutput hung;
  EXPECT_EQ(device.try_await(hung), SB_HUNG);
  EXPECT_EQ(hung.failed_rank, 1);
}

}  // namespace
}  // namespace sb::testing
