// Keeps the engine's threads off each other's cores.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sb::engine {

// The kernel sometimes wakes two ranks on one core and leaves them there for tens of milliseconds
// while another core idles: behind a gateway on two cores a quarter of the cold prompts took twice
// as long. Pinning would avoid that too, but a pinned thread stays behind whatever else its core is
// given. So a thread that continues on the core of an earlier one is moved to another core
// once, and then left to the kernel again. Only the later of two moves, or both would.
class CoreSpread {
 public:
  // 0 threads: nobody is moved, since there are fewer cores than threads.
  explicit CoreSpread(std::int32_t threads);

  // Called by the thread with that number when it takes up a step or leaves a meeting.
  void settle(std::int32_t thread);

  // Whether an earlier thread has this core.
  [[nodiscard]] bool taken(std::int32_t thread, std::int32_t core) const;
  // Of the cores allowed those that nobody has, else those that no earlier thread has.
  [[nodiscard]] cpu_set_t others(std::int32_t thread, const cpu_set_t& allowed) const;
  void note(std::int32_t thread, std::int32_t core);

 private:
  static constexpr std::int32_t kUnknown = -1;

  // Of each thread, the core it was last seen on. Read by all at every step, rarely written.
  std::vector<std::atomic<std::int32_t>> cores_;
};

}  // namespace sb::engine
