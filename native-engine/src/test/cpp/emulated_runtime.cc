// The runtime of the emulated device: its memory is the host's, a stream's work is done when it is
// waited for, and what goes wrong is what a test has asked for.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "cuda/library/runtime.h"
#include "emulated_device.h"
#include "emulated_streams.h"
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

emulated::Queue& queue_of(Stream stream) {
  return *static_cast<emulated::Queue*>(static_cast<simt::Queue*>(stream.handle));
}
emulated::Marker& marker_of(Mark mark) { return *static_cast<emulated::Marker*>(mark.handle); }

using SharedRecording = std::shared_ptr<emulated::Recording>;

// The host thread's first error of what says none by itself.
thread_local std::int32_t last_error = 0;

// Marks that the host will wait for.
std::set<const emulated::Marker*> unawaited;

bool has_unawaited(const emulated::Queue& queue) {
  return std::any_of(unawaited.begin(), unawaited.end(), [&](const emulated::Marker* marker) {
    return marker->latest->queue == &queue;
  });
}

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

std::int32_t begin_stream(std::int32_t device, Stream* stream) {
  stream->handle = static_cast<simt::Queue*>(new emulated::Queue(device, settings));
  return 0;
}
void end_stream(std::int32_t /*device*/, Stream stream) {
  const std::lock_guard lock(mutex);
  settings.put_off += queue_of(stream).left();
  delete &queue_of(stream);
}
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
  if (queue_of(stream).records()) return emulated::kErrorForbidden;
  {
    const std::lock_guard lock(mutex);
    const bool fails =
        settings.fault_device < 0 || settings.fault_device == queue_of(stream).device();
    if (fails && std::exchange(settings.copy_fails, false)) return kErrorMemory;
    settings.copied_in += bytes;
  }
  queue_of(stream).put_copy([=] { std::memcpy(to, from, bytes); });
  return 0;
}

std::int32_t copy_out(Stream stream, void* to, std::size_t to_stride, const void* from,
                      std::size_t from_stride, std::size_t bytes, std::size_t rows) {
  if (queue_of(stream).records()) return emulated::kErrorForbidden;
  {
    const std::lock_guard lock(mutex);
    settings.copied_out += bytes * rows;
  }
  queue_of(stream).put_copy([=] {
    for (std::size_t row = 0; row < rows; ++row) {
      std::memcpy(static_cast<std::byte*>(to) + row * to_stride,
                  static_cast<const std::byte*>(from) + row * from_stride, bytes);
    }
  });
  return 0;
}

std::int32_t copy_across(Stream stream, void* to, const void* from, std::size_t bytes) {
  if (queue_of(stream).records()) return emulated::kErrorForbidden;
  {
    const std::lock_guard lock(mutex);
    settings.copied_across += bytes;
  }
  queue_of(stream).put_copy([=] { std::memcpy(to, from, bytes); });
  return 0;
}

// With the lock.
std::int32_t outcome_of_wait(const emulated::Queue& queue) {
  ++settings.waits;
  if (const std::int32_t error = std::exchange(last_error, 0); error != 0) return error;
  if (fault_is_asked_for()) settings.waits_left = 0;
  if (settings.waits_left < 0) return 0;
  if (settings.fault_device >= 0 && settings.fault_device != queue.device()) return 0;
  if (settings.waits_left > 0) {
    --settings.waits_left;
    return 0;
  }
  if (settings.fault == kErrorMemory) settings.waits_left = -1;
  return settings.fault;
}

std::int32_t begin_mark(std::int32_t /*device*/, Mark* mark) {
  mark->handle = new emulated::Marker;
  return 0;
}
void end_mark(std::int32_t /*device*/, Mark mark) {
  const std::lock_guard lock(mutex);
  unawaited.erase(&marker_of(mark));
  delete &marker_of(mark);
}
void put_mark(Stream stream, Mark mark) { queue_of(stream).put_mark(marker_of(mark)); }
void follow(Stream stream, Mark mark) {
  bool left_out = false;
  {
    const std::lock_guard lock(mutex);
    left_out = settings.follows++ == settings.left_out;
  }
  if (queue_of(stream).follow(marker_of(mark), left_out)) return;
  if (last_error == 0) last_error = emulated::kErrorForbidden;
}

std::int32_t put_end(Stream stream, Mark mark) {
  emulated::Queue& queue = queue_of(stream);
  if (queue.records()) return emulated::kErrorForbidden;
  emulated::Marker& marker = marker_of(mark);
  const std::lock_guard lock(mutex);
  __atomic_add_fetch(&settings.marks, 1, __ATOMIC_RELAXED);
  settings.marks_ahead += has_unawaited(queue) ? 1 : 0;
  if (settings.marks_left >= 0 && settings.marks_left-- == 0) return kErrorMemory;
  queue.put_mark(marker);
  marker.looks = 0;
  unawaited.insert(&marker);
  return std::exchange(last_error, 0);
}

std::int32_t await(Mark mark) {
  emulated::Marker& marker = marker_of(mark);
  emulated::Queue& queue = *marker.latest->queue;
  queue.finish_until(*marker.latest);
  const std::lock_guard lock(mutex);
  unawaited.erase(&marker);
  return outcome_of_wait(queue);
}

bool passed(Mark mark) {
  emulated::Marker& marker = marker_of(mark);
  const std::int64_t looks = __atomic_load_n(&settings.looks, __ATOMIC_RELAXED);
  return marker.latest->passed || ++marker.looks > looks;
}

std::int32_t record(Stream stream) {
  queue_of(stream).record();
  return 0;
}

std::int32_t seal(Stream stream, Graph* graph) {
  SharedRecording recording = queue_of(stream).seal();
  const std::lock_guard lock(mutex);
  if (settings.record_error != 0) return settings.record_error;
  const std::int32_t error = std::exchange(last_error, 0);
  if (error != 0 || recording == nullptr) return emulated::kErrorForbidden;
  ++settings.recordings;
  ++settings.graphs;
  graph->handle = new SharedRecording(std::move(recording));
  return 0;
}

std::int32_t replay(Stream stream, Graph graph) {
  queue_of(stream).replay(*static_cast<SharedRecording*>(graph.handle));
  const std::lock_guard lock(mutex);
  ++settings.replays;
  return 0;
}

void forget(std::int32_t /*device*/, Graph graph) {
  const std::lock_guard lock(mutex);
  --settings.graphs;
  delete static_cast<SharedRecording*>(graph.handle);
}

std::int32_t wait(Stream stream) {
  emulated::Queue& queue = queue_of(stream);
  if (queue.records()) return emulated::kErrorForbidden;
  queue.finish();
  const std::lock_guard lock(mutex);
  return outcome_of_wait(queue);
}

}  // namespace sb::cuda::runtime

sb::cuda::emulated::Settings* sb_emulated_settings() { return &sb::cuda::runtime::settings; }
