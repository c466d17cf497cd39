#include "cuda/devices.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/memory.h"

namespace sb::cuda {
namespace {

constexpr char kLibraryName[] = "libswitchboard_cuda.so";
constexpr std::size_t kTextBytes = 256;

std::string library_path() {
  if (const char* named = std::getenv(kLibraryVariable); named != nullptr) return named;
  Dl_info self;
  if (dladdr(reinterpret_cast<const void*>(&library_path), &self) == 0) return kLibraryName;
  const std::string path = self.dli_fname;
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? kLibraryName : path.substr(0, slash + 1) + kLibraryName;
}

// Once opened it stays: a runtime's threads may still be inside it.
Result<const Plugin*> open_library() {
  const std::string path = library_path();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(Status::kUnsupported, "%s: %s", kNoLibrary, dlerror());
  using Entry = const Plugin* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, kPluginSymbol));
  if (entry == nullptr) {
    return fail(Status::kUnsupported, "%s: %s has no %s", kNoLibrary, path.c_str(), kPluginSymbol);
  }
  const Plugin* plugin = entry();
  if (plugin->version != kPluginVersion || plugin->bytes != sizeof(Plugin)) {
    return fail(Status::kUnsupported,
                "%s: %s has a table of version %u and %u bytes, this library knows %u and %zu",
                kNoLibrary, path.c_str(), plugin->version, plugin->bytes, kPluginVersion,
                sizeof(Plugin));
  }
  return plugin;
}

Status refused(Outcome outcome, const char* text) {
  return fail(Status::kUnsupported, "%s: %s", name_of(outcome), text);
}

}  // namespace

Status device_failure(const Plugin& plugin, std::int32_t device, std::int32_t error) {
  const Status status = error == kErrorMemory      ? Status::kOutOfMemory
                        : error == kErrorRecording ? Status::kStepFailed
                                                   : Status::kDeviceLost;
  return fail(status, "device %d: %s (%d)", device, plugin.error_text(error), error);
}

Result<std::unique_ptr<Devices>> Devices::find(std::int32_t lanes) {
  Result<const Plugin*> opened = open_library();
  if (!opened.ok()) return within(opened.status(), "cuda");
  const Plugin& plugin = **opened;
  std::int32_t count = 0;
  char text[kTextBytes] = "";
  if (const Outcome outcome = plugin.probe(&count, text, sizeof(text));
      outcome != Outcome::kReady) {
    return within(refused(outcome, text), "cuda");
  }
  return std::unique_ptr<Devices>(new Devices(plugin, count, lanes));
}

Devices::~Devices() {
  unpin();
  for (std::size_t lane = 0; lane < memory_.size(); ++lane) {
    if (memory_[lane] == nullptr) continue;
    plugin_->give_back(device_of(static_cast<std::int32_t>(lane)), memory_[lane]);
  }
}

void Devices::unpin(void* memory) {
  const auto found = std::find(pinned_.begin(), pinned_.end(), memory);
  if (found == pinned_.end()) return;
  pinned_.erase(found);
  plugin_->unpin(memory);
}

void Devices::unpin() {
  for (void* memory : pinned_) plugin_->unpin(memory);
  pinned_.clear();
}

bool Devices::linked(std::int32_t first_lane, std::int32_t ranks) const {
  for (std::int32_t a = 0; a < ranks; ++a) {
    for (std::int32_t b = 0; b < ranks; ++b) {
      if (!reads(first_lane + a, first_lane + b)) return false;
    }
  }
  return true;
}

Result<DeviceInfo> Devices::open(std::int32_t device) const {
  DeviceInfo info{};
  char text[kTextBytes] = "";
  if (const Outcome outcome = plugin_->open(device, &info, text, sizeof(text));
      outcome != Outcome::kReady) {
    return within(refused(outcome, text), "cuda: device %d", device);
  }
  return info;
}

Devices::Lanes Devices::lanes_on(std::int32_t device,
                                 const std::vector<std::size_t>& lane_bytes) const {
  Lanes lanes;
  for (std::size_t lane = 0; lane < lane_bytes.size(); ++lane) {
    if (device_of(static_cast<std::int32_t>(lane)) != device) continue;
    lanes.bytes = checked_add(lanes.bytes, lane_bytes[lane]);
    ++lanes.count;
  }
  return lanes;
}

Result<DeviceRoom> Devices::tightest(const std::vector<std::size_t>& lane_bytes) const {
  const auto spare = [](const DeviceRoom& room) {
    return static_cast<double>(room.free) - static_cast<double>(room.wanted);
  };
  DeviceRoom tightest;
  bool found = false;
  for (std::int32_t device = 0; device < count_; ++device) {
    const Lanes lanes = lanes_on(device, lane_bytes);
    if (lanes.count == 0) continue;
    Result<DeviceInfo> info = open(device);
    if (!info.ok()) return info.status();
    const DeviceRoom room{lanes.bytes, info->free_bytes};
    if (!found || spare(room) < spare(tightest)) tightest = room;
    found = true;
  }
  return tightest;
}

Status Devices::take(const std::vector<std::size_t>& lane_bytes) {
  for (std::int32_t device = 0; device < count_; ++device) {
    const Lanes lanes = lanes_on(device, lane_bytes);
    if (lanes.count == 0) continue;
    Result<DeviceInfo> info = open(device);
    if (!info.ok()) return info.status();
    if (lanes.bytes <= info->free_bytes) continue;
    return fail(Status::kOutOfMemory,
                "cuda: device %d (%s): %zu bytes for %zu lanes are more than the %llu free of %llu",
                device, info->name, lanes.bytes, lanes.count,
                static_cast<unsigned long long>(info->free_bytes),
                static_cast<unsigned long long>(info->total_bytes));
  }
  for (std::size_t lane = 0; lane < lane_bytes.size(); ++lane) {
    const std::int32_t device = device_of(static_cast<std::int32_t>(lane));
    void* taken = nullptr;
    const std::int32_t error = plugin_->take(device, lane_bytes[lane], &taken);
    memory_[lane] = static_cast<std::byte*>(taken);
    if (error == 0) continue;
    return within(device_failure(*plugin_, device, error), "cuda: %zu bytes of lane %zu",
                  lane_bytes[lane], lane);
  }
  return Status::kOk;
}

Status Devices::write(std::int32_t lane, void* to, const void* from, std::size_t bytes) const {
  const std::int32_t device = device_of(lane);
  const std::int32_t error = plugin_->upload(device, to, from, bytes);
  return error == 0 ? Status::kOk : device_failure(*plugin_, device, error);
}

void Devices::pin(void* memory, std::size_t bytes) {
  if (bytes > 0 && plugin_->pin(memory, bytes) == 0) pinned_.push_back(memory);
}

}  // namespace sb::cuda
