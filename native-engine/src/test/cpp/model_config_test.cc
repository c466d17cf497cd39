// What create refuses, and how it says so.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>

#include "engine_testing.h"
#include "model/config.h"
#include "model/partition.h"

namespace sb::testing {
namespace {

struct Refusal {
  const char* name;
  std::function<void(TestModel&, sb_model_config&, sb_engine_config&)> spoil;
  int32_t status;
  const char* text;
};

// The most memory the process has had at a time since begin_peak.
uint64_t peak_bytes() {
  uint64_t kib = 0;
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    if (name == "VmHWM:") status >> kib;
  }
  return kib * 1024;
}

uint64_t begin_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
  return peak_bytes();
}

// A pool so large that taking it, or anything as large as it, shows.
constexpr int32_t kShownBlocks = 1 << 15;
constexpr uint64_t kShownBytes = uint64_t{kShownBlocks} * 16 * 512;

class Create : public ::testing::TestWithParam<Refusal> {};

TEST_P(Create, RefusesAndNamesTheField) {
  TestModel model(ModelSpec{});
  sb_model_config description = model.config();
  sb_engine_config config = engine_config();
  config.kv_blocks = kShownBlocks;
  GetParam().spoil(model, description, config);
  sb_memory memory{};
  memory.struct_size = sizeof(memory);
  sb_engine* engine = nullptr;
  const uint64_t before = begin_peak();

  const int32_t planned = sb_engine_plan_memory(&description, &config, &memory);
  const std::string planned_text = sb_last_error();
  const int32_t created = sb_engine_create(&description, &config, nullptr, &engine);

  EXPECT_EQ(planned, GetParam().status) << planned_text;
  EXPECT_NE(planned_text.find(GetParam().text), std::string::npos) << planned_text;
  EXPECT_EQ(created, GetParam().status);
  EXPECT_NE(std::string(sb_last_error()).find(GetParam().text), std::string::npos);
  EXPECT_EQ(engine, nullptr);
  EXPECT_LT(peak_bytes(), before + kShownBytes / 4) << "memory was taken before the refusal";
}

TEST(CreateRanks, ThatAreNeitherAPartNorAMultipleOfTheKvHeadsAreRefused) {
  ModelSpec spec;
  spec.n_heads = 12;
  spec.n_kv_heads = 4;
  const TestModel model(spec);
  const sb_model_config description = model.config();
  sb_memory memory{};
  memory.struct_size = sizeof(memory);

  const sb_engine_config six = engine_config(1, 6, 1);
  EXPECT_EQ(sb_engine_plan_memory(&description, &six, &memory), SB_INVALID_ARGUMENT);
  EXPECT_NE(
      std::string(sb_last_error()).find("ranks: 6 neither divides n_kv_heads 4 nor is a multiple"),
      std::string::npos)
      << sb_last_error();
}

// Keys and values that several ranks hold count once for each.
TEST(CreateRanks, AboveTheKvHeadsTakeTheMemoryOfTheirCopies) {
  ModelSpec spec;
  spec.n_kv_heads = 1;
  const TestModel model(spec);
  const sb_model_config description = model.config();
  sb_memory memory{};
  memory.struct_size = sizeof(memory);
  uint64_t one = 0;
  for (const int32_t ranks : {1, 2, 4}) {
    const sb_engine_config config = engine_config(1, ranks, 1);
    ASSERT_EQ(sb_engine_plan_memory(&description, &config, &memory), SB_OK) << sb_last_error();
    if (ranks == 1) one = memory.kv_bytes;
    EXPECT_GE(memory.kv_bytes, one * static_cast<uint64_t>(ranks));
  }
}

TEST(CreateMemory, WhatIsTakenShows) {
  const TestModel model(ModelSpec{});
  sb_engine_config config = engine_config();
  config.kv_blocks = kShownBlocks;
  const uint64_t before = begin_peak();

  const TestEngine engine(model, config);

  EXPECT_GT(peak_bytes(), before + kShownBytes / 2);
}

