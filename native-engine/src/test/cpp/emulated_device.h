// What tests ask of libswitchboard_emulated.so beyond what a device does.
#pragma once

#include <cstdint>

#include "cuda/plugin.h"

namespace sb::cuda::emulated {

inline constexpr std::int32_t kErrorFault = 700;  // CUDA's number of an illegal address
inline constexpr char kSettingsSymbol[] = "sb_emulated_settings";

struct Settings {
  std::int32_t devices = 1;
  Outcome probe = Outcome::kReady;
  Outcome open = Outcome::kReady;
  bool linked = true;                            // devices read one another's memory
  std::uint64_t bytes = std::uint64_t{1} << 32;  // of each device
  std::int64_t waits_left = -1;                  // after so many a device's fault; -1: never
  std::int32_t fault = kErrorFault;              // stays, but for kErrorMemory, which comes once
  // Read by tests.
  std::uint64_t taken = 0;
  std::int64_t waits = 0;
};

}  // namespace sb::cuda::emulated

extern "C" __attribute__((visibility("default"))) sb::cuda::emulated::Settings*
sb_emulated_settings();
