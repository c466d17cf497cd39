// The devices an engine runs on, and the memory its lanes have there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "cuda/plugin.h"

namespace sb::cuda {

// Names the library, where it is not libswitchboard_cuda.so beside this one.
inline constexpr char kLibraryVariable[] = "SWITCHBOARD_CUDA_LIBRARY";

// What lanes are to take of a device, and what it has free.
struct DeviceRoom {
  std::size_t wanted = 0;
  std::uint64_t free = 0;
};

// Opens the library and looks for devices. Every reason why there is none is kUnsupported, and its
// text begins with a name: kNoLibrary, or that of an outcome (cuda/plugin.h).
class Devices {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Devices>> find(std::int32_t lanes);
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;
  ~Devices();

  [[nodiscard]] const Plugin& plugin() const { return *plugin_; }
  // Lanes go round the visible devices. CUDA_VISIBLE_DEVICES chooses and orders these.
  [[nodiscard]] std::int32_t device_of(std::int32_t lane) const { return lane % count_; }
  // Whether a lane can read the memory of another one.
  [[nodiscard]] bool reads(std::int32_t lane, std::int32_t other) const {
    return plugin_->link(device_of(lane), device_of(other));
  }
  // Whether all ranks of a stage can read one another's memory.
  [[nodiscard]] bool linked(std::int32_t first_lane, std::int32_t ranks) const;

  // Begins to use the devices, and finds the one that has the least to spare for lanes so large.
  [[nodiscard]] Result<DeviceRoom> tightest(const std::vector<std::size_t>& lane_bytes) const;
  // Begins to use the devices and takes each lane's memory; kOutOfMemory says what was needed and
  // what the device had.
  Status take(const std::vector<std::size_t>& lane_bytes);
  [[nodiscard]] std::byte* memory(std::int32_t lane) const {
    return memory_[static_cast<std::size_t>(lane)];
  }
  // Writes to a lane's memory; complete on return.
  Status write(std::int32_t lane, void* to, const void* from, std::size_t bytes) const;
  // Lets the devices copy from and to the host's memory at their own pace, where they can.
  void pin(void* memory, std::size_t bytes);
  // Before that memory is given back; without a piece all that still is pinned.
  void unpin(void* memory);
  void unpin();

 private:
  Devices(const Plugin& plugin, std::int32_t count, std::int32_t lanes)
      : plugin_(&plugin), count_(count), memory_(static_cast<std::size_t>(lanes)) {}

  struct Lanes {
    std::size_t bytes = 0;
    std::size_t count = 0;
  };
  [[nodiscard]] Lanes lanes_on(std::int32_t device,
                               const std::vector<std::size_t>& lane_bytes) const;
  [[nodiscard]] Result<DeviceInfo> open(std::int32_t device) const;

  const Plugin* plugin_;
  const std::int32_t count_;
  std::vector<std::byte*> memory_;  // per lane
  std::vector<void*> pinned_;
};

// The status of a runtime's error, and its text on the calling thread.
Status device_failure(const Plugin& plugin, std::int32_t device, std::int32_t error);

}  // namespace sb::cuda