// Wide heads, so that the pool is most of what the process has.
TEST(KvPoolTest, NeverGrowsHoweverMuchOfItIsUsed) {
  ModelSpec spec;
  spec.head_dim = 256;
  spec.n_kv_heads = 4;
  const TestModel model(spec);
  sb_engine_config config = engine_config();
  config.kv_type = SB_TYPE_F32;
  config.kv_blocks = config.max_rows * spec.context / config.kv_block_tokens;
  const auto pool = uint64_t{2 * sizeof(float)} *
                    static_cast<uint64_t>(spec.n_layers * spec.n_kv_heads * spec.head_dim *
                                          config.max_rows * spec.context);
  const auto whole = static_cast<size_t>(spec.context);
  const uint64_t before = begin_peak();

  TestEngine engine(model, config);
  const uint64_t started = begin_peak();
  for (int32_t row = 0; row < config.max_rows; ++row) {
    EXPECT_EQ(engine.score(row, some_tokens(spec, whole + 1), 128).size(), whole);
  }

  EXPECT_GT(started, before + pool / 16 * 15);
  // A pool taken as it is filled would add all of it; the sanitizers keep some of what is freed.
  EXPECT_LT(peak_bytes(), started + pool / 4);
}

using Model = TestModel&;
using Description = sb_model_config&;
using Config = sb_engine_config&;

