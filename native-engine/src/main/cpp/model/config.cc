#include "model/config.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>

#include "base/memory.h"

namespace sb::model {
namespace {

// Far above any model, and low enough that no product of two of them overflows 64 bits.
constexpr std::int32_t kMaxDimension = 1 << 24;
constexpr std::int32_t kMaxHeads = 4096;
constexpr std::int32_t kMaxHeadDim = 1024;

struct RoleFacts {
  Role role;
  const char* name;
  bool per_layer;
  bool vector;  // one row; F32 or F16
};

constexpr RoleFacts kRoles[] = {
    {Role::kTokenEmbedding, "token_embd", false, false},
    {Role::kOutputNorm, "output_norm", false, true},
    {Role::kOutput, "output", false, false},
    {Role::kRopeFreqs, "rope_freqs", false, true},
    {Role::kPositionEmbedding, "position_embd", false, false},
    {Role::kTokenTypes, "token_types", false, true},
    {Role::kEmbeddingNorm, "token_embd_norm", false, true},
    {Role::kEmbeddingNormBias, "token_embd_norm.bias", false, true},
    {Role::kCls, "cls", false, false},
    {Role::kClsBias, "cls.bias", false, true},
    {Role::kClsOut, "cls.output", false, false},
    {Role::kClsOutBias, "cls.output.bias", false, true},
    {Role::kAttnNorm, "attn_norm", true, true},
    {Role::kAttnQ, "attn_q", true, false},
    {Role::kAttnK, "attn_k", true, false},
    {Role::kAttnV, "attn_v", true, false},
    {Role::kAttnOutput, "attn_output", true, false},
    {Role::kAttnQBias, "attn_q.bias", true, true},
    {Role::kAttnKBias, "attn_k.bias", true, true},
    {Role::kAttnVBias, "attn_v.bias", true, true},
    {Role::kAttnQNorm, "attn_q_norm", true, true},
    {Role::kAttnKNorm, "attn_k_norm", true, true},
    {Role::kFfnNorm, "ffn_norm", true, true},
    {Role::kFfnGate, "ffn_gate", true, false},
    {Role::kFfnUp, "ffn_up", true, false},
    {Role::kFfnDown, "ffn_down", true, false},
    {Role::kAttnPostNorm, "post_attention_norm", true, true},
    {Role::kFfnPostNorm, "post_ffw_norm", true, true},
    {Role::kAttnOutputBias, "attn_output.bias", true, true},
    {Role::kAttnOutNorm, "attn_output_norm", true, true},
    {Role::kAttnOutNormBias, "attn_output_norm.bias", true, true},
    {Role::kFfnUpBias, "ffn_up.bias", true, true},
    {Role::kFfnDownBias, "ffn_down.bias", true, true},
    {Role::kLayerOutNorm, "layer_output_norm", true, true},
    {Role::kLayerOutNormBias, "layer_output_norm.bias", true, true},
};

const RoleFacts* facts_of(Role role) {
  for (const RoleFacts& facts : kRoles) {
    if (facts.role == role) return &facts;
  }
  return nullptr;
}

enum class Need { kRequired, kOptional, kAbsent };

Need required_if(bool condition) { return condition ? Need::kRequired : Need::kAbsent; }
Need optional_if(bool condition) { return condition ? Need::kOptional : Need::kAbsent; }

Need need_of_qkv_bias(Arch arch) {
  if (arch == Arch::kQwen2) return Need::kRequired;
  return optional_if(arch == Arch::kLlama || is_encoder(arch));
}

Need need_of(Arch arch, Role role) {
  const bool encoder = is_encoder(arch);
  const bool gemma = arch == Arch::kGemma2 || arch == Arch::kGemma3;
  switch (role) {
    case Role::kTokenEmbedding:
    case Role::kAttnQ:
    case Role::kAttnK:
    case Role::kAttnV:
    case Role::kAttnOutput:
    case Role::kFfnUp:
    case Role::kFfnDown:
      return Need::kRequired;
    case Role::kFfnGate:
      return required_if(arch != Arch::kBert);
    case Role::kOutput:
      return optional_if(!encoder && arch != Arch::kGemma2);
    case Role::kRopeFreqs:
      return optional_if(!encoder);
    case Role::kOutputNorm:
    case Role::kAttnNorm:
    case Role::kFfnNorm:
      return required_if(!encoder);
    case Role::kAttnQBias:
    case Role::kAttnKBias:
    case Role::kAttnVBias:
      return need_of_qkv_bias(arch);
    case Role::kAttnQNorm:
    case Role::kAttnKNorm:
      return required_if(arch == Arch::kQwen3 || arch == Arch::kGemma3);
    case Role::kAttnPostNorm:
    case Role::kFfnPostNorm:
      return required_if(gemma);
    case Role::kEmbeddingNorm:
    case Role::kEmbeddingNormBias:
    case Role::kAttnOutNorm:
    case Role::kAttnOutNormBias:
    case Role::kLayerOutNorm:
    case Role::kLayerOutNormBias:
      return required_if(encoder);
    case Role::kTokenTypes:
    case Role::kAttnOutputBias:
      return optional_if(encoder);
    case Role::kPositionEmbedding:
      return required_if(arch == Arch::kBert);
    case Role::kFfnUpBias:
    case Role::kFfnDownBias:
    case Role::kCls:
    case Role::kClsBias:
    case Role::kClsOut:
    case Role::kClsOutBias:
      return optional_if(arch == Arch::kBert);
  }
  return Need::kAbsent;
}

struct Shape {
  std::int64_t rows;
  std::int64_t cols;
};

Shape shape_of(const Config& config, Role role) {
  const std::int64_t dim = config.dim;
  const std::int64_t q = std::int64_t{config.n_heads} * config.head_dim;
  const std::int64_t kv = std::int64_t{config.n_kv_heads} * config.head_dim;
  switch (role) {
    case Role::kTokenEmbedding:
    case Role::kOutput:
      return {config.vocab, dim};
    case Role::kRopeFreqs:
      return {1, config.rope_dim / 2};
    case Role::kPositionEmbedding:
      return {config.context, dim};
    case Role::kCls:
      return {dim, dim};
    case Role::kClsOut:
      return {1, dim};
    case Role::kClsOutBias:
      return {1, 1};
    case Role::kOutputNorm:
    case Role::kAttnNorm:
    case Role::kFfnNorm:
    case Role::kTokenTypes:
    case Role::kEmbeddingNorm:
    case Role::kEmbeddingNormBias:
    case Role::kAttnPostNorm:
    case Role::kFfnPostNorm:
    case Role::kAttnOutputBias:
    case Role::kAttnOutNorm:
    case Role::kAttnOutNormBias:
    case Role::kFfnDownBias:
    case Role::kLayerOutNorm:
    case Role::kLayerOutNormBias:
    case Role::kClsBias:
      return {1, dim};
    case Role::kFfnUpBias:
      return {1, config.ffn_dim};
    case Role::kAttnQ:
      return {q, dim};
    case Role::kAttnK:
    case Role::kAttnV:
      return {kv, dim};
    case Role::kAttnOutput:
      return {dim, q};
    case Role::kAttnQBias:
      return {1, q};
    case Role::kAttnKBias:
    case Role::kAttnVBias:
      return {1, kv};
    case Role::kAttnQNorm:
    case Role::kAttnKNorm:
      return {1, config.head_dim};
    case Role::kFfnGate:
    case Role::kFfnUp:
      return {config.ffn_dim, dim};
    case Role::kFfnDown:
      return {dim, config.ffn_dim};
  }
  return {0, 0};
}

bool known_type(ops::WeightType type) {
  switch (type) {
    case ops::WeightType::kF32:
    case ops::WeightType::kF16:
    case ops::WeightType::kQ4_0:
    case ops::WeightType::kQ4_1:
    case ops::WeightType::kQ5_0:
    case ops::WeightType::kQ5_1:
    case ops::WeightType::kQ8_0:
    case ops::WeightType::kQ2_K:
    case ops::WeightType::kQ3_K:
    case ops::WeightType::kQ4_K:
    case ops::WeightType::kQ5_K:
    case ops::WeightType::kQ6_K:
    case ops::WeightType::kIQ4_NL:
    case ops::WeightType::kBF16:
      return true;
  }
  return false;
}

// Alignment the kernels' loads of one element or block header need.
std::size_t alignment_of(ops::WeightType type) {
  return type == ops::WeightType::kF32 ? alignof(float) : alignof(std::uint16_t);
}

Status check_type(const Tensor& tensor, const RoleFacts& facts) {
  if (!known_type(tensor.type)) {
    return fail(Status::kUnsupported, "type %d is not known", static_cast<int>(tensor.type));
  }
  if (facts.vector && tensor.type != ops::WeightType::kF32 &&
      tensor.type != ops::WeightType::kF16) {
    return fail(Status::kUnsupported, "type %d is neither F32 nor F16",
                static_cast<int>(tensor.type));
  }
  return Status::kOk;
}

Status check_shape(const Tensor& tensor, const Shape& shape) {
  if (tensor.rows != shape.rows || tensor.cols != shape.cols) {
    return fail(Status::kInvalidArgument,
                "is %" PRId64 " x %" PRId64 ", the model needs %" PRId64 " x %" PRId64, tensor.rows,
                tensor.cols, shape.rows, shape.cols);
  }
  const ops::TypeTraits traits = ops::type_traits(tensor.type);
  if (tensor.cols % traits.block_elements != 0) {
    return fail(Status::kInvalidArgument,
                "%" PRId64 " columns are not a multiple of the type's %" PRId64, tensor.cols,
                traits.block_elements);
  }
  const std::size_t blocks =
      checked_mul(static_cast<std::size_t>(tensor.rows),
                  static_cast<std::size_t>(tensor.cols / traits.block_elements));
  const std::size_t bytes = checked_mul(blocks, static_cast<std::size_t>(traits.block_bytes));
  if (tensor.bytes != bytes) {
    return fail(Status::kInvalidArgument, "has %" PRIu64 " bytes, its shape and type need %zu",
                tensor.bytes, bytes);
  }
  if (tensor.data == nullptr) return fail(Status::kInvalidArgument, "data is null");
  if (reinterpret_cast<std::uintptr_t>(tensor.data) % alignment_of(tensor.type) != 0) {
    return fail(Status::kInvalidArgument, "data is not aligned to %zu bytes",
                alignment_of(tensor.type));
  }
  return Status::kOk;
}

Status check_tensor(const Config& config, const Tensor& tensor, const RoleFacts& facts) {
  if (need_of(config.arch, tensor.role) == Need::kAbsent) {
    return fail(Status::kUnsupported, "this architecture has no such tensor");
  }
  if (Status status = check_type(tensor, facts); status != Status::kOk) return status;
  Shape shape = shape_of(config, tensor.role);
  // A shorter context than the model's own leaves positions over.
  if (tensor.role == Role::kPositionEmbedding) shape.rows = std::max(shape.rows, tensor.rows);
  return check_shape(tensor, shape);
}

Status check_range(const char* field, std::int32_t value, std::int32_t low, std::int32_t high) {
  if (value >= low && value <= high) return Status::kOk;
  return fail(Status::kInvalidArgument, "%s: %d is not in %d .. %d", field, value, low, high);
}

Status check_positive(const char* field, float value) {
  if (std::isfinite(value) && value > 0) return Status::kOk;
  return fail(Status::kInvalidArgument, "%s: %g is not a positive number", field,
              static_cast<double>(value));
}

Status check_not_negative(const char* field, float value) {
  if (std::isfinite(value) && value >= 0) return Status::kOk;
  return fail(Status::kInvalidArgument, "%s: %g is neither 0 nor a positive number", field,
              static_cast<double>(value));
}

struct RangeCheck {
  const char* field;
  std::int32_t value;
  std::int32_t high;
};

struct NumberCheck {
  const char* field;
  float value;
};

Status check_rope(const Config& config) {
  if (config.arch == Arch::kBert) {
    return check_range("rope_dim", config.rope_dim, 0, 0);
  }
  if (Status s = check_range("rope_dim", config.rope_dim, 2, config.head_dim); s != Status::kOk) {
    return s;
  }
  if (config.rope_dim % 2 != 0) {
    return fail(Status::kInvalidArgument, "rope_dim: %d is odd", config.rope_dim);
  }
  const std::int32_t least = config.rope_yarn_fast > 0 ? 1 : 0;
  return check_range("rope_original_context", config.rope_original_context, least, kMaxDimension);
}

Status check_numbers(const Config& config) {
  const NumberCheck positives[] = {{"rope_base", config.rope_base},
                                   {"rope_scale", config.rope_scale},
                                   {"rope_magnitude", config.rope_magnitude},
                                   {"norm_epsilon", config.norm_epsilon},
                                   {"embedding_scale", config.embedding_scale},
                                   {"attention_scale", config.attention_scale}};
  for (const NumberCheck& check : positives) {
    if (Status s = check_positive(check.field, check.value); s != Status::kOk) return s;
  }
  const NumberCheck others[] = {{"rope_window_base", config.rope_window_base},
                                {"rope_yarn_fast", config.rope_yarn_fast},
                                {"rope_yarn_slow", config.rope_yarn_slow},
                                {"attention_softcap", config.attention_softcap},
                                {"logit_softcap", config.logit_softcap}};
  for (const NumberCheck& check : others) {
    if (Status s = check_not_negative(check.field, check.value); s != Status::kOk) return s;
  }
  return Status::kOk;
}

Status check_windows(const Config& config) {
  for (std::size_t layer = 0; layer < config.windows.size(); ++layer) {
    const std::int32_t window = config.windows[layer];
    if (window < 0) {
      return fail(Status::kInvalidArgument, "windows[%zu]: %d is negative", layer, window);
    }
    if (window > 0 && config.encoder()) {
      return fail(Status::kUnsupported, "windows[%zu]: %d, and an encoder has none", layer, window);
    }
  }
  return Status::kOk;
}

}  // namespace

Status validate(const Config& config) {
  const auto arch = static_cast<std::int32_t>(config.arch);
  if (arch < 1 || arch > 8) return fail(Status::kUnsupported, "arch: %d is not known", arch);
  const RangeCheck ranges[] = {
      {"n_layers", config.n_layers, kMaxLayers},    {"dim", config.dim, kMaxDimension},
      {"ffn_dim", config.ffn_dim, kMaxDimension},   {"n_heads", config.n_heads, kMaxHeads},
      {"n_kv_heads", config.n_kv_heads, kMaxHeads}, {"head_dim", config.head_dim, kMaxHeadDim},
      {"vocab", config.vocab, kMaxDimension},       {"context", config.context, kMaxDimension},
  };
  for (const RangeCheck& check : ranges) {
    if (Status s = check_range(check.field, check.value, 1, check.high); s != Status::kOk) return s;
  }
  if (config.n_heads % config.n_kv_heads != 0) {
    return fail(Status::kInvalidArgument, "n_heads: %d is not a multiple of n_kv_heads %d",
                config.n_heads, config.n_kv_heads);
  }
  if (Status s = check_rope(config); s != Status::kOk) return s;
  if (Status s = check_numbers(config); s != Status::kOk) return s;
  if (Status s = check_windows(config); s != Status::kOk) return s;
  // Only a decoder may do without, and only an encoder has a classifier.
  const Pooling least = config.encoder() ? Pooling::kMean : Pooling::kNone;
  const Pooling most = config.encoder() ? Pooling::kRank : Pooling::kLast;
  return check_range("pooling", static_cast<std::int32_t>(config.pooling),
                     static_cast<std::int32_t>(least), static_cast<std::int32_t>(most));
}

TensorName name_of(Role role, std::int32_t layer) {
  TensorName name;
  const RoleFacts* facts = facts_of(role);
  if (facts == nullptr) {
    std::snprintf(name.text, sizeof(name.text), "role %d", static_cast<int>(role));
  } else if (facts->per_layer) {
    std::snprintf(name.text, sizeof(name.text), "blk.%d.%s", layer, facts->name);
  } else {
    std::snprintf(name.text, sizeof(name.text), "%s", facts->name);
  }
  return name;
}

Result<Tensors> Tensors::index(const Config& config, std::span<const Tensor> tensors) {
  Tensors indexed;
  indexed.layers_.resize(static_cast<std::size_t>(config.n_layers));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = tensors[i];
    const RoleFacts* facts = facts_of(tensor.role);
    if (facts == nullptr) {
      return fail(Status::kInvalidArgument, "tensors[%zu].role: %d is not known", i,
                  static_cast<int>(tensor.role));
    }
    const std::int32_t low = facts->per_layer ? 0 : -1;
    const std::int32_t high = facts->per_layer ? config.n_layers - 1 : -1;
    if (tensor.layer < low || tensor.layer > high) {
      return fail(Status::kInvalidArgument, "tensors[%zu].layer: %d is not in %d .. %d for %s", i,
                  tensor.layer, low, high, facts->name);
    }
    auto& slots = facts->per_layer ? indexed.layers_[static_cast<std::size_t>(tensor.layer)]
                                   : indexed.global_;
    const Tensor*& slot = slots[static_cast<std::size_t>(tensor.role)];
    const TensorName name = name_of(tensor.role, tensor.layer);
    if (slot != nullptr) {
      return fail(Status::kInvalidArgument, "tensor %s: given twice", name.text);
    }
    if (Status status = check_tensor(config, tensor, *facts); status != Status::kOk) {
      return within(status, "tensor %s", name.text);
    }
    slot = &tensor;
  }
  for (const RoleFacts& facts : kRoles) {
    if (need_of(config.arch, facts.role) != Need::kRequired) continue;
    for (std::int32_t layer = facts.per_layer ? 0 : -1;
         layer < (facts.per_layer ? config.n_layers : 0); ++layer) {
      if (indexed.find(facts.role, layer) != nullptr) continue;
      return fail(Status::kInvalidArgument, "tensor %s: missing", name_of(facts.role, layer).text);
    }
  }
  if (config.pooling == Pooling::kRank && indexed.find(Role::kClsOut) == nullptr) {
    return fail(Status::kInvalidArgument, "tensor %s: missing", name_of(Role::kClsOut, -1).text);
  }
  return indexed;
}

const Tensor* Tensors::find(Role role, std::int32_t layer) const {
  const auto& slots = layer < 0 ? global_ : layers_[static_cast<std::size_t>(layer)];
  return slots[static_cast<std::size_t>(role)];
}

const Tensor& Tensors::get(Role role, std::int32_t layer) const {
  const Tensor* tensor = find(role, layer);
  SB_CHECK(tensor != nullptr);
  return *tensor;
}

const Tensor& Tensors::output() const {
  return tied_output() ? get(Role::kTokenEmbedding) : get(Role::kOutput);
}

}  // namespace sb::model
