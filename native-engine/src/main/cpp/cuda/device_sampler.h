// What a device needs to sample the rows of a step: their choices in its memory, and room to work.
#pragma once

#include <cstdint>
#include <span>

#include "base/memory.h"
#include "cuda/plugin.h"
#include "model/rank_compute.h"

namespace sb::cuda {

class DeviceSampler {
 public:
  void lay_out(Carver& host, Carver& device, std::int32_t rows, std::int32_t vocab);

  // Puts into the stream what gives tokens[i] of choices[i] once the stream is waited for, which
  // masks must outlive. Returns the runtime's first error.
  [[nodiscard]] std::int32_t sample(const Plugin& plugin, Stream stream,
                                    std::span<const LogitSlice> slices,
                                    std::span<const model::Choice> choices,
                                    std::span<std::int32_t> tokens);

 private:
  [[nodiscard]] SampleRow row_of(const model::Choice& choice);

  std::int32_t vocab_ = 0;
  // The host's, as the device's below.
  std::span<SampleRow> host_rows_;
  std::span<model::TokenCount> host_seen_;
  std::span<model::LogitBias> host_bias_;
  std::size_t used_seen_ = 0;
  std::size_t used_bias_ = 0;
  std::int32_t used_masks_ = 0;

  std::span<SampleRow> rows_;
  std::span<model::TokenCount> seen_;
  std::span<model::LogitBias> bias_;
  std::span<std::uint64_t> masks_;
  std::span<float> adjusted_;
  std::span<PartBest> bests_;
  std::span<PartMass> masses_;
  std::span<std::uint64_t> tops_;
  std::span<std::int32_t> tokens_;
};

}  // namespace sb::cuda
