#include "engine/config.h"

namespace sb::engine {
namespace {

struct RangeCheck {
  const char* field;
  std::int32_t value;
  std::int32_t low;
  std::int32_t high;
};

}  // namespace

Status validate(const Config& config) {
  constexpr std::int32_t kMillion = 1 << 20;
  const RangeCheck checks[] = {
      {"stages", config.stages, 1, kMaxStages},
      {"ranks", config.ranks, 1, kMaxRanks},
      {"threads", config.threads, 1, 256},
      {"kv_blocks", config.kv_blocks, 1, 1 << 24},
      {"max_rows", config.max_rows, 1, 1 << 16},
      {"max_step_tokens", config.max_step_tokens, 1, kMillion},
      {"max_step_outputs", config.max_step_outputs, 1, kMillion},
      {"max_in_flight", config.max_in_flight, 1, kMaxInFlight},
      {"timeline_records", config.timeline_records, 0, kMillion},
      {"hang_timeout_ms", config.hang_timeout_ms, 0, INT32_MAX},
      {"mask_slots", config.mask_slots, 0, 1 << 17},
  };
  for (const RangeCheck& check : checks) {
    if (check.value >= check.low && check.value <= check.high) continue;
    return fail(Status::kInvalidArgument, "%s: %d is not in %d .. %d", check.field, check.value,
                check.low, check.high);
  }
  // A token is a block of a kernel's grid, which has so many at most in its second direction.
  constexpr std::int32_t kMaxDeviceTokens = 65'535;
  if (config.on_device && config.max_step_tokens > kMaxDeviceTokens) {
    return fail(Status::kInvalidArgument, "max_step_tokens: %d is not in 1 .. %d on a device",
                config.max_step_tokens, kMaxDeviceTokens);
  }
  const std::int32_t block = config.kv_block_tokens;
  if (block != 16 && block != 32 && block != 64) {
    return fail(Status::kInvalidArgument, "kv_block_tokens: %d is not 16, 32 or 64", block);
  }
  // A reader needs a second record, to know that the one it reads is not being overwritten.
  if ((config.timeline_records & (config.timeline_records - 1)) != 0 ||
      config.timeline_records == 1) {
    return fail(Status::kInvalidArgument, "timeline_records: %d is not a power of two above 1",
                config.timeline_records);
  }
  if (!ops::isa_supported(config.isa)) {
    return fail(Status::kUnsupported, "isa: this CPU cannot run %d", static_cast<int>(config.isa));
  }
  return Status::kOk;
}

}  // namespace sb::engine
