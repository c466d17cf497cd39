// The decode loop takes no memory: whatever takes some in this process is counted. The C library's
// calls and mmap are replaced by ones that count and then do the same; under a sanitizer, which
// replaces them itself, operator new alone is. That one also fails where a test asks for it.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "engine_testing.h"
#include "model/weights.h"

namespace {

std::atomic<int64_t> allocations{0};
// So many succeed before one fails, and those behind it too where all are to.
std::atomic<int64_t> allowed{INT64_MAX};
std::atomic<bool> all_fail{false};

bool refused() {
  const int64_t left = allowed.fetch_sub(1, std::memory_order_relaxed);
  return left == 0 || (left < 0 && all_fail.load(std::memory_order_relaxed));
}

void* tried(std::size_t bytes) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return refused() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
}

void* counted(std::size_t bytes) {
  void* memory = tried(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* counted(std::size_t bytes, std::align_val_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const auto align = static_cast<std::size_t>(alignment);
  void* memory =
      refused() ? nullptr : std::aligned_alloc(align, (bytes + align - 1) / align * align);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SB_COUNTS_C_LIBRARY

namespace {

void count_one() { allocations.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

// Visible, so that other libraries of the process find them too.
#pragma GCC visibility push(default)
extern "C" {
// The C library's own, under their second names.
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) noexcept {
  count_one();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t n, std::size_t bytes) noexcept {
  count_one();
  return __libc_calloc(n, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept {
  count_one();
  return __libc_realloc(memory, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  count_one();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  count_one();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  count_one();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
void* mmap(void* at, std::size_t bytes, int protection, int flags, int file,
           off_t offset) noexcept {
  count_one();
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
}
}
#pragma GCC visibility pop
#endif

// Never inlined: a compiler that sees both sides calls new and free a mismatch.
#define SB_REPLACEMENT __attribute__((noinline))

SB_REPLACEMENT void* operator new(std::size_t bytes) { return counted(bytes); }
SB_REPLACEMENT void* operator new[](std::size_t bytes) { return counted(bytes); }
SB_REPLACEMENT void* operator new(std::size_t bytes, std::align_val_t align) {
  return counted(bytes, align);
}
SB_REPLACEMENT void* operator new[](std::size_t bytes, std::align_val_t align) {
  return counted(bytes, align);
}
SB_REPLACEMENT void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return tried(bytes);
}
SB_REPLACEMENT void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return tried(bytes);
}
SB_REPLACEMENT void operator delete(void* memory) noexcept { std::free(memory); }
SB_REPLACEMENT void operator delete[](void* memory) noexcept { std::free(memory); }
SB_REPLACEMENT void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
SB_REPLACEMENT void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
SB_REPLACEMENT void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
SB_REPLACEMENT void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
SB_REPLACEMENT void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
SB_REPLACEMENT void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
SB_REPLACEMENT void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
SB_REPLACEMENT void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

namespace sb::testing {
namespace {

// How many times something takes memory.
template <class Body>
[[nodiscard]] int64_t taken_by(Body body) {
  const int64_t before = allocations.load();
  body();
  return allocations.load() - before;
}

// What is taken is stored here, so that no compiler leaves it out.
void* volatile kept = nullptr;

void* keep(void* memory) {
  kept = memory;
  return memory;
}

TEST(Allocation, EveryWayToTakeMemoryIsCounted) {
  constexpr std::align_val_t kLine{64};
  EXPECT_GE(taken_by([] { ::operator delete(keep(::operator new(10))); }), 1);
  EXPECT_GE(taken_by([] { ::operator delete[](keep(::operator new[](10))); }), 1);
  EXPECT_GE(taken_by([] { ::operator delete(keep(::operator new(64, kLine)), kLine); }), 1);
#ifdef SB_COUNTS_C_LIBRARY
  EXPECT_EQ(taken_by([] { std::free(keep(std::malloc(10))); }), 1);
  EXPECT_EQ(taken_by([] { std::free(keep(std::calloc(10, 10))); }), 1);
  EXPECT_EQ(taken_by([] { kept = std::realloc(std::malloc(10), 1000); }), 2);
  std::free(kept);
  EXPECT_EQ(taken_by([] { std::free(keep(std::aligned_alloc(64, 128))); }), 1);
  // From inside the C library, too.
  EXPECT_EQ(taken_by([] { std::free(keep(strdup("ten bytes"))); }), 1);
  void* aligned = nullptr;
  EXPECT_EQ(taken_by([&] { EXPECT_EQ(posix_memalign(&aligned, 64, 128), 0); }), 1);
  std::free(aligned);
  constexpr std::size_t kBytes = 1 << 16;
  EXPECT_EQ(taken_by([] {
              kept =
                  mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            }),
            1);
  ASSERT_NE(kept, MAP_FAILED);
  munmap(kept, kBytes);
#endif
}

TEST(Allocation, TheDecodeLoopTakesNoMemory) {
  TestModel model(ModelSpec{});
  model.quantise_matrices();
  TestEngine engine(model, engine_config(2, 2, 2));
  sb_sampling sampling = greedy();
  sampling.temperature = 1;
  sampling.top_p = 0.9F;
  sampling.top_k = 50;
  sampling.repetition_penalty = 1.1F;
  engine.begin(0, sampling);
  int32_t token = 1;
  const int32_t last_sampled = SB_TOKEN_LAST_SAMPLED;
  const int32_t target = SB_TARGET_SAMPLE;
  int32_t blocks[] = {0, 1, 2, 3};
  sb_plan_entry entry{0, 0, 1, 4, 0, 1, 5, 1};
  sb_plan plan{sizeof(sb_plan), 1, 1, 1, 4, 0, 0, &token, &entry, blocks, &target, nullptr};
  std::vector<int32_t> tokens(128), top_tokens(128 * SB_MAX_TOP_LOGPROBS);
  std::vector<float> logprobs(128), top_logprobs(128 * SB_MAX_TOP_LOGPROBS);
  sb_result result{};
  result.struct_size = sizeof(result);
  result.tokens = tokens.data();
  result.logprobs = logprobs.data();
  result.top_tokens = top_tokens.data();
  result.top_logprobs = top_logprobs.data();
  int32_t failures = 0;

  const int64_t before = allocations.load();
  for (int32_t i = 0; i < 50; ++i) {
    entry.position = i;
    plan.step = static_cast<uint64_t>(i) + 1;
    plan.tokens = i == 0 ? &token : &last_sampled;
    failures += sb_submit(engine.handle(), &plan) != SB_OK ? 1 : 0;
    failures += sb_submit(engine.handle(), &plan) != SB_INVALID_ARGUMENT ? 1 : 0;  // same step
    if (sb_await(engine.handle(), 0, &result) != SB_TIMEOUT) continue;
    failures += sb_await(engine.handle(), -1, &result) != SB_OK ? 1 : 0;
  }
  const int64_t after = allocations.load();

  EXPECT_EQ(failures, 0);
  EXPECT_EQ(after - before, 0);
}

// Makes a call with each of its requests for memory refused, by itself and with all behind it. It
// has to come back, and what it took has to be given back, which the address sanitizer looks after.
template <class Call>
void expect_back(Call call) {
  for (const bool all : {true, false}) {
    all_fail = all;
    bool failed = true;
    for (int64_t first = 0; failed; ++first) {
      allowed = first;
      const int32_t status = call();
      failed = allowed.exchange(INT64_MAX) < 0;
      if (failed && status == SB_OUT_OF_MEMORY) continue;
      // It may do with less.
      ASSERT_EQ(status, SB_OK) << "without the request " << first << ": " << sb_last_error();
    }
  }
}

TEST(Allocation, CreateComesBackWhenMemoryRunsOut) {
  ModelSpec spec;
  spec.n_layers = 2;
  spec.window = 5;
  const TestModel model(spec);
  const sb_model_config description = model.config();
  sb_engine_config config = engine_config(2, 2, 1);
  config.max_step_tokens = 4;
  config.timeline_records = 2;
  sb_memory memory{};
  memory.struct_size = sizeof(memory);

  expect_back([&] { return sb_engine_plan_memory(&description, &config, &memory); });
  expect_back([&] {
    sb_engine* engine = nullptr;
    const int32_t status = sb_engine_create(&description, &config, nullptr, &engine);
    sb_engine_destroy(engine);
    return status;
  });
}

// On more threads than the machine may have.
TEST(Allocation, PackingComesBackWhenMemoryRunsOut) {
  const TestModel model(ModelSpec{});
  const sb_model_config from = model.config();
  model::Config config;
  config.arch = model::Arch::kLlama;
  config.n_layers = from.n_layers;
  config.dim = from.dim;
  config.ffn_dim = from.ffn_dim;
  config.n_heads = from.n_heads;
  config.n_kv_heads = from.n_kv_heads;
  config.head_dim = from.head_dim;
  config.vocab = from.vocab;
  config.context = from.context;
  config.rope_dim = from.rope_dim;
  std::vector<model::Tensor> tensors;
  for (uint32_t i = 0; i < from.n_tensors; ++i) {
    const sb_tensor& tensor = from.tensors[i];
    tensors.push_back({model::Role{tensor.role}, tensor.layer, ops::WeightType{tensor.type},
                       tensor.rows, tensor.cols, tensor.data, tensor.bytes});
  }
  auto indexed = model::Tensors::index(config, tensors);
  ASSERT_TRUE(indexed.ok()) << last_error();

  expect_back([&] {
    try {
      model::Weights weights = model::Weights::plan(config, *indexed, {});
      uint64_t done = 0;
      return static_cast<int32_t>(weights.load(4, done));
    } catch (const std::bad_alloc&) {
      return int32_t{SB_OUT_OF_MEMORY};
    }
  });
}

TEST(Allocation, AMeasurementComesBackWhenMemoryRunsOut) {
  double rate = 0;
  expect_back([&] { return sb_read_bandwidth(3, 3 << 16, 1, &rate); });
}

// Four rows in every step, prompts in chunks and then single tokens, every other row under a mask
// that comes while its step runs, two steps in flight. All arrays stand before the first step.
class Loop {
 public:
  static constexpr int32_t kRows = 4;
  static constexpr int32_t kChunk = 30;
  static constexpr int32_t kBlocksPerRow = 40;

  Loop(const TestModel& model, const sb_engine_config& config)
      : engine_(model, config), prompt_(some_tokens(model.spec(), kBlocksPerRow * 16)) {
    for (int32_t i = 0; i < kRows * kBlocksPerRow; ++i) blocks_.push_back(i);
    tokens_.resize(kRows * kChunk);
    masks_.struct_size = sizeof(masks_);
    EXPECT_EQ(sb_engine_masks(engine_.handle(), &masks_), SB_OK) << sb_last_error();
    result_.struct_size = sizeof(result_);
    result_.tokens = sampled_.data();
    result_.logprobs = logprobs_.data();
    result_.top_tokens = top_tokens_.data();
    result_.top_logprobs = top_logprobs_.data();
  }

  // Whole answers behind prompts of a length; how many calls failed.
  [[nodiscard]] int32_t generate(int32_t prompt, int32_t answer) {
    begin();
    int32_t failures = 0;
    int32_t in_flight = 0;
    for (int32_t position = 0; position < prompt + answer;) {
      const int32_t left = prompt - position;
      const int32_t n = left > 0 ? std::min(left, kChunk) : 1;
      failures += submit(position, n, left > n);
      position += n;
      if (++in_flight == 2) failures += await(in_flight);
    }
    while (in_flight > 0) failures += await(in_flight);
    return failures;
  }

 private:
  void begin() {
    generated_ = false;
    static constexpr int32_t kBiased[] = {5};
    static constexpr float kBias[] = {-2};
    sb_sampling sampling = greedy();
    sampling.temperature = 1;
    sampling.top_p = 0.9F;
    sampling.min_p = 0.01F;
    sampling.top_k = 50;
    sampling.repetition_penalty = 1.1F;
    sampling.presence_penalty = 0.1F;
    sampling.n_bias = 1;
    sampling.bias_tokens = kBiased;
    sampling.bias_values = kBias;
    for (int32_t row = 0; row < kRows; ++row) {
      refused_ += sb_row_begin(engine_.handle(), row, &sampling, prompt_.data(), 20, 20) != SB_OK;
    }
  }

  int32_t submit(int32_t position, int32_t n, bool more_to_come) {
    const int32_t outputs = more_to_come ? 0 : 1;
    ++step_;
    for (int32_t row = 0; row < kRows; ++row) {
      const auto at = static_cast<size_t>(row);
      entries_[at] = {row,     position, n, (position + n + 15) / 16, row * kBlocksPerRow,
                      outputs, row,      1};
      targets_[at] = SB_TARGET_SAMPLE;
      slots_[at] = masked(row) ? slot(row) : SB_MASK_NONE;
      for (int32_t i = 0; i < n; ++i) {
        tokens_[static_cast<size_t>(row * n + i)] =
            generated_ ? SB_TOKEN_LAST_SAMPLED : prompt_[static_cast<size_t>(position + row + i)];
      }
    }
    generated_ = !more_to_come;
    const auto rows = static_cast<uint32_t>(kRows);
    const sb_plan plan{sizeof(sb_plan),
                       rows,
                       static_cast<uint32_t>(n) * rows,
                       static_cast<uint32_t>(outputs) * rows,
                       static_cast<uint32_t>(blocks_.size()),
                       0,
                       step_,
                       tokens_.data(),
                       entries_.data(),
                       blocks_.data(),
                       targets_.data(),
                       slots_.data()};
    int32_t failures = sb_submit(engine_.handle(), &plan) != SB_OK ? 1 : 0;
    for (int32_t row = 0; row < kRows && outputs > 0; ++row)
      failures += masked(row) ? allow(row) : 0;
    return failures;
  }

  // Every other token of the vocabulary.
  int32_t allow(int32_t row) {
    char* words =
        static_cast<char*>(masks_.base) + static_cast<uint64_t>(slot(row)) * masks_.slot_bytes;
    std::memset(words, 0x55, masks_.slot_bytes);
    return sb_mask_ready(engine_.handle(), slot(row), step_) != SB_OK ? 1 : 0;
  }

  int32_t await(int32_t& in_flight) {
    --in_flight;
    const bool good = sb_await(engine_.handle(), -1, &result_) == SB_OK && result_.status == SB_OK;
    for (uint32_t i = 0; i < result_.n_outputs; ++i) {
      refused_ += masked(static_cast<int32_t>(i)) && sampled_[i] % 2 != 0;
    }
    return (good ? 0 : 1) + std::exchange(refused_, 0);
  }

  [[nodiscard]] static bool masked(int32_t row) { return row % 2 == 1; }
  [[nodiscard]] int32_t slot(int32_t row) const {
    return row + kRows * static_cast<int32_t>(step_ % 2);
  }

  TestEngine engine_;
  std::vector<int32_t> prompt_, tokens_, blocks_;
  std::array<sb_plan_entry, kRows> entries_{};
  std::array<int32_t, kRows> targets_{}, slots_{};
  std::vector<int32_t> sampled_ = std::vector<int32_t>(128);
  std::vector<int32_t> top_tokens_ = std::vector<int32_t>(128 * SB_MAX_TOP_LOGPROBS);
  std::vector<float> logprobs_ = std::vector<float>(128);
  std::vector<float> top_logprobs_ = std::vector<float>(128 * SB_MAX_TOP_LOGPROBS);
  sb_masks masks_{};
  sb_result result_{};
  uint64_t step_ = 0;
  bool generated_ = false;
  int32_t refused_ = 0;
};

struct Served {
  const char* name;
  sb_arch arch;
  sb_type kv_type;
  int32_t stages, ranks, threads;
};

class AllocationOf : public ::testing::TestWithParam<Served> {};

// Prompts reach past the first part of the attention, and past the windows.
TEST_P(AllocationOf, ManyRowsWithMasksAndWindowsTakesNoMemory) {
  const Served& served = GetParam();
  ModelSpec spec;
  spec.arch = served.arch;
  spec.context = Loop::kBlocksPerRow * 16;
  spec.window = 24;
  spec.tied = is_gemma(served.arch);
  spec.attention_softcap = served.arch == SB_ARCH_GEMMA2 ? 20.0F : 0;
  TestModel model(spec);
  model.quantise_matrices();
  sb_engine_config config = engine_config(served.stages, served.ranks, served.threads);
  config.kv_type = served.kv_type;
  config.kv_blocks = Loop::kRows * Loop::kBlocksPerRow;
  Loop loop(model, config);

  const int64_t before = allocations.load();
  int32_t failures = loop.generate(550, 12);
  failures += loop.generate(40, 20);
  const int64_t after = allocations.load();

  EXPECT_EQ(failures, 0);
  EXPECT_EQ(after - before, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Models, AllocationOf,
    ::testing::Values(Served{"gemma3_q8_0", SB_ARCH_GEMMA3, SB_TYPE_Q8_0, 1, 2, 2},
                      Served{"gemma2_q8_0_staged", SB_ARCH_GEMMA2, SB_TYPE_Q8_0, 2, 2, 1},
                      Served{"llama_bf16", SB_ARCH_LLAMA, SB_TYPE_BF16, 1, 2, 1},
                      Served{"qwen3_f16_staged", SB_ARCH_QWEN3, SB_TYPE_F16, 4, 1, 2}),
    [](const auto& served) { return std::string(served.param.name); });

}  // namespace
}  // namespace sb::testing
