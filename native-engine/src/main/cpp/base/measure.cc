#include "base/measure.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/barrier.h"
#include "base/clock.h"
#include "base/machine.h"
#include "base/memory.h"

namespace sb {
namespace {

#if defined(__x86_64__)

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

// Runs prepare(index) once and then work(index) "passes" times on each of "threads" threads, which
// start every pass together; the shortest pass in nanoseconds.
template <class Prepare, class Work>
[[nodiscard]] Result<std::int64_t> best_pass(std::int32_t threads, std::int32_t passes,
                                             Prepare prepare, Work work) {
  Barrier barrier(1, threads);
  std::int64_t best_ns = INT64_MAX;
  const auto run = [&](std::int32_t index) {
    SpinBudget spin(0);
    prepare(index);
    for (std::int32_t pass = 0; pass < passes; ++pass) {
      if (!barrier.wait(0, spin)) return;
      const std::int64_t start = now_ns();
      work(index);
      if (!barrier.wait(0, spin)) return;
      if (index == 0) best_ns = std::min(best_ns, now_ns() - start);
    }
  };
  std::vector<std::thread> others;
  others.reserve(static_cast<std::size_t>(threads));
  Status status = Status::kOk;
  try {
    for (std::int32_t i = 1; i < threads; ++i) others.emplace_back(run, i);
  } catch (const std::exception& error) {
    status = fail(Status::kOutOfMemory, "threads: %s", error.what());
    barrier.poison();
  }
  if (status == Status::kOk) run(0);
  for (std::thread& other : others) other.join();
  if (status != Status::kOk) return status;
  return std::max<std::int64_t>(1, best_ns);
}

// So many instructions of each of so many independent chains: enough to hide the latency of any.
constexpr std::int64_t kInstructions = 1 << 18;
constexpr std::int64_t kChains = 12;

#if defined(__x86_64__)

// The empty asm keeps a chain in its register and its instructions where they are.
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void int8_avx512() {
  __m512i sums[kChains] = {};
  const __m512i a = _mm512_set1_epi8(3);
  for (std::int64_t i = 0; i < kInstructions; ++i) {
#pragma GCC unroll 12
    for (auto& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, a);
      asm volatile("" : "+v"(sum));
    }
  }
}

__attribute__((target("avx2"))) void int8_avx2() {
  __m256i sums[kChains] = {};
  __m256i a = _mm256_set1_epi8(3);
  for (std::int64_t i = 0; i < kInstructions; ++i) {
#pragma GCC unroll 12
    for (auto& sum : sums) {
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, a));
      asm volatile("" : "+x"(sum), "+x"(a));
    }
  }
}

__attribute__((target("avx512f,avx512bf16"))) void bf16_avx512() {
  __m512 sums[kChains] = {};
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_setzero_ps(), _mm512_setzero_ps());
  for (std::int64_t i = 0; i < kInstructions; ++i) {
#pragma GCC unroll 12
    for (auto& sum : sums) {
      sum = _mm512_dpbf16_ps(sum, a, a);
      asm volatile("" : "+v"(sum));
    }
  }
}

#endif

// A loop over a unit's widest instruction.
struct PeakLoop {
  void (*run)() = nullptr;
  std::int64_t macs_per_instruction = 0;
};

[[nodiscard]] PeakLoop peak_loop(MacUnit unit) {
#if defined(__x86_64__)
  const CpuFeatures& features = cpu_features();
  if (unit == MacUnit::kBf16) return features.avx512_bf16 ? PeakLoop{bf16_avx512, 32} : PeakLoop{};
  if (features.avx512) return {int8_avx512, 64};
  if (features.avx2) return {int8_avx2, 32};
#endif
  return {};
}

}  // namespace

Result<double> read_bandwidth(std::int32_t threads, std::uint64_t bytes, std::int32_t passes) {
  constexpr std::size_t kPiece = 4096;
  const std::size_t share = bytes / static_cast<std::size_t>(threads) / kPiece * kPiece;
  const std::size_t total = share * static_cast<std::size_t>(threads);
  if (total > available_memory_bytes()) {
    return fail(Status::kOutOfMemory, "bytes: %zu are not available", total);
  }
  Result<Arena> arena = Arena::take(total, Arena::Commit::kOnTouch, "read buffer");
  if (!arena.ok()) return arena.status();
  const auto mine = [&](std::int32_t index) {
    return arena->data() + static_cast<std::size_t>(index) * share;
  };
  const Reader reader = widest_reader();
  std::atomic<std::uint64_t> kept{0};
  // Written by its reader: the pages are real and, on a machine with several nodes, near.
  Result<std::int64_t> best = best_pass(
      threads, passes, [&](std::int32_t i) { std::fill_n(mine(i), share, std::byte{1}); },
      [&](std::int32_t i) { kept.fetch_xor(reader(mine(i), share), std::memory_order_relaxed); });
  if (!best.ok()) return best.status();
  return static_cast<double>(total) * 1e9 / static_cast<double>(*best);
}

Result<double> peak_rate(std::int32_t threads, MacUnit unit, std::int32_t passes) {
  const PeakLoop loop = peak_loop(unit);
  if (loop.run == nullptr) {
    return fail(Status::kUnsupported, "unit: this CPU has no instruction for it");
  }
  Result<std::int64_t> best =
      best_pass(threads, passes, [](std::int32_t) {}, [&](std::int32_t) { loop.run(); });
  if (!best.ok()) return best.status();
  const std::int64_t macs = threads * kInstructions * kChains * loop.macs_per_instruction;
  return static_cast<double>(macs) * 1e9 / static_cast<double>(*best);
}

}  // namespace sb