const Refusal kRefusals[] = {
    {"ModelSize", [](Model, Description d, Config) { d.struct_size = 8; }, SB_INVALID_ARGUMENT,
     "model.struct_size"},
    {"ConfigSize", [](Model, Description, Config c) { c.struct_size = 8; }, SB_INVALID_ARGUMENT,
     "config.struct_size"},
    {"Arch", [](Model, Description d, Config) { d.arch = 9; }, SB_UNSUPPORTED, "model: arch"},
    {"Layers", [](Model, Description d, Config) { d.n_layers = 0; }, SB_INVALID_ARGUMENT,
     "model: n_layers: 0"},
    {"HugeDim", [](Model, Description d, Config) { d.dim = INT32_MAX; }, SB_INVALID_ARGUMENT,
     "model: dim: 2147483647"},
    {"HeadGroups", [](Model, Description d, Config) { d.n_kv_heads = 3; }, SB_INVALID_ARGUMENT,
     "n_heads: 4 is not a multiple of n_kv_heads 3"},
    {"RopeDim", [](Model, Description d, Config) { d.rope_dim = 15; }, SB_INVALID_ARGUMENT,
     "rope_dim: 15 is odd"},
    {"RopeWide", [](Model, Description d, Config) { d.rope_dim = 18; }, SB_INVALID_ARGUMENT,
     "rope_dim: 18"},
    {"RopeKind", [](Model, Description d, Config) { d.rope_kind = 2; }, SB_INVALID_ARGUMENT,
     "rope_kind: 2"},
    {"RopeBase", [](Model, Description d, Config) { d.rope_base = NAN; }, SB_INVALID_ARGUMENT,
     "rope_base"},
    {"RopeScale", [](Model, Description d, Config) { d.rope_scale = 0; }, SB_INVALID_ARGUMENT,
     "rope_scale"},
    {"Epsilon", [](Model, Description d, Config) { d.norm_epsilon = -1; }, SB_INVALID_ARGUMENT,
     "norm_epsilon"},
    {"EmbeddingScale", [](Model, Description d, Config) { d.embedding_scale = 0; },
     SB_INVALID_ARGUMENT, "embedding_scale"},
    {"AttentionScale", [](Model, Description d, Config) { d.attention_scale = NAN; },
     SB_INVALID_ARGUMENT, "attention_scale"},
    {"AttentionCap", [](Model, Description d, Config) { d.attention_softcap = NAN; },
     SB_INVALID_ARGUMENT, "attention_softcap"},
    {"LogitCap", [](Model, Description d, Config) { d.logit_softcap = -1; }, SB_INVALID_ARGUMENT,
     "logit_softcap"},
    {"Magnitude", [](Model, Description d, Config) { d.rope_magnitude = 0; }, SB_INVALID_ARGUMENT,
     "rope_magnitude"},
    {"WindowBase", [](Model, Description d, Config) { d.rope_window_base = -1; },
     SB_INVALID_ARGUMENT, "rope_window_base"},
    {"YarnContext", [](Model, Description d, Config) { d.rope_yarn_fast = 32; },
     SB_INVALID_ARGUMENT, "rope_original_context: 0 is not in 1"},
    {"Window",
     [](Model, Description d, Config) {
       static const int32_t windows[] = {0, 8, -1, 8};
       d.windows = windows;
     },
     SB_INVALID_ARGUMENT, "windows[2]: -1 is negative"},
    {"Pooling", [](Model, Description d, Config) { d.pooling = SB_POOL_RANK; }, SB_INVALID_ARGUMENT,
     "pooling: 4 is not in 0 .. 3"},
    {"NoTensors", [](Model, Description d, Config) { d.tensors = nullptr; }, SB_INVALID_ARGUMENT,
     "model.tensors"},
    {"TensorSize", [](Model m, Description, Config) { m.tensors()[3].struct_size = 0; },
     SB_INVALID_ARGUMENT, "model.tensors[3]: tensor.struct_size"},
    {"Role", [](Model m, Description, Config) { m.tensors()[1].role = 9; }, SB_INVALID_ARGUMENT,
     "tensors[1].role: 9"},
    {"HugeRole", [](Model m, Description, Config) { m.tensors()[1].role = 1000; },
     SB_INVALID_ARGUMENT, "tensors[1].role: 1000"},
    {"Layer", [](Model m, Description, Config) { m.tensor(SB_ATTN_Q, 2).layer = 4; },
     SB_INVALID_ARGUMENT, "layer: 4 is not in 0 .. 3 for attn_q"},
    {"GlobalLayer", [](Model m, Description, Config) { m.tensor(SB_OUTPUT).layer = 0; },
     SB_INVALID_ARGUMENT, "layer: 0 is not in -1 .. -1 for output"},
    {"Twice", [](Model m, Description, Config) { m.tensor(SB_ATTN_Q, 2).layer = 1; },
     SB_INVALID_ARGUMENT, "tensor blk.1.attn_q: given twice"},
    {"Missing",
     [](Model m, Description d, Config) {
       m.tensors().pop_back();
       d = m.config();
     },
     SB_INVALID_ARGUMENT, "tensor blk.3.ffn_down: missing"},
    {"Foreign",
     [](Model m, Description, Config) { m.tensor(SB_ATTN_NORM, 1).role = SB_ATTN_Q_NORM; },
     SB_UNSUPPORTED, "tensor blk.1.attn_q_norm: this architecture"},
    {"Rows", [](Model m, Description, Config) { m.tensor(SB_ATTN_K, 0).rows = 33; },
     SB_INVALID_ARGUMENT, "tensor blk.0.attn_k: is 33 x 64, the model needs 32 x 64"},
    {"Bytes", [](Model m, Description, Config) { m.tensor(SB_FFN_UP, 0).bytes -= 1; },
     SB_INVALID_ARGUMENT, "tensor blk.0.ffn_up: has 32767 bytes"},
    {"Type", [](Model m, Description, Config) { m.tensor(SB_FFN_UP, 0).type = 9; }, SB_UNSUPPORTED,
     "tensor blk.0.ffn_up: type 9"},
    {"NormType", [](Model m, Description, Config) { m.tensor(SB_FFN_NORM, 0).type = SB_TYPE_Q8_0; },
     SB_UNSUPPORTED, "tensor blk.0.ffn_norm: type 8"},
    {"Block", [](Model m, Description, Config) { m.tensor(SB_FFN_UP, 0).type = SB_TYPE_Q4_K; },
     SB_INVALID_ARGUMENT, "tensor blk.0.ffn_up: 64 columns are not a multiple"},
    {"NullData", [](Model m, Description, Config) { m.tensor(SB_FFN_UP, 0).data = nullptr; },
     SB_INVALID_ARGUMENT, "tensor blk.0.ffn_up: data is null"},
    {"Alignment",
     [](Model m, Description, Config) {
       sb_tensor& tensor = m.tensor(SB_FFN_UP, 0);
       tensor.data = static_cast<const char*>(tensor.data) + 2;
     },
     SB_INVALID_ARGUMENT, "tensor blk.0.ffn_up: data is not aligned"},
    {"Stages", [](Model, Description, Config c) { c.stages = 5; }, SB_INVALID_ARGUMENT,
     "stages: 5 are more than the 4 layers"},
    {"Ranks", [](Model, Description, Config c) { c.ranks = 3; }, SB_INVALID_ARGUMENT,
     "ranks: 3 does not divide n_heads 4"},
    {"Threads", [](Model, Description, Config c) { c.threads = 0; }, SB_INVALID_ARGUMENT,
     "config: threads: 0"},
    {"Isa", [](Model, Description, Config c) { c.isa = 5; }, SB_INVALID_ARGUMENT, "isa: 5"},
    {"KvType", [](Model, Description, Config c) { c.kv_type = SB_TYPE_Q4_0; }, SB_INVALID_ARGUMENT,
     "kv_type: 2"},
    {"BlockTokens", [](Model, Description, Config c) { c.kv_block_tokens = 8; },
     SB_INVALID_ARGUMENT, "kv_block_tokens: 8"},
    {"Blocks", [](Model, Description, Config c) { c.kv_blocks = 0; }, SB_INVALID_ARGUMENT,
     "kv_blocks: 0"},
    {"Rows", [](Model, Description, Config c) { c.max_rows = -1; }, SB_INVALID_ARGUMENT,
     "max_rows: -1"},
    {"HugeRows", [](Model, Description, Config c) { c.max_rows = 1 << 23; }, SB_INVALID_ARGUMENT,
     "max_rows: 8388608"},
    {"InFlight", [](Model, Description, Config c) { c.max_in_flight = 33; }, SB_INVALID_ARGUMENT,
     "max_in_flight: 33"},
    {"Records", [](Model, Description, Config c) { c.timeline_records = 100; }, SB_INVALID_ARGUMENT,
     "timeline_records: 100"},
    {"OneRecord", [](Model, Description, Config c) { c.timeline_records = 1; }, SB_INVALID_ARGUMENT,
     "timeline_records: 1"},
};

