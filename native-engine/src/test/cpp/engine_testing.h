// Tiny models with random weights, an exact forward pass over them, and a caller of the C ABI.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "abi/switchboard.h"

namespace sb::testing {

struct ModelSpec {
  sb_arch arch = SB_ARCH_LLAMA;
  int32_t n_layers = 4;
  int32_t dim = 64;
  int32_t ffn_dim = 128;
  int32_t n_heads = 4;
  int32_t n_kv_heads = 2;
  int32_t head_dim = 16;
  int32_t vocab = 97;  // odd: the last group of output rows is not full
  int32_t context = 256;
  bool tied = false;
  bool rope_freqs = false;
  int32_t window = 0;  // of every layer but the second; 0: none
  float attention_softcap = 0;
  float logit_softcap = 0;
  sb_pooling pooling = SB_POOL_NONE;
  uint32_t seed = 1;
};

[[nodiscard]] inline bool is_gemma(sb_arch arch) {
  return arch == SB_ARCH_GEMMA2 || arch == SB_ARCH_GEMMA3;
}
[[nodiscard]] inline bool is_encoder(sb_arch arch) {
  return arch == SB_ARCH_BERT || arch == SB_ARCH_NOMIC_BERT;
}

// A model in F32 with everything an architecture has.
class TestModel {
 public:
  static constexpr float kWindowBase = 500;

  explicit TestModel(const ModelSpec& spec) : spec_(spec), random_(spec.seed) {
    const int64_t q = int64_t{spec.n_heads} * spec.head_dim;
    const int64_t kv = int64_t{spec.n_kv_heads} * spec.head_dim;
    add(SB_TOKEN_EMBD, -1, spec.vocab, spec.dim, 1.0);
    if (is_encoder(spec.arch)) {
      add_encoder();
    } else {
      add_norm(SB_OUTPUT_NORM, -1, spec.dim);
    }
    if (!spec.tied && !is_encoder(spec.arch)) add(SB_OUTPUT, -1, spec.vocab, spec.dim, 0.3);
    if (spec.rope_freqs) add_norm(SB_ROPE_FREQS, -1, spec.head_dim / 2);
    for (int32_t layer = 0; layer < spec.n_layers; ++layer) {
      windows_.push_back(layer == 1 ? 0 : spec.window);
      if (!is_encoder(spec.arch)) add_norm(SB_ATTN_NORM, layer, spec.dim);
      add(SB_ATTN_Q, layer, q, spec.dim, 0.15);
      add(SB_ATTN_K, layer, kv, spec.dim, 0.15);
      add(SB_ATTN_V, layer, kv, spec.dim, 0.15);
      add(SB_ATTN_OUTPUT, layer, spec.dim, q, 0.15);
      if (spec.arch == SB_ARCH_QWEN2 || spec.arch == SB_ARCH_BERT) {
        add(SB_ATTN_Q_BIAS, layer, 1, q, 0.3);
        add(SB_ATTN_K_BIAS, layer, 1, kv, 0.3);
        add(SB_ATTN_V_BIAS, layer, 1, kv, 0.3);
      }
      if (spec.arch == SB_ARCH_QWEN3 || spec.arch == SB_ARCH_GEMMA3) {
        add_norm(SB_ATTN_Q_NORM, layer, spec.head_dim);
        add_norm(SB_ATTN_K_NORM, layer, spec.head_dim);
      }
      if (is_gemma(spec.arch)) {
        add_norm(SB_ATTN_POST_NORM, layer, spec.dim);
        add_norm(SB_FFN_POST_NORM, layer, spec.dim);
      }
      if (is_encoder(spec.arch)) {
        add_encoder_layer(layer);
      } else {
        add_norm(SB_FFN_NORM, layer, spec.dim);
      }
      if (spec.arch != SB_ARCH_BERT) add(SB_FFN_GATE, layer, spec.ffn_dim, spec.dim, 0.15);
      add(SB_FFN_UP, layer, spec.ffn_dim, spec.dim, 0.15);
      add(SB_FFN_DOWN, layer, spec.dim, spec.ffn_dim, 0.12);
    }
  }

  [[nodiscard]] const ModelSpec& spec() const { return spec_; }
  [[nodiscard]] std::vector<sb_tensor>& tensors() { return tensors_; }
  [[nodiscard]] sb_tensor& tensor(sb_role role, int32_t layer = -1) {
    for (sb_tensor& tensor : tensors_) {
      if (tensor.role == role && tensor.layer == layer) return tensor;
    }
    throw std::runtime_error("no such tensor");
  }
  [[nodiscard]] const std::vector<float>& values(sb_role role, int32_t layer = -1) const {
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (tensors_[i].role == role && tensors_[i].layer == layer) return values_[i];
    }
    static const std::vector<float> none;
    return none;
  }

