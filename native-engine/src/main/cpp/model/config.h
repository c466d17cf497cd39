// What a model is made of, checked against its architecture.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "ops/op.h"

namespace sb::model {

enum class Arch : std::int32_t { kLlama = 1, kQwen2 = 2, kQwen3 = 3 };

// Numbered as sb_role.
enum class Role : std::int32_t {
  kTokenEmbedding = 1,
  kOutputNorm = 2,
  kOutput = 3,
  kRopeFreqs = 4,
  kAttnNorm = 10,
  kAttnQ = 11,
  kAttnK = 12,
  kAttnV = 13,
  kAttnOutput = 14,
  kAttnQBias = 15,
  kAttnKBias = 16,
  kAttnVBias = 17,
  kAttnQNorm = 18,
  kAttnKNorm = 19,
  kFfnNorm = 20,
  kFfnGate = 21,
  kFfnUp = 22,
  kFfnDown = 23,
};
inline constexpr std::size_t kRoleSlots = 24;

// A weight as the caller has it: rows x cols, row-major, encoded as in GGUF.
struct Tensor {
  Role role{};
  std::int32_t layer = -1;
  ops::WeightType type{};
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const void* data = nullptr;
  std::uint64_t bytes = 0;
};

struct Config {
  Arch arch{};
  std::int32_t n_layers = 0;
  std::int32_t dim = 0;
  std::int32_t ffn_dim = 0;
  std::int32_t n_heads = 0;
  std::int32_t n_kv_heads = 0;
  std::int32_t head_dim = 0;
  std::int32_t vocab = 0;
  std::int32_t context = 0;
  bool rope_neox = false;
  std::int32_t rope_dim = 0;
  float rope_base = 0;
  float rope_scale = 0;
  float rms_epsilon = 0;

  [[nodiscard]] std::int32_t queries_per_kv_head() const { return n_heads / n_kv_heads; }
};

// Checks every number of the configuration, naming the field in the error.
Status validate(const Config& config);

// Every tensor of a model, present exactly once with exactly the right shape.
class Tensors {
 public:
  // Checks the tensors against the configuration, which has been validated. Their data is not read.
  [[nodiscard]] static Result<Tensors> index(const Config& config, std::span<const Tensor> tensors);

  // Null when the model does not have it.
  [[nodiscard]] const Tensor* find(Role role, std::int32_t layer = -1) const;
  // A tensor that index() has required.
  [[nodiscard]] const Tensor& get(Role role, std::int32_t layer = -1) const;
  // The output layer's matrix: its own, or the token embedding.
  [[nodiscard]] const Tensor& output() const;
  [[nodiscard]] bool tied_output() const { return find(Role::kOutput) == nullptr; }

 private:
  std::array<const Tensor*, kRoleSlots> global_{};
  std::vector<std::array<const Tensor*, kRoleSlots>> layers_;
};

// "blk.3.attn_q" or "token_embd", as GGUF names it, for errors.
struct TensorName {
  char text[48];
};
[[nodiscard]] TensorName name_of(Role role, std::int32_t layer);

}  // namespace sb::model