INSTANTIATE_TEST_SUITE_P(Refusals, Create, ::testing::ValuesIn(kRefusals), [](const auto& refusal) {
  return std::string(refusal.param.name) + std::to_string(refusal.index);
});

TEST(CreateMemory, PlansWhatItTakes) {
  const TestModel model(ModelSpec{});
  const sb_model_config description = model.config();
  const sb_engine_config config = engine_config(2, 2, 1);
  sb_memory planned{};
  planned.struct_size = sizeof(planned);
  sb_memory taken = planned;

  ASSERT_EQ(sb_engine_plan_memory(&description, &config, &planned), SB_OK) << sb_last_error();
  TestEngine engine(model, config);
  ASSERT_EQ(sb_engine_memory(engine.handle(), &taken), SB_OK);

  EXPECT_EQ(taken.weight_bytes, planned.weight_bytes);
  EXPECT_EQ(taken.kv_bytes, planned.kv_bytes);
  EXPECT_EQ(taken.scratch_bytes, planned.scratch_bytes);
  EXPECT_EQ(taken.weight_bytes_per_token, planned.weight_bytes_per_token);
  // 64 blocks of 16 tokens, 4 layers, 2 heads of 16 halves, K and V.
  EXPECT_EQ(taken.kv_bytes, 64U * 16 * 4 * 2 * 16 * 2 * 2);
}

