// The runtime of the emulated device: its memory is the host's, a stream's work has ended when the
// call returns, and what goes wrong is what a test has asked for.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda/library/runtime.h"
#include "emulated_device.h"
#include "simt/machine.h"

namespace sb::cuda::runtime {
namespace {

constexpr std::size_t kAlignment = 256;  // as cudaMalloc's

// What a test in another process asks for by the environment.
emulated::Settings settings_of_process() {
  emulated::Settings settings;
  if (const char* bytes = std::getenv(emulated::kBytesVariable); bytes != nullptr) {
    settings.bytes = std::strtoull(bytes, nullptr, 10);
  }
  return settings;
}

// Whoever takes the file away has the fault; a process that is started next has none.
bool fault_is_asked_for() {
  static const char* const file = std::getenv(emulated::kFaultVariable);
  return file != nullptr && unlink(file) == 0;
}

std::mutex mutex;
emulated::Settings settings = settings_of_process();
std::map<void*, std::size_t> pieces;
std::map<const std::byte*, std::size_t> pinned;

bool is_pinned(const void* memory, std::size_t bytes) {
  const auto* begin = static_cast<const std::byte*>(memory);
  const auto after = pinned.upper_bound(begin);
  if (after == pinned.begin()) return false;
  const auto& [piece, size] = *std::prev(after);
  return begin + bytes <= piece + size;
}

simt::Tape* tape_of(Stream stream) { return static_cast<simt::Tape*>(stream.handle); }

using Launches = std::vector<std::function<void()>>;

Outcome told(Outcome outcome, char* text, std::size_t bytes) {
  if (outcome != Outcome::kReady) std::snprintf(text, bytes, "as the test has asked for");
  return outcome;
}

}  // namespace

const char* const kName = "emulated";

Outcome probe(std::int32_t* devices, char* text, std::size_t text_bytes) {
  *devices = settings.devices;
  return told(settings.probe, text, text_bytes);
}

Outcome open(std::int32_t /*device*/, DeviceInfo* info, char* text, std::size_t text_bytes) {
  const std::lock_guard lock(mutex);
  std::snprintf(info->name, sizeof(info->name), "emulated");
  std::snprintf(info->pci, sizeof(info->pci), "0000:00:00.0");
  info->multiprocessors = 1;
  info->total_bytes = settings.bytes;
  info->free_bytes = settings.bytes - settings.taken;
  return told(settings.open, text, text_bytes);
}

const char* error_text(std::int32_t error) {
  return error == kErrorMemory ? "out of memory" : "an illegal memory access was encountered";
}

std::int32_t take(std::int32_t /*device*/, std::size_t bytes, void** memory) {
  const std::lock_guard lock(mutex);
  const std::size_t whole = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (settings.taken + whole > settings.bytes) return kErrorMemory;
  *memory = std::aligned_alloc(kAlignment, whole);
  if (*memory == nullptr) return kErrorMemory;
  std::memset(*memory, 0, whole);
  settings.taken += whole;
  pieces[*memory] = whole;
  return 0;
}

void give_back(std::int32_t /*device*/, void* memory) {
  const std::lock_guard lock(mutex);
  settings.taken -= pieces.at(memory);
  pieces.erase(memory);
  std::free(memory);
}

std::int32_t pin(void* memory, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  if (!settings.pins) return kErrorMemory;
  pinned[static_cast<std::byte*>(memory)] = bytes;
  settings.pinned += bytes;
  return 0;
}

void unpin(void* memory) {
  const std::lock_guard lock(mutex);
  const auto found = pinned.find(static_cast<std::byte*>(memory));
  settings.pinned -= found->second;
  pinned.erase(found);
}

bool link(std::int32_t device, std::int32_t peer) { return device == peer || settings.linked; }

std::int32_t begin_stream(std::int32_t /*device*/, Stream* stream) {
  stream->handle = new simt::Tape;
  return 0;
}
void end_stream(std::int32_t /*device*/, Stream stream) { delete tape_of(stream); }
std::int32_t use(std::int32_t /*device*/) {
  const std::lock_guard lock(mutex);
  simt::put_clock_ahead(settings.clock_ahead_ns);
  return 0;
}

std::int32_t upload(std::int32_t /*device*/, void* to, const void* from, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  settings.uploaded += bytes;
  if (is_pinned(from, bytes)) settings.uploaded_pinned += bytes;
  if (settings.watched != nullptr) {
    const std::uint64_t now = __atomic_load_n(settings.watched, __ATOMIC_RELAXED);
    settings.watched_values += now == settings.watched_last ? 0 : 1;
    settings.watched_last = now;
  }
  std::memcpy(to, from, bytes);
  return 0;
}

std::int32_t copy_in(Stream stream, void* to, const void* from, std::size_t bytes) {
  if (tape_of(stream)->records) return emulated::kErrorRecording;
  {
    const std::lock_guard lock(mutex);
    settings.copied_in += bytes;
  }
  std::memcpy(to, from, bytes);
  return 0;
}

std::int32_t copy_out(Stream stream, void* to, std::size_t to_stride, const void* from,
                      std::size_t from_stride, std::size_t bytes, std::size_t rows) {
  if (tape_of(stream)->records) return emulated::kErrorRecording;
  {
    const std::lock_guard lock(mutex);
    settings.copied_out += bytes * rows;
  }
  for (std::size_t row = 0; row < rows; ++row) {
    std::memcpy(static_cast<std::byte*>(to) + row * to_stride,
                static_cast<const std::byte*>(from) + row * from_stride, bytes);
  }
  return 0;
}

std::int32_t record(Stream stream) {
  tape_of(stream)->records = true;
  return 0;
}

std::int32_t seal(Stream stream, Graph* graph) {
  const std::lock_guard lock(mutex);
  simt::Tape& tape = *tape_of(stream);
  tape.records = false;
  Launches launches = std::exchange(tape.launches, {});
  if (!settings.records) return kErrorMemory;
  ++settings.recordings;
  ++settings.graphs;
  graph->handle = new Launches(std::move(launches));
  return 0;
}

std::int32_t replay(Stream /*stream*/, Graph graph) {
  for (const auto& launch : *static_cast<Launches*>(graph.handle)) launch();
  const std::lock_guard lock(mutex);
  ++settings.replays;
  return 0;
}

void forget(std::int32_t /*device*/, Graph graph) {
  const std::lock_guard lock(mutex);
  --settings.graphs;
  delete static_cast<Launches*>(graph.handle);
}

std::int32_t wait(Stream stream) {
  if (tape_of(stream)->records) return emulated::kErrorRecording;
  const std::lock_guard lock(mutex);
  ++settings.waits;
  if (fault_is_asked_for()) settings.waits_left = 0;
  if (settings.waits_left < 0) return 0;
  if (settings.waits_left > 0) {
    --settings.waits_left;
    return 0;
  }
  if (settings.fault == kErrorMemory) settings.waits_left = -1;
  return settings.fault;
}

}  // namespace sb::cuda::runtime

sb::cuda::emulated::Settings* sb_emulated_settings() { return &sb::cuda::runtime::settings; }
