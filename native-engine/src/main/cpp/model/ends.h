// What a token is made of before the first layer, and what a model that embeds makes of x after the
// last one, on the processor.
#pragma once

#include <cstdint>
#include <span>

#include "base/memory.h"
#include "base/team.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/weights.h"
#include "ops/op.h"

namespace sb::model {

class Ends {
 public:
  Ends(const Config& config, std::int32_t threads, const ops::Kernels& kernels)
      : config_(config), threads_(threads), kernels_(&kernels) {}

  void lay_out(Carver& carver);
  void bind(const RankWeights& weights);

  // x = the token's embedding, dim floats.
  void embed(const Batch& batch, std::int64_t token, float* x, const Team& team);
  // A sequence's vector of its tokens' x, [token][dim]: embedding_size() floats.
  void pool(const Sequence& sequence, const float* x, float* out, const Team& team);

 private:
  void finish(std::int32_t position, float* x, const Team& team);
  void finish_row(const float* x, float* out);
  void classify(const float* x, float* score, const Team& team);
  void multiply(const ops::Matrix& matrix, const float* bias, const float* x, float* y,
                const Team& team);
  [[nodiscard]] float* own_row(const Team& team) {
    return rows_.data() + team.index * std::int64_t{config_.dim};
  }

  Config config_;
  std::int32_t threads_;
  const ops::Kernels* kernels_;
  std::span<const EmbeddingSlice> embedding_;
  const EncoderWeights* encoder_ = nullptr;
  // Per thread a row, and the classifier's input as matrices want it.
  std::span<float> rows_;
  std::span<float> inputs_;
  std::span<std::int8_t> q_;
  std::span<float> scale_;
  std::span<ops::BlockSum> sum_;
};

}  // namespace sb::model
