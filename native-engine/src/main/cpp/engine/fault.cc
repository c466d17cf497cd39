#include "engine/fault.h"

#include <cinttypes>

#include "base/clock.h"
#include "base/futex.h"

namespace sb::engine {
namespace {

constexpr std::int64_t kMaxDelayNs = 3'600'000'000'000;  // an hour
constexpr std::int64_t kMaxSlowPercent = 1'000'000;

Status check_lane(const char* field, std::int32_t value, std::int32_t count) {
  if (value >= -1 && value < count) return Status::kOk;
  return fail(Status::kInvalidArgument, "%s: %d is not in -1 .. %d", field, value, count - 1);
}

Status check_amount(const Fault& fault) {
  const bool delay = fault.kind == FaultKind::kDelay;
  if (!delay && fault.kind != FaultKind::kSlow) return Status::kOk;
  const std::int64_t high = delay ? kMaxDelayNs : kMaxSlowPercent;
  if (fault.amount >= 0 && fault.amount <= high) return Status::kOk;
  return fail(Status::kInvalidArgument, "amount: %" PRId64 " is not in 0 .. %" PRId64, fault.amount,
              high);
}

}  // namespace

FaultTable::FaultTable(std::int32_t stages, std::int32_t ranks)
    : stages_(stages), ranks_(ranks), lanes_(static_cast<std::size_t>(stages * ranks)) {}

Status FaultTable::inject(const Fault& fault, std::uint64_t next_step) {
  const auto kind = static_cast<std::int32_t>(fault.kind);
  if (kind < 0 || kind >= static_cast<std::int32_t>(kFaultKinds)) {
    return fail(Status::kInvalidArgument, "kind: %d is not known", kind);
  }
  if (Status s = check_lane("stage", fault.stage, stages_); s != Status::kOk) return s;
  if (Status s = check_lane("rank", fault.rank, ranks_); s != Status::kOk) return s;
  if (Status s = check_amount(fault); s != Status::kOk) return s;

  Window window;
  window.armed = true;
  window.first = fault.first_step == 0 ? next_step : fault.first_step;
  window.last = UINT64_MAX;
  if (fault.steps != 0 && fault.steps - 1 <= UINT64_MAX - window.first) {
    window.last = window.first + fault.steps - 1;
  }
  window.amount = fault.amount;
  {
    const std::lock_guard lock(mutex_);
    for (std::int32_t lane = 0; lane < stages_ * ranks_; ++lane) {
      if (fault.stage >= 0 && fault.stage != lane / ranks_) continue;
      if (fault.rank >= 0 && fault.rank != lane % ranks_) continue;
      LaneFaults& faults = lanes_[static_cast<std::size_t>(lane)];
      if (fault.kind == FaultKind::kNone) {
        faults = {};
      } else {
        faults[static_cast<std::size_t>(kind)] = window;
      }
    }
    ever_armed_.store(true, std::memory_order_release);
  }
  wake();
  return Status::kOk;
}

ActiveFaults FaultTable::active(std::int32_t lane, std::uint64_t step) {
  ActiveFaults found;
  if (!ever_armed_.load(std::memory_order_acquire)) return found;
  const std::lock_guard lock(mutex_);
  const LaneFaults& faults = lanes_[static_cast<std::size_t>(lane)];
  const auto window = [&](FaultKind kind) { return faults[static_cast<std::size_t>(kind)]; };
  if (window(FaultKind::kDelay).covers(step)) found.delay_ns = window(FaultKind::kDelay).amount;
  if (window(FaultKind::kSlow).covers(step)) found.slow_percent = window(FaultKind::kSlow).amount;
  found.fail = window(FaultKind::kFail).covers(step);
  found.out_of_memory = window(FaultKind::kOutOfMemory).covers(step);
  found.hang = window(FaultKind::kHang).covers(step);
  return found;
}

bool FaultTable::hang(std::int32_t lane, std::uint64_t step) {
  while (true) {
    const std::uint32_t seen = changes_.load(std::memory_order_seq_cst);
    if (stopped_.load(std::memory_order_seq_cst)) return false;
    if (!active(lane, step).hang) return true;
    futex_wait(changes_, seen);
  }
}

bool FaultTable::sleep(std::int64_t ns) {
  const std::int64_t deadline = now_ns() + ns;
  while (now_ns() < deadline) {
    const std::uint32_t seen = changes_.load(std::memory_order_seq_cst);
    if (stopped_.load(std::memory_order_seq_cst)) return false;
    futex_wait(changes_, seen, deadline);
  }
  return true;
}

void FaultTable::stop() {
  stopped_.store(true, std::memory_order_seq_cst);
  wake();
}

void FaultTable::wake() {
  changes_.fetch_add(1, std::memory_order_seq_cst);
  futex_wake_all(changes_);
}

}  // namespace sb::engine
