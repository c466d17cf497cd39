// What a device needs to sample the rows of a step and to score them: what is asked of them in its
// memory, and room to work.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/memory.h"
#include "cuda/plugin.h"
#include "model/rank_compute.h"

namespace sb::cuda {

class DeviceSampler {
 public:
  void lay_out(Carver& host, Carver& device, std::int32_t rows, std::int32_t vocab);

  // Puts into the stream what gives the work's tokens and scores to take() once that was waited
  // for, which masks must outlive, and the tokens to last_sampled. Two calls may be in the stream
  // at once, of different turns (0 or 1). Returns the runtime's first error.
  [[nodiscard]] std::int32_t sample(const Plugin& plugin, Stream stream, const SlicedLogits& logits,
                                    const model::RowWork& work, std::size_t turn,
                                    std::int32_t* last_sampled);
  void take(const model::RowWork& work, std::size_t turn) const;

 private:
  // Of the host, until what was asked for has been waited for.
  struct Turn {
    std::span<SampleRow> rows;
    std::span<model::TokenCount> seen;
    std::span<model::LogitBias> bias;
    std::span<ScoreRow> score_rows;
    std::span<std::int32_t> tokens;
    std::span<model::RowScore> scores;
  };

  [[nodiscard]] SampleRow row_of(const model::Choice& choice, Turn& turn);
  [[nodiscard]] std::int32_t choose(const Plugin& plugin, Stream stream, const SlicedLogits& logits,
                                    const model::RowWork& work, Turn& turn,
                                    std::int32_t* last_sampled);
  [[nodiscard]] std::int32_t score(const Plugin& plugin, Stream stream, const SlicedLogits& logits,
                                   const model::RowWork& work, Turn& turn);

  std::int32_t vocab_ = 0;
  std::array<Turn, 2> turns_;
  std::size_t used_seen_ = 0;
  std::size_t used_bias_ = 0;
  std::int32_t used_masks_ = 0;

  // The device's.
  std::span<SampleRow> rows_;
  std::span<model::TokenCount> seen_;
  std::span<model::LogitBias> bias_;
  std::span<std::uint64_t> masks_;
  std::span<float> adjusted_;
  std::span<PartBest> bests_;
  std::span<PartMass> masses_;
  std::span<std::uint64_t> tops_;
  std::span<std::int32_t> tokens_;

  std::span<ScoreRow> score_rows_;
  std::span<float> maxima_;
  std::span<double> sums_;
  std::span<std::uint64_t> score_tops_;
  std::span<model::RowScore> scores_;
};

}  // namespace sb::cuda
