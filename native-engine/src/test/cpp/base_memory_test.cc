#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <string>

#include "base/machine.h"
#include "base/measure.h"
#include "base/memory.h"

namespace sb {
namespace {

constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();

TEST(Memory, OverflowingArithmeticStaysOverflowed) {
  EXPECT_EQ(checked_mul(kMax / 2, 3), kMax);
  EXPECT_EQ(checked_add(kMax - 1, 2), kMax);
  EXPECT_EQ(checked_add(checked_mul(kMax, 2), 1), kMax);
  EXPECT_EQ(checked_mul(6, 7), 42U);
}

TEST(Carver, MeasuresWhatItLaterHandsOut) {
  Carver measure;
  EXPECT_TRUE(measure.take<float>(3).empty());
  EXPECT_TRUE(measure.take<std::int32_t>(17).empty());
  alignas(kCacheLine) std::byte memory[192];
  Carver carver(memory);

  const std::span<float> first = carver.take<float>(3);
  const std::span<std::int32_t> second = carver.take<std::int32_t>(17);

  EXPECT_EQ(measure.used(), 192U);
  EXPECT_EQ(carver.used(), measure.used());
  EXPECT_EQ(first.size(), 3U);
  EXPECT_EQ(reinterpret_cast<std::byte*>(second.data()), memory + kCacheLine);
}

TEST(Carver, RemembersAnOverflow) {
  Carver measure;
  EXPECT_TRUE(measure.take<double>(kMax / 4).empty());
  EXPECT_TRUE(measure.take<double>(1).empty());

  EXPECT_EQ(measure.used(), kMax);
}

TEST(Arena, IsZeroedAndAligned) {
  Result<Arena> arena = Arena::take(3 << 20, Arena::Commit::kNow, "test");
  ASSERT_TRUE(arena.ok());

  const std::byte* data = arena->data();

  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % kCacheLine, 0U);
  EXPECT_TRUE(std::all_of(data, data + (3 << 20), [](std::byte b) { return b == std::byte{0}; }));
}

// Whether the kernel has noted of the mapping around an address that huge pages are wanted.
bool wants_huge_pages(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long long begin = 0;
    unsigned long long end = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx ", &begin, &end) == 2) {
      const auto at = reinterpret_cast<std::uintptr_t>(address);
      here = begin <= at && at < end;
    } else if (here && line.starts_with("VmFlags:")) {
      return (line + ' ').find(" hg ") != std::string::npos;
    }
  }
  return false;
}

// A kernel may be built without huge pages, or not tell of them: it then tells of none here either.
bool huge_pages_are_told_of(std::size_t bytes) {
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return false;
  const bool told = madvise(mapped, bytes, MADV_HUGEPAGE) == 0 && wants_huge_pages(mapped);
  munmap(mapped, bytes);
  return told;
}

TEST(Arena, AsksForHugePagesWhereItHoldsOne) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const bool told = huge_pages_are_told_of(2 * kHugePage);
  for (const Arena::Commit commit : {Arena::Commit::kNow, Arena::Commit::kOnTouch}) {
    Result<Arena> large = Arena::take(2 * kHugePage, commit, "test");
    Result<Arena> small = Arena::take(kHugePage / 2, commit, "test");
    ASSERT_TRUE(large.ok() && small.ok());

    EXPECT_EQ(wants_huge_pages(large->data()), told);
    EXPECT_EQ(wants_huge_pages(large->data() + large->bytes() - 1), told);
    EXPECT_FALSE(wants_huge_pages(small->data()));
  }
}

TEST(Arena, NamesWhatCouldNotBeTaken) {
  const Result<Arena> arena = Arena::take(kMax, Arena::Commit::kOnTouch, "weights");

  EXPECT_EQ(arena.status(), Status::kOutOfMemory);
  EXPECT_NE(std::string(last_error()).find("weights"), std::string::npos);
}

TEST(Status, TextReadsAsTheCallChain) {
  const Status status = within(within(fail(Status::kBusy, "%d steps", 3), "plan"), "sb_submit");

  EXPECT_EQ(status, Status::kBusy);
  EXPECT_STREQ(last_error(), "sb_submit: plan: 3 steps");
}

TEST(Status, TextThatIsTooLongIsCut) {
  const std::string field(3000, 'x');

  EXPECT_EQ(within(fail(Status::kInternal, "%s", field.c_str()), "call"), Status::kInternal);

  EXPECT_EQ(std::string(last_error()).substr(0, 8), "call: xx");
  EXPECT_EQ(std::string(last_error()).size(), 1023U);
}

TEST(Machine, HasMemoryAndCores) {
  EXPECT_GT(available_memory_bytes(), std::uint64_t{1} << 20);
  EXPECT_GE(available_cores(), 1);
}

TEST(Machine, ReadBandwidthIsPositive) {
  Result<double> measured = read_bandwidth(2, 1 << 20, 2);
  ASSERT_TRUE(measured.ok());

  EXPECT_GT(*measured, 0);
}

TEST(Machine, PeakRatesArePlausibleOrRefused) {
  for (const MacUnit unit : {MacUnit::kInt8, MacUnit::kBf16}) {
    Result<double> measured = peak_rate(1, unit, 2);
    if (!measured.ok()) {
      EXPECT_EQ(measured.status(), Status::kUnsupported);
      continue;
    }
    // From a slow emulation to a core with matrix units.
    EXPECT_GT(*measured, 1e8);
    EXPECT_LT(*measured, 1e13);
  }
}

}  // namespace
}  // namespace sb
