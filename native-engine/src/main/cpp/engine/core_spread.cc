#include "engine/core_spread.h"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace sb::engine {
namespace {

[[nodiscard]] cpu_set_t without(cpu_set_t allowed,
                                std::span<const std::atomic<std::int32_t>> cores) {
  for (const auto& each : cores) {
    const std::int32_t core = each.load(std::memory_order_relaxed);
    if (core >= 0 && core < CPU_SETSIZE) CPU_CLR(static_cast<std::size_t>(core), &allowed);
  }
  return allowed;
}

// Lets the calling thread run where it might before it was moved. Where nothing but its control
// group's cpuset restricts it, it asks for all cores: the kernel keeps what a thread has asked for,
// and a cpuset that grows would not reach one that had asked for what the cpuset was before.
void release(const cpu_set_t& allowed) {
  cpu_set_t all;
  std::memset(&all, 0xff, sizeof(all));
  cpu_set_t given;
  CPU_ZERO(&given);
  const bool unrestricted = sched_setaffinity(0, sizeof(all), &all) == 0 &&
                            sched_getaffinity(0, sizeof(given), &given) == 0 &&
                            CPU_EQUAL(&given, &allowed);
  if (!unrestricted) sched_setaffinity(0, sizeof(allowed), &allowed);
}

}  // namespace

CoreSpread::CoreSpread(std::int32_t threads) : cores_(static_cast<std::size_t>(threads)) {
  for (auto& core : cores_) core.store(kUnknown, std::memory_order_relaxed);
}

bool CoreSpread::taken(std::int32_t thread, std::int32_t core) const {
  const std::span earlier = std::span(cores_).first(static_cast<std::size_t>(thread));
  return std::ranges::any_of(earlier, [&](const std::atomic<std::int32_t>& other) {
    return other.load(std::memory_order_relaxed) == core;
  });
}

cpu_set_t CoreSpread::others(std::int32_t thread, const cpu_set_t& allowed) const {
  const cpu_set_t free = without(allowed, cores_);
  if (CPU_COUNT(&free) > 0) return free;
  return without(allowed, std::span(cores_).first(static_cast<std::size_t>(thread)));
}

void CoreSpread::note(std::int32_t thread, std::int32_t core) {
  std::atomic<std::int32_t>& mine = cores_[static_cast<std::size_t>(thread)];
  if (mine.load(std::memory_order_relaxed) != core) mine.store(core, std::memory_order_relaxed);
}

void CoreSpread::settle(std::int32_t thread) {
  if (cores_.empty()) return;
  const std::int32_t core = sched_getcpu();
  if (!taken(thread, core)) return note(thread, core);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  const cpu_set_t elsewhere = others(thread, allowed);
  if (CPU_COUNT(&elsewhere) == 0) return;
  if (sched_setaffinity(0, sizeof(elsewhere), &elsewhere) != 0) return;
  note(thread, sched_getcpu());
  release(allowed);
}

}  // namespace sb::engine