  // Stores every matrix as Q8_0, rounded to nearest; values() stay what they were.
  void quantise_matrices() {
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (tensors_[i].rows > 1) quantise(i);
    }
  }

  [[nodiscard]] sb_model_config config() const {
    sb_model_config config{};
    config.struct_size = sizeof(config);
    config.arch = spec_.arch;
    config.n_layers = spec_.n_layers;
    config.dim = spec_.dim;
    config.ffn_dim = spec_.ffn_dim;
    config.n_heads = spec_.n_heads;
    config.n_kv_heads = spec_.n_kv_heads;
    config.head_dim = spec_.head_dim;
    config.vocab = spec_.vocab;
    config.context = spec_.context;
    config.rope_kind = spec_.arch == SB_ARCH_LLAMA ? SB_ROPE_NORM : SB_ROPE_NEOX;
    config.rope_dim = spec_.head_dim;
    config.rope_base = 10000;
    config.rope_scale = 1;
    config.norm_epsilon = 1e-5F;
    config.rope_magnitude = 1;
    config.embedding_scale = 1;
    config.attention_scale = 1 / std::sqrt(static_cast<float>(spec_.head_dim));
    if (is_gemma(spec_.arch)) config.embedding_scale = std::sqrt(static_cast<float>(spec_.dim));
    if (spec_.arch == SB_ARCH_GEMMA3) config.rope_window_base = kWindowBase;
    if (spec_.arch == SB_ARCH_BERT) config.rope_dim = 0;
    config.attention_softcap = spec_.attention_softcap;
    config.logit_softcap = spec_.logit_softcap;
    config.pooling = spec_.pooling;
    if (spec_.window > 0) config.windows = windows_.data();
    config.n_tensors = static_cast<uint32_t>(tensors_.size());
    config.tensors = tensors_.data();
    return config;
  }

 private:
  void add_encoder() {
    if (spec_.arch == SB_ARCH_BERT) add(SB_POSITION_EMBD, -1, spec_.context, spec_.dim, 0.5);
    add(SB_TOKEN_TYPES, -1, 1, spec_.dim, 0.5);
    add_norm(SB_EMBD_NORM, -1, spec_.dim);
    add(SB_EMBD_NORM_BIAS, -1, 1, spec_.dim, 0.2);
    if (spec_.pooling != SB_POOL_RANK) return;
    add(SB_CLS, -1, spec_.dim, spec_.dim, 0.2);
    add(SB_CLS_BIAS, -1, 1, spec_.dim, 0.2);
    add(SB_CLS_OUT, -1, 1, spec_.dim, 0.3);
    add(SB_CLS_OUT_BIAS, -1, 1, 1, 0.2);
  }

  void add_encoder_layer(int32_t layer) {
    add(SB_ATTN_OUTPUT_BIAS, layer, 1, spec_.dim, 0.2);
    for (const sb_role role : {SB_ATTN_OUT_NORM, SB_LAYER_OUT_NORM}) {
      add_norm(role, layer, spec_.dim);
      add(static_cast<sb_role>(role + 1), layer, 1, spec_.dim, 0.2);
    }
    if (spec_.arch != SB_ARCH_BERT) return;
    add(SB_FFN_UP_BIAS, layer, 1, spec_.ffn_dim, 0.2);
    add(SB_FFN_DOWN_BIAS, layer, 1, spec_.dim, 0.2);
  }

  void add(sb_role role, int32_t layer, int64_t rows, int64_t cols, double scale) {
    std::uniform_real_distribution<double> uniform(-scale, scale);
    std::vector<float> values(static_cast<size_t>(rows * cols));
    for (float& value : values) value = static_cast<float>(uniform(random_));
    store(role, layer, rows, cols, std::move(values));
  }

  void add_norm(sb_role role, int32_t layer, int64_t cols) {
    std::uniform_real_distribution<double> uniform(0.7, 1.3);
    std::vector<float> values(static_cast<size_t>(cols));
    for (float& value : values) value = static_cast<float>(uniform(random_));
    store(role, layer, 1, cols, std::move(values));
  }

  void store(sb_role role, int32_t layer, int64_t rows, int64_t cols, std::vector<float> values) {
    std::vector<uint8_t> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    bytes_.push_back(std::move(bytes));
    values_.push_back(std::move(values));
    tensors_.push_back({sizeof(sb_tensor), role, layer, SB_TYPE_F32, rows, cols,
                        bytes_.back().data(), bytes_.back().size()});
  }

  void quantise(size_t index) {
    const std::vector<float>& values = values_[index];
    std::vector<uint8_t> bytes;
    for (size_t at = 0; at < values.size(); at += 32) {
      float largest = 0;
      for (size_t i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(values[at + i]));
      // A power of two is exact in half precision.
      const int exponent = static_cast<int>(std::ceil(std::log2(largest / 127)));
      const auto half = static_cast<uint16_t>((exponent + 15) << 10);
      bytes.push_back(static_cast<uint8_t>(half & 0xff));
      bytes.push_back(static_cast<uint8_t>(half >> 8));
      for (size_t i = 0; i < 32; ++i) {
        const float scaled = std::ldexp(values[at + i], -exponent);
        bytes.push_back(static_cast<uint8_t>(static_cast<int8_t>(std::nearbyint(scaled))));
      }
    }
    bytes_[index] = std::move(bytes);
    tensors_[index].type = SB_TYPE_Q8_0;
    tensors_[index].data = bytes_[index].data();
    tensors_[index].bytes = bytes_[index].size();
  }

  ModelSpec spec_;
  std::mt19937 random_;
  std::vector<std::vector<float>> values_;
  std::vector<std::vector<uint8_t>> bytes_;
  std::vector<sb_tensor> tensors_;
  std::vector<int32_t> windows_;
};

