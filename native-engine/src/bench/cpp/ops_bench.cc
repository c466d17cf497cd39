// What the kernels reach on one thread: weights' bytes per second when one token is computed, and
// multiply-adds per second for many.
//
//   cmake --preset release -DSB_BENCH=ON && cmake --build --preset release --target sb_bench
//   build/release/sb_bench --benchmark_filter=matmul
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "ops/op.h"

namespace sb::ops {
namespace {

// Memory as the engine takes it: huge pages where the system gives them.
Arena arena(std::size_t bytes) {
  Result<Arena> taken = Arena::take(bytes, Arena::Commit::kNow, "benchmark");
  if (!taken.ok()) std::abort();
  return std::move(*taken);
}

// Speed does not depend on the values, but not-a-numbers would be unlike real work: bytes of 0x24
// are small numbers in every format.
struct Weights {
  Matrix matrix;
  Arena memory;

  Weights(WeightType type, std::int64_t rows, std::int64_t cols) {
    matrix.type = type;
    matrix.rows = rows;
    matrix.cols = cols;
    matrix.group_bytes = packed_group_bytes(type, cols, 0);
    memory = arena(matrix.bytes());
    std::memset(memory.data(), 0x24, matrix.bytes());
    matrix.data = bytes();
  }

  [[nodiscard]] std::uint8_t* bytes() const {
    return reinterpret_cast<std::uint8_t*>(memory.data());
  }
};

struct Input {
  std::vector<float> x;
  std::vector<std::int8_t> q;
  std::vector<float> scale;
  std::vector<BlockSum> sum;
  Activations activations;

  Input(const Kernels& ops, std::int64_t m, std::int64_t k)
      : x(static_cast<std::size_t>(m * k)), q(x.size()), scale(x.size() / 32), sum(x.size() / 32) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) - 8.0f;
    ops.quantise(x.data(), k, 0, m, q.data(), scale.data(), sum.data());
    activations = {m, k, x.data(), q.data(), scale.data(), sum.data()};
  }
};

// A matrix of about 128 MiB packed: beyond every cache, as a model is.
void decode(benchmark::State& state, Isa isa, WeightType type) {
  const Kernels& ops = kernels(isa);
  const std::int64_t k = 2048;
  const auto group_bytes = static_cast<std::int64_t>(packed_group_bytes(type, k, 0));
  const Weights w(type, (std::int64_t{128} << 20) / group_bytes * kRowGroup, k);
  const std::int64_t m = state.range(0);
  const Input in(ops, m, k);
  std::vector<float> y(static_cast<std::size_t>(m * w.matrix.rows));
  for (auto _ : state) {
    ops.matmul(w.matrix, in.activations, nullptr, y.data(), w.matrix.rows, 0, w.matrix.groups());
    benchmark::ClobberMemory();
  }
  const double calls = static_cast<double>(state.iterations());
  state.counters["GB/s"] = benchmark::Counter(calls * static_cast<double>(w.matrix.bytes()) * 1e-9,
                                              benchmark::Counter::kIsRate);
  state.counters["GMAC/s"] = benchmark::Counter(
      calls * static_cast<double>(m * w.matrix.rows * k) * 1e-9, benchmark::Counter::kIsRate);
}

void prefill(benchmark::State& state, Isa isa, WeightType type) {
  const Kernels& ops = kernels(isa);
  const std::int64_t m = state.range(0);
  const std::int64_t k = state.range(1);
  const Weights w(type, 2048, k);
  const Input in(ops, m, k);
  std::vector<float> y(static_cast<std::size_t>(m * w.matrix.rows));
  for (auto _ : state) {
    ops.matmul(w.matrix, in.activations, nullptr, y.data(), w.matrix.rows, 0, w.matrix.groups());
    benchmark::ClobberMemory();
  }
  state.counters["GMAC/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(m * w.matrix.rows * k) * 1e-9,
      benchmark::Counter::kIsRate);
}

// The bound of decode: one thread reads memory beyond every cache, by the C library's vector loop
// that looks for an absent byte.
void read_bandwidth(benchmark::State& state) {
  const std::size_t n = std::size_t{256} << 20;
  const Arena memory = arena(n);
  std::memset(memory.data(), 1, n);
  for (auto _ : state) benchmark::DoNotOptimize(std::memchr(memory.data(), 2, n));
  state.counters["GB/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(n) * 1e-9,
                         benchmark::Counter::kIsRate);
}

// A third number: tokens that attend together.
void attention(benchmark::State& state, Isa isa, KvType type) {
  const Kernels& ops = kernels(isa);
  const std::int32_t context = 2048;
  const std::int32_t block_tokens = 32;
  const std::int32_t dim = static_cast<std::int32_t>(state.range(0));
  const std::int32_t queries = static_cast<std::int32_t>(state.range(1));
  const std::int32_t n_blocks = context / block_tokens;
  const std::size_t bytes = static_cast<std::size_t>(context * dim) * 4;
  const Arena k = arena(bytes);
  const Arena v = arena(bytes);
  const KvView kv = {k.data(), v.data(), type, block_tokens, 1, dim};
  // Drawn, so that maxima grow here and there, as they do in a model.
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const auto draw = [&](std::vector<float>& values) {
    for (float& value : values) value = normal(random);
  };
  std::vector<float> key(static_cast<std::size_t>(dim));
  std::vector<float> value(key.size());
  for (std::int32_t t = 0; t < context; ++t) {
    draw(key);
    draw(value);
    ops.kv_store(kv, t / block_tokens, t % block_tokens, 0, key.data(), value.data());
  }
  std::vector<std::int32_t> blocks;
  for (std::int32_t b = 0; b < n_blocks; ++b) blocks.push_back(b);
  const std::int32_t tokens = static_cast<std::int32_t>(state.range(2));
  std::vector<float> q(static_cast<std::size_t>(tokens * queries * dim));
  draw(q);
  std::vector<float> out(q.size());
  std::vector<float> scratch(attention_run_floats(queries, block_tokens, dim));
  std::vector<AttentionSpan> spans;
  for (std::int32_t i = tokens; i > 0; --i) spans.push_back({0, context + 1 - i, 0.125f, 0});
  for (auto _ : state) {
    ops.attention_run(kv, blocks, 0, spans, q.data(), queries * dim, queries, out.data(),
                      scratch.data());
    benchmark::ClobberMemory();
  }
  state.counters["GMAC/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * 2 * context * dim * queries * tokens * 1e-9,
      benchmark::Counter::kIsRate);
}

