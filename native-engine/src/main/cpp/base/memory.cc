#include "base/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

#include "base/control_group.h"

namespace sb {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kPage = 4096;

// Takes every page now. Kernels before 5.14 do not know the advice; then each page is touched.
void populate(std::byte* data, std::size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  if (madvise(data, bytes, MADV_POPULATE_WRITE) == 0) return;
#endif
  for (std::size_t at = 0; at < bytes; at += kPage) data[at] = std::byte{0};
}

std::uint64_t machine_available() {
  std::ifstream meminfo("/proc/meminfo");
  std::string name;
  std::string unit;
  std::uint64_t kib = 0;
  while (meminfo >> name >> kib) {
    if (name == "MemAvailable:") return kib * 1024;
    std::getline(meminfo, unit);
  }
  return std::numeric_limits<std::uint64_t>::max();
}

}  // namespace

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

Result<Arena> Arena::take(std::size_t bytes, Commit commit, const char* what) {
  if (bytes == 0) return Arena();
  void* mapped = MAP_FAILED;
  if (bytes != std::numeric_limits<std::size_t>::max()) {
    mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  if (mapped == MAP_FAILED) {
    return fail(Status::kOutOfMemory, "%s: %zu bytes could not be mapped: %s", what, bytes,
                std::strerror(errno));
  }
  auto* data = static_cast<std::byte*>(mapped);
  if (bytes >= kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
  if (commit == Commit::kNow) populate(data, bytes);
  return Arena(data, bytes);
}

std::uint64_t available_memory_bytes() {
  return std::min(machine_available(),
                  control_group_available("/proc/self/cgroup", "/sys/fs/cgroup"));
}

}  // namespace sb
