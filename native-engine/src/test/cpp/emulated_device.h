// What tests ask of libswitchboard_emulated.so beyond what a device does.
#pragma once

#include <cstdint>

#include "cuda/plugin.h"

namespace sb::cuda::emulated {

inline constexpr std::int32_t kErrorFault = 700;  // CUDA's number of an illegal address
// Of what may not be done while a stream records.
inline constexpr std::int32_t kErrorForbidden = 900;
inline constexpr char kSettingsSymbol[] = "sb_emulated_settings";

// Variables by which a process that has the library as its SWITCHBOARD_CUDA_LIBRARY is told: the
// bytes of each device, and a file that a test makes when a device is to fail for good. The library
// takes the file away.
inline constexpr char kBytesVariable[] = "SWITCHBOARD_EMULATED_BYTES";
inline constexpr char kFaultVariable[] = "SWITCHBOARD_EMULATED_FAULT";

struct Settings {
  std::int32_t devices = 1;
  Outcome probe = Outcome::kReady;
  Outcome open = Outcome::kReady;
  bool linked = true;                            // devices read one another's memory
  std::uint64_t bytes = std::uint64_t{1} << 32;  // of each device
  std::int64_t waits_left = -1;                  // after so many a device's fault; -1: never
  std::int32_t fault = kErrorFault;              // stays, but for kErrorMemory, which comes once
  std::int32_t fault_device = -1;                // whose waits these are; -1: all devices'
  bool copy_fails = false;          // memory runs out in the next copy to such a device
  std::int32_t first_stream = 0;    // of those that follow one another, which goes first
  std::int64_t left_out = -1;       // which of all waits of streams for others is not
  std::int64_t clock_ahead_ns = 0;  // of the host's
  std::int32_t slow_device = -1;    // takes 0.2 ms more for each kernel
  std::int32_t late_device = -1;    // begins 50 ms after it was asked, and the host waits for that
  std::int32_t record_error = 0;    // what making a graph of a recording ends in
  bool pins = true;                 // whether the host's memory can be pinned
  std::int64_t looks = 0;           // at a mark, before its work is done
  std::int64_t marks_left = -1;  // after so many a launch has failed for want of memory; -1: never
  const std::uint64_t* watched = nullptr;  // a number that an upload looks at, such as progress
  // Read by tests.
  std::uint64_t taken = 0;
  std::uint64_t pinned = 0;    // bytes of the host now
  std::uint64_t uploaded = 0;  // bytes, and of these from pinned memory
  std::uint64_t uploaded_pinned = 0;
  std::uint64_t copied_in = 0;  // bytes of streams
  std::uint64_t copied_out = 0;
  std::uint64_t copied_across = 0;
  std::uint64_t watched_values = 0;  // different ones that were seen
  std::uint64_t watched_last = 0;
  std::int64_t kernels = 0;      // that were run, those of graphs too
  std::int64_t overlapped = 0;   // of these, that began before the one before had run
  std::int64_t waits = 0;        // for streams and marks
  std::int64_t follows = 0;      // of streams for others
  std::int64_t marks = 0;        // for the host
  std::int64_t marks_ahead = 0;  // of these while the one before was not waited for
  std::int64_t put_off = 0;      // work that was left in a stream when it ended
  std::int64_t recordings = 0;
  std::int64_t recorded_first = 0;  // kernels that a stream recorded before it had launched one
  std::int64_t replays = 0;
  std::int64_t graphs = 0;  // that are there now
};

}  // namespace sb::cuda::emulated

extern "C" __attribute__((visibility("default"))) sb::cuda::emulated::Settings*
sb_emulated_settings();