void quantise(benchmark::State& state, Isa isa) {
  const Kernels& ops = kernels(isa);
  Input in(ops, 64, 2048);
  for (auto _ : state) {
    ops.quantise(in.x.data(), 2048, 0, 64, in.q.data(), in.scale.data(), in.sum.data());
    benchmark::ClobberMemory();
  }
  state.counters["Gvalues/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * 64 * 2048 * 1e-9, benchmark::Counter::kIsRate);
}

void silu(benchmark::State& state, Isa isa) {
  const Kernels& ops = kernels(isa);
  std::vector<float> x(4096, 0.5f);
  std::vector<float> y(4096);
  for (auto _ : state) {
    ops.silu_mul(x.data(), x.data(), 4096, y.data());
    benchmark::ClobberMemory();
  }
  state.counters["Gvalues/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * 4096 * 1e-9, benchmark::Counter::kIsRate);
}

void pack_rows(benchmark::State& state, WeightType type) {
  const std::int64_t rows = 512;
  const std::int64_t cols = 2048;
  const TypeTraits traits = type_traits(type);
  const std::vector<std::uint8_t> file(
      static_cast<std::size_t>(rows * cols / traits.block_elements * traits.block_bytes), 0x24);
  const Weights w(type, rows, cols);
  for (auto _ : state) {
    pack(type, file.data(), cols, 0, rows, 0, cols, 0, w.matrix.groups(), w.bytes());
    benchmark::ClobberMemory();
  }
  state.counters["GB/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(file.size()) * 1e-9,
      benchmark::Counter::kIsRate);
}

struct NamedType {
  const char* name;
  WeightType type;
};
constexpr NamedType kTypes[] = {
    {"F32", WeightType::kF32},   {"F16", WeightType::kF16},      {"BF16", WeightType::kBF16},
    {"Q8_0", WeightType::kQ8_0}, {"Q4_0", WeightType::kQ4_0},    {"Q4_1", WeightType::kQ4_1},
    {"Q5_0", WeightType::kQ5_0}, {"Q5_1", WeightType::kQ5_1},    {"Q2_K", WeightType::kQ2_K},
    {"Q3_K", WeightType::kQ3_K}, {"Q4_K", WeightType::kQ4_K},    {"Q5_K", WeightType::kQ5_K},
    {"Q6_K", WeightType::kQ6_K}, {"IQ4_NL", WeightType::kIQ4_NL}};

void register_isa(Isa isa) {
  const std::string name = kernels(isa).name;
  for (const auto& [type_name, type] : kTypes) {
    const std::string suffix = "/" + std::string(type_name) + "/" + name;
    benchmark::RegisterBenchmark("matmul_decode" + suffix, decode, isa, type)
        ->Arg(1)
        ->Arg(2)
        ->Arg(4)
        ->Arg(8)
        ->Arg(9)
        ->Arg(12)
        ->Arg(16);
    benchmark::RegisterBenchmark("matmul_prefill" + suffix, prefill, isa, type)
        ->Args({64, 2048})
        ->Args({512, 576})
        ->Args({512, 2048})
        ->Args({512, 8192});
  }
  const std::pair<const char*, KvType> kinds[] = {{"/F32/", KvType::kF32},
                                                  {"/F16/", KvType::kF16},
                                                  {"/BF16/", KvType::kBf16},
                                                  {"/Q8_0/", KvType::kQ8}};
  for (const auto& [kind, type] : kinds) {
    benchmark::RegisterBenchmark("attention" + std::string(kind) + name, attention, isa, type)
        ->Args({64, 1, 1})
        ->Args({64, 1, 8})
        ->Args({64, 3, 1})
        ->Args({64, 3, 4})
        ->Args({64, 3, 8})
        ->Args({64, 8, 1})
        ->Args({64, 8, 2})
        ->Args({128, 4, 1})
        ->Args({128, 4, 4});
  }
  benchmark::RegisterBenchmark("quantise/" + name, quantise, isa);
  benchmark::RegisterBenchmark("silu_mul/" + name, silu, isa);
}

const bool kRegistered = [] {
  benchmark::RegisterBenchmark("read_bandwidth", read_bandwidth);
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx2}) {
    if (isa_supported(isa)) register_isa(isa);
  }
  for (const auto& [name, type] : kTypes) {
    benchmark::RegisterBenchmark(std::string("pack/") + name, pack_rows, type);
  }
  return true;
}();

}  // namespace
}  // namespace sb::ops