TEST(CreateMemory, MoreThanTheMachineHasIsRefusedBeforeItIsTaken) {
  const TestModel model(ModelSpec{});
  const sb_model_config description = model.config();
  sb_engine_config config = engine_config();
  config.kv_blocks = 1 << 24;
  config.kv_block_tokens = 64;
  sb_engine* engine = nullptr;

  EXPECT_EQ(sb_engine_create(&description, &config, nullptr, &engine), SB_OUT_OF_MEMORY);

  EXPECT_NE(std::string(sb_last_error()).find("available"), std::string::npos) << sb_last_error();
}

TEST(CreateMemory, ProgressReachesItsTotal) {
  const TestModel model(ModelSpec{});
  const sb_model_config description = model.config();
  const sb_engine_config config = engine_config();
  sb_progress progress{};
  sb_engine* engine = nullptr;

  ASSERT_EQ(sb_engine_create(&description, &config, &progress, &engine), SB_OK);
  sb_engine_destroy(engine);

  EXPECT_GT(progress.total_bytes, 0U);
  EXPECT_EQ(progress.done_bytes, progress.total_bytes);
}

TEST(CreateMemory, ATiedOutputLayerIsHeldOnce) {
  ModelSpec spec;
  const TestModel untied(spec);
  spec.tied = true;
  const TestModel tied(spec);
  sb_memory both{};
  both.struct_size = sizeof(both);
  sb_memory once = both;
  const sb_engine_config config = engine_config(2, 2, 1);
  const sb_model_config untied_config = untied.config();
  const sb_model_config tied_config = tied.config();

  ASSERT_EQ(sb_engine_plan_memory(&untied_config, &config, &both), SB_OK);
  ASSERT_EQ(sb_engine_plan_memory(&tied_config, &config, &once), SB_OK);

  // 97 rows are seven groups of 16.
  EXPECT_EQ(both.weight_bytes - once.weight_bytes, 7U * 16 * 64 * sizeof(float));
}

model::Config partition_config(int32_t layers, int32_t vocab) {
  model::Config config;
  config.n_layers = layers;
  config.dim = 64;
  config.ffn_dim = 128;
  config.n_heads = 4;
  config.n_kv_heads = 2;
  config.head_dim = 16;
  config.vocab = vocab;
  return config;
}

TEST(Partition, StagesHoldAllLayersInOrder) {
  for (int32_t stages = 1; stages <= 7; ++stages) {
    const model::Config config = partition_config(7, 5000);
    int64_t next = 0;
    for (int32_t stage = 0; stage < stages; ++stage) {
      const Range layers = model::stage_layers(config, stages, stage);
      EXPECT_EQ(layers.begin, next);
      EXPECT_GE(layers.size(), 1);
      next = layers.end;
    }
    EXPECT_EQ(next, 7);
  }
}

TEST(Partition, ALargeOutputLayerTakesLayersFromTheLastStage) {
  // A layer has 36 864 weights; 1152 tokens of 64 weigh as much as two layers.
  EXPECT_EQ(model::stage_layers(partition_config(8, 1), 2, 1).size(), 4);
  EXPECT_EQ(model::stage_layers(partition_config(8, 1152), 2, 1).size(), 3);
  EXPECT_EQ(model::stage_layers(partition_config(8, 100000), 2, 1).size(), 1);
}

TEST(Partition, RanksHoldEveryOutputRowOnce) {
  for (const int32_t vocab : {1, 15, 17, 97, 4096}) {
    int64_t next = 0;
    for (int32_t rank = 0; rank < 4; ++rank) {
      const Range rows = model::rank_shape(partition_config(1, vocab), 4, rank).output_rows;
      EXPECT_EQ(rows.begin, next);
      EXPECT_GE(rows.size(), 0);
      next = rows.end;
    }
    EXPECT_EQ(next, vocab);
  }
}

}  // namespace
}  // namespace sb::testing
