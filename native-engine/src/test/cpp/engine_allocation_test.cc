// The decode loop takes no memory: every operator new of the process is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "engine_testing.h"

namespace {

std::atomic<int64_t> allocations{0};

void* counted(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* counted(std::size_t bytes, std::align_val_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const auto align = static_cast<std::size_t>(alignment);
  void* memory = std::aligned_alloc(align, (bytes + align - 1) / align * align);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

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
  return counted(bytes);
}
SB_REPLACEMENT void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted(bytes);
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

}  // namespace
}  // namespace sb::testing