// Log-probabilities [position][vocab] by plain float64 arithmetic.
[[nodiscard]] std::vector<std::vector<double>> exact_logprobs(const TestModel& model,
                                                              const std::vector<int32_t>& tokens);

// What a model that embeds gives for a sequence, likewise.
[[nodiscard]] std::vector<double> exact_embedding(const TestModel& model,
                                                  const std::vector<int32_t>& tokens);

[[nodiscard]] inline sb_engine_config engine_config(int32_t stages = 1, int32_t ranks = 1,
                                                    int32_t threads = 1) {
  sb_engine_config config{};
  config.struct_size = sizeof(config);
  config.stages = stages;
  config.ranks = ranks;
  config.threads = threads;
  config.isa = SB_ISA_AUTO;
  config.kv_type = SB_TYPE_F16;
  config.kv_block_tokens = 16;
  config.kv_blocks = 64;
  config.max_rows = 8;
  config.max_step_tokens = 128;
  config.max_step_outputs = 128;
  config.max_in_flight = 4;
  config.timeline_records = 256;
  config.hang_timeout_ms = 0;
  config.allow_fault_injection = 0;
  config.mask_slots = 2 * config.max_rows;
  return config;
}

[[nodiscard]] inline sb_sampling greedy() {
  sb_sampling sampling{};
  sampling.struct_size = sizeof(sampling);
  sampling.top_p = 1;
  sampling.repetition_penalty = 1;
  return sampling;
}

// One row's share of a step under construction.
struct Piece {
  int32_t row = 0;
  int32_t position = 0;
  std::vector<int32_t> tokens;
  std::vector<int32_t> targets;  // of the last tokens
  int32_t top_logprobs = 0;
  std::vector<int32_t> masks = {};  // per target; empty: none
  bool logprobs = true;
};

struct StepOutput {
  int32_t status = SB_INTERNAL;
  int32_t failed_stage = -1;
  int32_t failed_rank = -1;
  uint64_t step = 0;
  int64_t submit_ns = 0;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
  std::vector<int32_t> top_tokens;
  std::vector<float> top_logprobs;
  std::vector<float> embeddings;
};

// An engine with a fixed block table per row: row r owns blocks r * 8 .. r * 8 + 7.
class TestEngine {
 public:
  TestEngine(const TestModel& model, const sb_engine_config& config) : config_(config) {
    const sb_model_config description = model.config();
    if (model.spec().pooling != SB_POOL_NONE) {
      const bool ranks = model.spec().pooling == SB_POOL_RANK;
      embedding_size_ = ranks ? 1 : static_cast<size_t>(model.spec().dim);
    }
    const int32_t status = sb_engine_create(&description, &config, nullptr, &engine_);
    if (status != SB_OK) throw std::runtime_error(sb_last_error());
  }
  TestEngine(const TestEngine&) = delete;
  TestEngine& operator=(const TestEngine&) = delete;
  ~TestEngine() { sb_engine_destroy(engine_); }

  [[nodiscard]] sb_engine* handle() { return engine_; }
  [[nodiscard]] const sb_engine_config& config() const { return config_; }
  [[nodiscard]] uint64_t last_step() const { return step_; }

