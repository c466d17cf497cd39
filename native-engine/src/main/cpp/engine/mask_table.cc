#include "engine/mask_table.h"

#include <cinttypes>

#include "base/futex.h"
#include "model/batch.h"

namespace sb::engine {
namespace {

constexpr std::uint32_t kPoison = 1;
constexpr std::size_t kWordBits = 64;
// Slots begin on cache lines: one is written while its neighbour is read.
constexpr std::size_t kLineWords = 8;

std::uint32_t word_of(std::uint64_t step) { return static_cast<std::uint32_t>(step << 1); }

}  // namespace

void MaskTable::lay_out(Carver& lazy, std::int32_t slots, std::int32_t vocab) {
  const std::size_t words = (static_cast<std::size_t>(vocab) + kWordBits - 1) / kWordBits;
  words_ = (words + kLineWords - 1) / kLineWords * kLineWords;
  bits_ = lazy.take<std::uint64_t>(checked_mul(static_cast<std::size_t>(slots), words_));
  if (count_ == slots) return;
  // Memory that runs out here leaves a table of none: poison() still goes through it.
  count_ = 0;
  entries_ = std::make_unique<Entry[]>(static_cast<std::size_t>(slots));
  count_ = slots;
}

Status MaskTable::check(const Plan& plan, const Finished& finished) {
  ++checks_;
  for (std::size_t i = 0; i < plan.masks.size(); ++i) {
    const std::int32_t slot = plan.masks[i];
    if (slot == kNoMask) continue;
    if (slot < 0 || slot >= count_) {
      return fail(Status::kInvalidArgument, "masks[%zu]: %d is not in -1 .. %d", i, slot,
                  count_ - 1);
    }
    if (plan.targets[i] != model::kSample) {
      return fail(Status::kInvalidArgument, "masks[%zu]: nothing is sampled there", i);
    }
    Entry& entry = entries_[static_cast<std::size_t>(slot)];
    if (entry.claimed && !finished(entry.gate_value)) {
      return fail(Status::kInvalidArgument,
                  "masks[%zu]: slot %d is in the unfinished step %" PRIu64, i, slot, entry.step);
    }
    if (entry.checked_in == checks_) {
      return fail(Status::kInvalidArgument, "masks[%zu]: slot %d is named twice", i, slot);
    }
    entry.checked_in = checks_;
  }
  return Status::kOk;
}

Status MaskTable::claim(const Plan& plan, std::uint64_t gate_value, const Finished& finished) {
  if (Status s = check(plan, finished); s != Status::kOk) return s;
  for (const std::int32_t slot : plan.masks) {
    if (slot == kNoMask) continue;
    Entry& entry = entries_[static_cast<std::size_t>(slot)];
    entry.claimed = true;
    entry.gate_value = gate_value;
    entry.step = plan.step;
  }
  return Status::kOk;
}

Status MaskTable::ready(std::int32_t slot, std::uint64_t step, const Finished& finished) {
  if (slot < 0 || slot >= count_) {
    return fail(Status::kInvalidArgument, "slot: %d is not in 0 .. %d", slot, count_ - 1);
  }
  Entry& entry = entries_[static_cast<std::size_t>(slot)];
  if (entry.claimed && entry.step != step && !finished(entry.gate_value)) {
    return fail(Status::kInvalidArgument, "slot: %d is in the unfinished step %" PRIu64, slot,
                entry.step);
  }
  const std::uint32_t poison = entry.word.load(std::memory_order_relaxed) & kPoison;
  // Writes first and reads second, as a thread about to park does: one of them sees the other.
  entry.word.store(word_of(step) | poison, std::memory_order_seq_cst);
  if (entry.parked.load(std::memory_order_seq_cst) != 0) futex_wake_all(entry.word);
  return Status::kOk;
}

bool MaskTable::wait(std::int32_t slot, std::uint64_t step, SpinBudget& spin) {
  Entry& entry = entries_[static_cast<std::size_t>(slot)];
  const auto settled = [&] {
    const std::uint32_t word = entry.word.load(std::memory_order_acquire);
    return word == word_of(step) || (word & kPoison) != 0;
  };
  if (!spin.spin(settled)) {
    entry.parked.fetch_add(1, std::memory_order_seq_cst);
    while (true) {
      const std::uint32_t seen = entry.word.load(std::memory_order_seq_cst);
      if (settled()) break;
      futex_wait(entry.word, seen);
    }
    entry.parked.fetch_sub(1, std::memory_order_relaxed);
  }
  return (entry.word.load(std::memory_order_acquire) & kPoison) == 0;
}

void MaskTable::poison() {
  for (std::int32_t i = 0; i < count_; ++i) {
    Entry& entry = entries_[static_cast<std::size_t>(i)];
    entry.word.fetch_or(kPoison, std::memory_order_seq_cst);
    futex_wake_all(entry.word);
  }
}

}  // namespace sb::engine
