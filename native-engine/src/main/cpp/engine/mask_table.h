// The masks under which constrained outputs are sampled, and the wait until each is known.
//
// A step that samples a constrained token is submitted before its mask is known: the mask depends
// on the token before. The caller writes it while the step computes and then says it is ready; the
// thread that samples waits for that and for nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/memory.h"
#include "base/spin.h"
#include "base/status.h"
#include "engine/plan.h"

namespace sb::engine {

inline constexpr std::int32_t kNoMask = -1;

class MaskTable {
 public:
  // Whether the step with this gate value has finished.
  using Finished = std::function<bool(std::uint64_t)>;

  void lay_out(Carver& lazy, std::int32_t slots, std::int32_t vocab);

  [[nodiscard]] std::int32_t size() const { return count_; }
  [[nodiscard]] std::size_t slot_bytes() const { return words_ * sizeof(std::uint64_t); }
  [[nodiscard]] std::span<std::uint64_t> storage() const { return bits_; }
  [[nodiscard]] std::span<const std::uint64_t> bits(std::int32_t slot) const {
    return bits_.subspan(static_cast<std::size_t>(slot) * words_, words_);
  }

  // The engine thread's: checks the plan's masks, then takes them for the step of that gate value.
  Status claim(const Plan& plan, std::uint64_t gate_value, const Finished& finished);
  // The engine thread's: the slot holds what the step samples under.
  Status ready(std::int32_t slot, std::uint64_t step, const Finished& finished);

  // Blocks until the slot is ready for the step; false when poisoned.
  [[nodiscard]] bool wait(std::int32_t slot, std::uint64_t step, SpinBudget& spin);

  void poison();

 private:
  struct alignas(64) Entry {
    // The low 31 bits of the step it is ready for, shifted by the poison in the lowest bit.
    std::atomic<std::uint32_t> word{0};
    std::atomic<std::uint32_t> parked{0};
    // Of the engine thread: the latest step that names the slot.
    bool claimed = false;
    std::uint64_t gate_value = 0;
    std::uint64_t step = 0;
    std::uint64_t checked_in = 0;  // the check that last saw it, to find a slot named twice
  };

  [[nodiscard]] Status check(const Plan& plan, const Finished& finished);

  std::int32_t count_ = 0;
  std::size_t words_ = 0;
  std::uint64_t checks_ = 0;
  std::unique_ptr<Entry[]> entries_;
  std::span<std::uint64_t> bits_;
};

}  // namespace sb::engine
