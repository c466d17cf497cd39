#include "ops/op.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ops/float_ops.h"
#include "ops/tables.h"

namespace sb::ops {

TypeTraits type_traits(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return {1, 4, false};
    case WeightType::kF16:
    case WeightType::kBF16:
      return {1, 2, false};
    case WeightType::kQ4_0:
    case WeightType::kIQ4_NL:
      return {32, 18, true};
    case WeightType::kQ4_1:
      return {32, 20, true};
    case WeightType::kQ5_0:
      return {32, 22, true};
    case WeightType::kQ5_1:
      return {32, 24, true};
    case WeightType::kQ8_0:
      return {32, 34, true};
    case WeightType::kQ2_K:
      return {256, 84, true};
    case WeightType::kQ3_K:
      return {256, 110, true};
    case WeightType::kQ4_K:
      return {256, 144, true};
    case WeightType::kQ5_K:
      return {256, 176, true};
    case WeightType::kQ6_K:
      return {256, 210, true};
  }
  __builtin_unreachable();
}

void rope_angles(const Rope& rope, std::int32_t position, float* angles) {
  const std::int32_t n = rope.dim / 2;
  for (std::int32_t i = 0; i < n; ++i) {
    const double angle = static_cast<double>(position) * static_cast<double>(rope.inv_freq[i]);
    const auto magnitude = static_cast<double>(rope.magnitude);
    angles[i] = static_cast<float>(std::cos(angle) * magnitude);
    angles[n + i] = static_cast<float>(std::sin(angle) * magnitude);
  }
}

std::int32_t attention_parts(const AttentionSpan& span) {
  return (span.end - 1) / kAttentionPart - span.begin / kAttentionPart + 1;
}

AttentionSpan attention_part(const AttentionSpan& span, std::int32_t part) {
  const std::int32_t begin = (span.begin / kAttentionPart + part) * kAttentionPart;
  AttentionSpan cut = span;
  cut.begin = std::max(span.begin, begin);
  cut.end = std::min(span.end, begin + kAttentionPart);
  return cut;
}

bool attend_together(const AttentionSpan& a, const AttentionSpan& b, std::int32_t block_tokens) {
  const auto same = [](std::int32_t x, std::int32_t y, std::int32_t n) { return x / n == y / n; };
  return same(a.begin, b.begin, block_tokens) && same(a.end - 1, b.end - 1, block_tokens) &&
         same(a.begin, b.begin, kAttentionPart) && same(a.end - 1, b.end - 1, kAttentionPart);
}

// With about two dozen queries a block's K and V are converted seldom enough, and what belongs to
// the queries still fits into the first cache beside them. It takes whole tiles of eight from the
// usual three, four, six or eight queries per head of keys.
std::int32_t attention_run_tokens(std::int32_t n_queries) {
  constexpr std::uint32_t kQueries = 24;
  const std::uint32_t fit = std::max(kQueries / static_cast<std::uint32_t>(n_queries), 1u);
  return std::min(static_cast<std::int32_t>(std::bit_floor(fit)), kMaxRunTokens);
}

std::size_t attention_run_floats(std::int32_t n_queries, std::int32_t block_tokens,
                                 std::int32_t head_dim) {
  const std::int32_t all = attention_run_tokens(n_queries) * n_queries;
  return attention_scratch_floats(all, block_tokens, head_dim) +
         static_cast<std::size_t>(2 * std::int64_t{all} * head_dim);
}

std::size_t attention_part_floats(std::int32_t n_queries, std::int32_t head_dim) {
  const std::int64_t per_query = head_dim + kLanes;
  return static_cast<std::size_t>(pad_to_lanes(n_queries * per_query + n_queries));
}

// The weights of a block, and a part beside the result so far.
std::size_t attention_scratch_floats(std::int32_t n_queries, std::int32_t block_tokens,
                                     std::int32_t head_dim) {
  const std::int64_t weights = n_queries * pad_to_lanes(block_tokens);
  const std::int64_t state = pad_to_lanes(n_queries * kLanes + n_queries);
  return static_cast<std::size_t>(weights + state) + attention_part_floats(n_queries, head_dim);
}

// __builtin_cpu_supports also asks the operating system (XGETBV) whether it saves the registers.
bool isa_supported(Isa isa) {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  switch (isa) {
    case Isa::kReference:
      return true;
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
      return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vnni");
  }
  return false;
}

Isa best_isa() {
  if (isa_supported(Isa::kAvx512)) return Isa::kAvx512;
  return isa_supported(Isa::kAvx2) ? Isa::kAvx2 : Isa::kReference;
}

const Kernels& kernels(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return kAvx512Kernels;
    case Isa::kAvx2:
      return kAvx2Kernels;
    case Isa::kReference:
      break;
  }
  return kReferenceKernels;
}

}  // namespace sb::ops