  void begin(int32_t row, const sb_sampling& sampling = greedy(),
             const std::vector<int32_t>& history = {}, int32_t n_prompt = 0) {
    const int32_t status = sb_row_begin(engine_, row, &sampling, history.data(),
                                        static_cast<int32_t>(history.size()), n_prompt);
    ASSERT_EQ(status, SB_OK) << sb_last_error();
  }

  // Of the next steps, whether the timeline tells of them.
  void record(bool next) { recorded_ = next; }

  [[nodiscard]] int32_t try_submit(const std::vector<Piece>& pieces) {
    std::vector<int32_t> tokens;
    std::vector<int32_t> targets;
    std::vector<int32_t> masks;
    std::vector<int32_t> blocks;
    std::vector<sb_plan_entry> entries;
    const int32_t per_row = config_.kv_blocks / config_.max_rows;
    for (const Piece& piece : pieces) {
      const auto n_tokens = static_cast<int32_t>(piece.tokens.size());
      const int32_t block = config_.kv_block_tokens;
      const int32_t n_blocks = (piece.position + n_tokens + block - 1) / block;
      entries.push_back(
          {piece.row, piece.position, n_tokens, n_blocks, static_cast<int32_t>(blocks.size()),
           static_cast<int32_t>(piece.targets.size()), piece.top_logprobs, piece.logprobs ? 1 : 0});
      tokens.insert(tokens.end(), piece.tokens.begin(), piece.tokens.end());
      targets.insert(targets.end(), piece.targets.begin(), piece.targets.end());
      masks.insert(masks.end(), piece.masks.begin(), piece.masks.end());
      masks.resize(targets.size(), SB_MASK_NONE);
      for (int32_t i = 0; i < n_blocks; ++i) blocks.push_back(piece.row * per_row + i);
    }
    sb_plan plan{};
    plan.struct_size = sizeof(plan);
    plan.n_entries = static_cast<uint32_t>(entries.size());
    plan.n_tokens = static_cast<uint32_t>(tokens.size());
    plan.n_outputs = static_cast<uint32_t>(targets.size());
    plan.n_blocks = static_cast<uint32_t>(blocks.size());
    plan.step = step_ + 1;
    plan.unrecorded = recorded_ ? 0 : 1;
    plan.tokens = tokens.data();
    plan.entries = entries.data();
    plan.blocks = blocks.data();
    plan.targets = targets.data();
    plan.masks = masks.data();
    const int32_t status = sb_submit(engine_, &plan);
    if (status == SB_OK) ++step_;
    return status;
  }

  void submit(const std::vector<Piece>& pieces) {
    ASSERT_EQ(try_submit(pieces), SB_OK) << sb_last_error();
  }

  // The call's status; output is filled when it is SB_OK or SB_HUNG.
  [[nodiscard]] int32_t try_await(StepOutput& output, int64_t timeout_ns = -1) {
    const auto outputs = static_cast<size_t>(config_.max_step_outputs);
    output.tokens.resize(outputs);
    output.logprobs.resize(outputs);
    output.top_tokens.resize(outputs * SB_MAX_TOP_LOGPROBS);
    output.top_logprobs.resize(outputs * SB_MAX_TOP_LOGPROBS);
    output.embeddings.resize(outputs * embedding_size_);
    sb_result result{};
    result.struct_size = sizeof(result);
    result.tokens = output.tokens.data();
    result.logprobs = output.logprobs.data();
    result.top_tokens = output.top_tokens.data();
    result.top_logprobs = output.top_logprobs.data();
    result.embeddings = output.embeddings.data();
    const int32_t status = sb_await(engine_, timeout_ns, &result);
    output.status = result.status;
    output.failed_stage = result.failed_stage;
    output.failed_rank = result.failed_rank;
    output.step = result.step;
    output.submit_ns = result.submit_ns;
    output.start_ns = result.start_ns;
    output.end_ns = result.end_ns;
    output.tokens.resize(result.n_outputs);
    output.logprobs.resize(result.n_outputs);
    output.top_tokens.resize(size_t{result.n_outputs} * SB_MAX_TOP_LOGPROBS);
    output.top_logprobs.resize(size_t{result.n_outputs} * SB_MAX_TOP_LOGPROBS);
    output.embeddings.resize(size_t{result.n_outputs} * embedding_size_);
    return status;
  }

  [[nodiscard]] StepOutput await() {
    StepOutput output;
    EXPECT_EQ(try_await(output), SB_OK) << sb_last_error();
    return output;
  }

  [[nodiscard]] StepOutput run(const std::vector<Piece>& pieces) {
    submit(pieces);
    return await();
  }

