#include "base/machine.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "base/barrier.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/team.h"

namespace sb {
namespace {

#if defined(__x86_64__)

[[nodiscard]] bool cpu_has_amx_int8() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & (1U << 25)) != 0;
}

// Each reader folds what it loads into a value the caller keeps, so no load can be dropped. Four
// independent registers keep enough loads in flight to fill the memory pipeline.
__attribute__((target("avx512f"))) std::uint64_t read_avx512(const std::byte* data,
                                                             std::size_t bytes) {
  __m512i sum[4] = {};
  for (std::size_t at = 0; at + 256 <= bytes; at += 256) {
    for (std::size_t lane = 0; lane < 4; ++lane) {
      sum[lane] = _mm512_xor_si512(sum[lane], _mm512_load_si512(data + at + 64 * lane));
    }
  }
  const __m512i all =
      _mm512_xor_si512(_mm512_xor_si512(sum[0], sum[1]), _mm512_xor_si512(sum[2], sum[3]));
  alignas(64) std::uint64_t words[8];
  _mm512_store_si512(words, all);
  return words[0] ^ words[1] ^ words[2] ^ words[3] ^ words[4] ^ words[5] ^ words[6] ^ words[7];
}

__attribute__((target("avx2"))) std::uint64_t read_avx2(const std::byte* data, std::size_t bytes) {
  __m256i sum[4] = {};
  for (std::size_t at = 0; at + 128 <= bytes; at += 128) {
    for (std::size_t lane = 0; lane < 4; ++lane) {
      const auto* piece = reinterpret_cast<const __m256i*>(data + at + 32 * lane);
      sum[lane] = _mm256_xor_si256(sum[lane], _mm256_load_si256(piece));
    }
  }
  const __m256i all =
      _mm256_xor_si256(_mm256_xor_si256(sum[0], sum[1]), _mm256_xor_si256(sum[2], sum[3]));
  alignas(32) std::uint64_t words[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(words), all);
  return words[0] ^ words[1] ^ words[2] ^ words[3];
}

#endif

std::uint64_t read_words(const std::byte* data, std::size_t bytes) {
  std::uint64_t sum[8] = {};
  const auto* words = reinterpret_cast<const std::uint64_t*>(data);
  for (std::size_t at = 0; at + 8 <= bytes / 8; at += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) sum[lane] ^= words[at + lane];
  }
  return sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
}

using Reader = std::uint64_t (*)(const std::byte*, std::size_t);

[[nodiscard]] Reader widest_reader() {
#if defined(__x86_64__)
  if (cpu_features().avx512) return read_avx512;
  if (cpu_features().avx2) return read_avx2;
#endif
  return read_words;
}

struct Measurement {
  std::byte* data;
  std::int32_t threads;
  std::size_t bytes_per_thread;
  std::int32_t passes;
  Reader reader;
  Barrier barrier;
  std::atomic<std::uint64_t> kept{0};
  std::int64_t best_ns = INT64_MAX;

  Measurement(std::byte* memory, std::int32_t thread_count, std::size_t share, std::int32_t rounds)
      : data(memory),
        threads(thread_count),
        bytes_per_thread(share),
        passes(rounds),
        reader(widest_reader()),
        barrier(1, thread_count) {}

  void run(std::int32_t index) {
    SpinBudget spin(0);
    std::byte* mine = data + static_cast<std::size_t>(index) * bytes_per_thread;
    // Written by its reader: the pages are real and, on a machine with several nodes, near.
    std::fill_n(mine, bytes_per_thread, std::byte{1});
    for (std::int32_t pass = 0; pass < passes; ++pass) {
      if (!barrier.wait(0, spin)) return;
      const std::int64_t start = now_ns();
      kept.fetch_xor(reader(mine, bytes_per_thread), std::memory_order_relaxed);
      if (!barrier.wait(0, spin)) return;
      if (index == 0) best_ns = std::min(best_ns, now_ns() - start);
    }
  }
};

}  // namespace

CpuFeatures cpu_features() {
  CpuFeatures features;
#if defined(__x86_64__)
  features.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  features.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vnni");
  features.avx512_bf16 = __builtin_cpu_supports("avx512bf16");
  features.amx_int8 = cpu_has_amx_int8();
#endif
  return features;
}

std::int32_t available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return static_cast<std::int32_t>(std::max(1U, std::thread::hardware_concurrency()));
}

Result<double> read_bandwidth(std::int32_t threads, std::uint64_t bytes, std::int32_t passes) {
  constexpr std::size_t kPiece = 4096;
  const std::size_t share = bytes / static_cast<std::size_t>(threads) / kPiece * kPiece;
  const std::size_t total = share * static_cast<std::size_t>(threads);
  if (total > available_memory_bytes()) {
    return fail(Status::kOutOfMemory, "bytes: %zu are not available", total);
  }
  Result<Arena> arena = Arena::take(total, Arena::Commit::kOnTouch, "read buffer");
  if (!arena.ok()) return arena.status();
  Measurement measurement(arena->data(), threads, share, passes);
  std::vector<std::thread> readers;
  Status status = Status::kOk;
  try {
    for (std::int32_t i = 1; i < threads; ++i) {
      readers.emplace_back([&measurement, i] { measurement.run(i); });
    }
  } catch (const std::system_error& error) {
    status = fail(Status::kOutOfMemory, "threads: %s", error.what());
    measurement.barrier.poison();
  }
  if (status == Status::kOk) measurement.run(0);
  for (std::thread& reader : readers) reader.join();
  if (status != Status::kOk) return status;
  return static_cast<double>(total) * 1e9 /
         static_cast<double>(std::max<std::int64_t>(1, measurement.best_ns));
}

}  // namespace sb
