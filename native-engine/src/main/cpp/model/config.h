// What a model is made of, checked against its architecture.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "ops/op.h"

namespace sb::model {

enum class Arch : std::int32_t {
  kLlama = 1,
  kQwen2 = 2,
  kQwen3 = 3,
  kGemma2 = 4,
  kGemma3 = 5,
  kPhi3 = 6,
  kBert = 7,
  kNomicBert = 8
};

inline constexpr std::int32_t kMaxLayers = 1024;

// An encoder's tokens attend to all others of their sequence, and its layers end with norms.
[[nodiscard]] constexpr bool is_encoder(Arch arch) {
  return arch == Arch::kBert || arch == Arch::kNomicBert;
}

enum class Activation { kSilu, kGeluTanh, kGelu };

[[nodiscard]] constexpr Activation activation_of(Arch arch) {
  if (arch == Arch::kGemma2 || arch == Arch::kGemma3) return Activation::kGeluTanh;
  return arch == Arch::kBert ? Activation::kGelu : Activation::kSilu;
}

// Numbered as sb_pooling.
enum class Pooling : std::int32_t { kNone = 0, kMean = 1, kCls = 2, kLast = 3, kRank = 4 };

// Numbered as sb_role.
enum class Role : std::int32_t {
  kTokenEmbedding = 1,
  kOutputNorm = 2,
  kOutput = 3,
  kRopeFreqs = 4,
  kPositionEmbedding = 5,
  kTokenTypes = 6,
  kEmbeddingNorm = 7,
  kEmbeddingNormBias = 8,
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
  kAttnPostNorm = 24,
  kFfnPostNorm = 25,
  kAttnOutputBias = 26,
  kAttnOutNorm = 27,
  kAttnOutNormBias = 28,
  kFfnUpBias = 29,
  kFfnDownBias = 30,
  kLayerOutNorm = 31,
  kLayerOutNormBias = 32,
  kCls = 42,
  kClsBias = 43,
  kClsOut = 44,
  kClsOutBias = 45,
};
inline constexpr std::size_t kRoleSlots = 46;

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
  float rope_magnitude = 1;
  float rope_window_base = 0;
  std::int32_t rope_original_context = 0;
  float rope_yarn_fast = 0;
  float rope_yarn_slow = 0;
  float norm_epsilon = 0;
  float embedding_scale = 1;
  float attention_scale = 0;
  float attention_softcap = 0;
  float logit_softcap = 0;
  Pooling pooling = Pooling::kNone;
  std::vector<std::int32_t> windows;  // per layer, 0: none; empty: none at all

  [[nodiscard]] bool encoder() const { return is_encoder(arch); }
  // Whether a whole sequence gives one vector, and nothing is sampled. Every encoder does.
  [[nodiscard]] bool embeds() const { return pooling != Pooling::kNone; }
  // Floats of that vector; 0 for a model that generates.
  [[nodiscard]] std::int32_t embedding_size() const {
    if (!embeds()) return 0;
    return pooling == Pooling::kRank ? 1 : dim;
  }
  [[nodiscard]] std::int32_t window(std::int64_t layer) const {
    return windows.empty() ? 0 : windows[static_cast<std::size_t>(layer)];
  }
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