  // Log-probabilities of tokens[1..] in chunks, as one sequence of a row.
  [[nodiscard]] std::vector<float> score(int32_t row, const std::vector<int32_t>& tokens,
                                         size_t chunk) {
    begin(row);
    std::vector<float> logprobs;
    for (size_t at = 0; at + 1 < tokens.size(); at += chunk) {
      const size_t end = std::min(tokens.size() - 1, at + chunk);
      Piece piece;
      piece.row = row;
      piece.position = static_cast<int32_t>(at);
      piece.tokens.assign(tokens.begin() + static_cast<ptrdiff_t>(at),
                          tokens.begin() + static_cast<ptrdiff_t>(end));
      piece.targets.assign(tokens.begin() + static_cast<ptrdiff_t>(at) + 1,
                           tokens.begin() + static_cast<ptrdiff_t>(end) + 1);
      const StepOutput output = run({piece});
      logprobs.insert(logprobs.end(), output.logprobs.begin(), output.logprobs.end());
    }
    return logprobs;
  }

  // n tokens after a prompt, one step each; the logprobs of the chosen tokens go with them where
  // they are asked for.
  [[nodiscard]] std::vector<int32_t> generate(int32_t row, const std::vector<int32_t>& prompt,
                                              int32_t n, const sb_sampling& sampling = greedy(),
                                              std::vector<float>* logprobs = nullptr) {
    begin(row, sampling, prompt, static_cast<int32_t>(prompt.size()));
    std::vector<int32_t> generated;
    Piece piece{row, 0, prompt, {SB_TARGET_SAMPLE}, 0};
    piece.logprobs = logprobs != nullptr;
    for (int32_t i = 0; i < n; ++i) {
      const StepOutput output = run({piece});
      generated.push_back(output.tokens.at(0));
      if (logprobs != nullptr) logprobs->push_back(output.logprobs.at(0));
      piece.position += static_cast<int32_t>(piece.tokens.size());
      piece.tokens.assign(1, output.tokens.at(0));
    }
    return generated;
  }

 private:
  sb_engine_config config_;
  size_t embedding_size_ = 0;
  sb_engine* engine_ = nullptr;
  uint64_t step_ = 0;
  bool recorded_ = true;
};

// What the timeline tells of a rank.
struct Lane {
  sb_lane_header header;
  std::vector<sb_timeline_record> records;
};

// A lane's records, oldest first, read as a reader in another thread would.
[[nodiscard]] inline Lane read_lane(TestEngine& engine, uint32_t index) {
  sb_timeline timeline{};
  timeline.struct_size = sizeof(timeline);
  EXPECT_EQ(sb_engine_timeline(engine.handle(), &timeline), SB_OK);
  const char* at = static_cast<const char*>(timeline.base) + timeline.lane_bytes * index;
  Lane lane;
  std::memcpy(&lane.header, at, sizeof(lane.header));
  const uint64_t written = lane.header.written;
  const uint64_t first = written > timeline.capacity ? written - timeline.capacity : 0;
  for (uint64_t i = first; i < written; ++i) {
    sb_timeline_record record;
    std::memcpy(&record,
                at + sizeof(sb_lane_header) + (i % timeline.capacity) * timeline.record_bytes,
                sizeof(record));
    lane.records.push_back(record);
  }
  return lane;
}

[[nodiscard]] inline const sb_timeline_record* find(const Lane& lane, uint64_t step,
                                                    sb_timeline_kind kind) {
  for (const sb_timeline_record& record : lane.records) {
    if (record.step == step && record.kind == kind) return &record;
  }
  return nullptr;
}

// Gives each matrix of a model the bytes of what make(tensor, number) returns, which is to outlive
// the model's use.
template <class Make>
[[nodiscard]] auto give_matrices(TestModel& model, int32_t type, const Make& make) {
  std::vector<decltype(make(model.tensors().front(), uint32_t{}))> made;
  for (sb_tensor& tensor : model.tensors()) {
    if (tensor.rows == 1) continue;
    made.push_back(make(tensor, static_cast<uint32_t>(made.size())));
    tensor.type = type;
    tensor.data = made.back().bytes.data();
    tensor.bytes = made.back().bytes.size();
  }
  return made;
}

// Tokens without pattern.
[[nodiscard]] inline std::vector<int32_t> some_tokens(const ModelSpec& spec, size_t count,
                                                      uint32_t seed = 7) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens) {
    token = static_cast<int32_t>(random() % static_cast<uint32_t>(spec.vocab));
  }
  return tokens;
}

}  // namespace sb::testing
