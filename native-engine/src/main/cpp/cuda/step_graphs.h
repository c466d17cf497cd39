// The launches of decode steps, recorded once and then given to the device in one call.
//
// Two steps have the same launches where they have the same shape: what the host works out from
// them for grids and arguments. All else lies in memory at places that the shape decides. A shape
// is recorded when it comes a second time: most come once, and a kernel that was never launched
// would be loaded while its stream records.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cuda/plugin.h"

namespace sb::cuda {

class StepGraphs {
 public:
  static constexpr std::size_t kMost = 64;

  StepGraphs() = default;
  StepGraphs(const StepGraphs&) = delete;
  StepGraphs& operator=(const StepGraphs&) = delete;
  ~StepGraphs();

  void bind(const Plugin& plugin, std::int32_t device, Stream stream);

  // Begins a step; an empty shape is like no other one.
  void begin(std::span<const std::int32_t> shape);
  // Whether the step's launches are known, so that nobody need make them.
  [[nodiscard]] bool knows() const { return step_ == Step::kKnown; }
  // Whether launches wait for finish().
  [[nodiscard]] bool holds() const { return step_ != Step::kLaunched; }
  // Before the first launch, and behind the last; the runtime's error. After one in a recording all
  // steps are launched one by one, and this step's work is not done.
  [[nodiscard]] std::int32_t start();
  [[nodiscard]] std::int32_t finish();

 private:
  enum class Step { kLaunched, kRecorded, kKnown };
  struct Entry {
    std::vector<std::int32_t> shape;
    Graph graph;
  };

  const Plugin* plugin_ = nullptr;
  std::int32_t device_ = 0;
  Stream stream_;
  bool works_ = true;
  std::array<Entry, kMost> entries_;
  std::size_t next_ = 0;  // the entry that is replaced next
  Entry* entry_ = nullptr;
  Step step_ = Step::kLaunched;
};

}  // namespace sb::cuda
