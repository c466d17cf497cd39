// What the emulated device does beside its threads: where tiles come to lie, when mbarriers let go,
// what warpgroups multiply, and that what a kernel does wrong there ends in a failure or in NaNs.
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "cuda/device.h"
#include "ops/quantise.h"
#include "ops_testing.h"

namespace sb::cuda {
namespace {

using ops::testing::random_floats;

std::string failure_of(int threads, std::size_t shared, const std::function<void()>& kernel) {
  simt::Shape shape;
  shape.threads = threads;
  shape.shared_bytes = shared;
  try {
    simt::run({"kernel under test", shape, kernel});
  } catch (const simt::Failure& failure) {
    return failure.what();
  }
  return "none";
}

void expect_failure(const std::string& failure, const std::string& what) {
  EXPECT_NE(std::string::npos, failure.find(what)) << failure;
}

constexpr std::uint16_t kPoison = 0xffff;

// ---- tiles and mbarriers ----

// Numbers that say where they are from: 100 rows by 72 columns.
constexpr int kColumns = 72;
constexpr int kRows = 100;
const std::vector<std::uint16_t>& numbers() {
  alignas(16) static std::vector<std::uint16_t> all = [] {
    std::vector<std::uint16_t> made(kColumns * kRows);
    std::iota(made.begin(), made.end(), std::uint16_t{1});
    return made;
  }();
  return all;
}

TensorMap map_of(int width, int height, int swizzle) {
  TensorMap map;
  EXPECT_TRUE(make_tensor_map({.data = numbers().data(),
                               .size = {kColumns, kRows, 1},
                               .stride_bytes = {2, kColumns * 2},
                               .box = {width, height, 1},
                               .swizzle_bytes = swizzle},
                              &map));
  return map;
}

constexpr std::size_t kTileShared = 1024 + 4096 + 16;
std::uint16_t* tile_memory() {
  return reinterpret_cast<std::uint16_t*>(aligned_shared_memory(1024));
}
std::uint64_t* arrival_memory() {
  return reinterpret_cast<std::uint64_t*>(aligned_shared_memory(1024) + 4096);
}

void begin_arrival(int count = 1) {
  arrival_init(arrival_memory(), count);
  fence_async();
}

// Pieces of 8 numbers lie where the manual's figures show them: of 128 bytes, piece p of row r is
// at p ^ (r % 8); of 64, at p ^ (r / 2 % 4); of 32, at p ^ (r / 4 % 2).
TEST(SimtAsyncTest, ATileComesToLieSwizzledWithZerosForWhatIsOutside) {
  const auto at = [](int swizzle, int row, int column) {
    const int turned = swizzle == 128 ? row % 8 : swizzle == 64 ? row / 2 % 4 : row / 4 % 2;
    return row * swizzle / 2 + ((column / 8) ^ turned) * 8 + column % 8;
  };
  for (const int swizzle : {32, 64, 128}) {
    const int width = swizzle / 2;
    const TensorMap map = map_of(width, 16, swizzle);
    const std::string failure = failure_of(1, kTileShared, [&] {
      begin_arrival();
      arrival_expect(arrival_memory(), static_cast<unsigned>(16 * swizzle));
      load_tile(tile_memory(), map, 60, 90, arrival_memory());
      if (tile_memory()[0] != kPoison) simt::fail("came at once");
      arrival_await(arrival_memory(), 0);
      for (int i = 0; i < 16 * width; ++i) {
        const int row = 90 + i / width;
        const int column = 60 + i % width;
        const bool there = row < kRows && column < kColumns;
        const int expected = there ? row * kColumns + column + 1 : 0;
        if (tile_memory()[at(swizzle, i / width, i % width)] != expected) simt::fail("is wrong");
      }
    });
    EXPECT_EQ("none", failure) << swizzle;
  }
}

TEST(SimtAsyncTest, ATileOfThreeDimensionsLiesPlaneBehindPlane) {
  TensorMap map;
  ASSERT_TRUE(make_tensor_map({.data = numbers().data(),
                               .dims = 3,
                               .size = {16, 5, 3},
                               .stride_bytes = {2, 32, 512},
                               .box = {16, 4, 2},
                               .swizzle_bytes = 32},
                              &map));
  EXPECT_EQ("none", failure_of(1, kTileShared, [&] {
              begin_arrival();
              arrival_expect(arrival_memory(), 16 * 4 * 2 * 2);
              load_tile(tile_memory(), map, 0, 4, 2, arrival_memory());
              arrival_await(arrival_memory(), 0);
              // Row 4 of plane 2 is there; row 5 and plane 3 are not.
              if (tile_memory()[3] != 2 * 256 + 4 * 16 + 3 + 1) simt::fail("is wrong");
              if (tile_memory()[16] != 0 || tile_memory()[64] != 0) simt::fail("is not zero");
            }));
}

TEST(SimtAsyncTest, AWrongNumberOfBytesNeverGoesUnnoticed) {
  const TensorMap map = map_of(64, 8, 128);
  const auto kernel = [&](unsigned expected) {
    return [&map, expected] {
      begin_arrival();
      arrival_expect(arrival_memory(), expected);
      load_tile(tile_memory(), map, 0, 0, arrival_memory());
      load_tile(tile_memory() + 512, map, 0, 8, arrival_memory());
      arrival_await(arrival_memory(), 0);
      if (tile_memory()[0] == kPoison || tile_memory()[512] == kPoison) simt::fail("read NaNs");
    };
  };
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    simt::seed(seed);
    EXPECT_EQ("none", failure_of(1, kTileShared, kernel(2048)));
    expect_failure(failure_of(1, kTileShared, kernel(2048 + 16)),
                   "threads wait forever: mbarrier at");
    expect_failure(failure_of(1, kTileShared, kernel(1024 + 16)),
                   "threads wait forever: mbarrier at");
    EXPECT_NE("none", failure_of(1, kTileShared, kernel(1024)));
  }
}

TEST(SimtAsyncTest, TilesLandInAnyOrder) {
  const TensorMap map = map_of(64, 8, 128);
  int second_first = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    simt::seed(seed);
    EXPECT_EQ("none", failure_of(1, kTileShared, [&] {
                std::uint64_t* arrivals = arrival_memory();
                arrival_init(arrivals, 1);
                arrival_init(arrivals + 1, 1);
                fence_async();
                for (int i = 0; i < 2; ++i) {
                  arrival_expect(arrivals + i, 1024);
                  load_tile(tile_memory() + 512 * i, map, 0, 8 * i, arrivals + i);
                }
                arrival_await(arrivals + 1, 0);
                if (tile_memory()[0] == kPoison) ++second_first;
                arrival_await(arrivals, 0);
              }));
  }
  EXPECT_GT(second_first, 5);
  EXPECT_LT(second_first, 35);
}

TEST(SimtAsyncTest, AWaitForTheWrongPhaseReadsNansOrWaitsForever) {
  const TensorMap map = map_of(64, 8, 128);
  const auto kernel = [&](unsigned first, unsigned second) {
    return [&map, first, second] {
      begin_arrival();
      for (int i = 0; i < 2; ++i) {
        arrival_expect(arrival_memory(), 1024);
        load_tile(tile_memory(), map, 0, i, arrival_memory());
        arrival_await(arrival_memory(), i == 0 ? first : second);
        if (tile_memory()[0] != i * kColumns + 1) simt::fail("read NaNs");
      }
    };
  };
  EXPECT_EQ("none", failure_of(1, kTileShared, kernel(0, 1)));
  // A tile may land by chance before it is read.
  int noticed = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    simt::seed(seed);
    if (failure_of(1, kTileShared, kernel(1, 0)) != "none") ++noticed;
    if (failure_of(1, kTileShared, kernel(0, 0)) != "none") ++noticed;
  }
  EXPECT_GT(noticed, 50);
  expect_failure(failure_of(1, kTileShared,
                            [] {
                              begin_arrival();
                              arrival_await(arrival_memory(), 0);
                            }),
                 "threads wait forever: mbarrier at simt_async_test.cc:");
}

TEST(SimtAsyncTest, APhaseEndsWithTheLastToArrive) {
  int arrived = 0;
  const auto kernel = [&](int count) {
    return [&arrived, count] {
      if (thread_id() == 0) begin_arrival(count);
      block_barrier();
      ++arrived;
      arrival_arrive(arrival_memory());
      arrival_await(arrival_memory(), 0);
      if (arrived != 64) simt::fail("went through with " + std::to_string(arrived));
    };
  };
  EXPECT_EQ("none", failure_of(64, kTileShared, kernel(64)));
  arrived = 0;
  expect_failure(failure_of(64, kTileShared, kernel(65)), "threads wait forever: mbarrier at");
  arrived = 0;
  expect_failure(failure_of(64, kTileShared, kernel(32)), "went through with");
}

TEST(SimtAsyncTest, MisusedMbarriersAndTilesFail) {
  const TensorMap map = map_of(64, 8, 128);
  const auto load = [&](int offset) {
    load_tile(tile_memory() + offset, map, 0, 0, arrival_memory());
  };
  const auto failure = [](const auto& kernel) { return failure_of(1, kTileShared, kernel); };

  expect_failure(failure([] { arrival_arrive(arrival_memory()); }), "was not initialised at");
  expect_failure(failure([&] {
                   arrival_init(arrival_memory(), 1);
                   load(0);
                 }),
                 "that copies were not shown");
  expect_failure(failure([] { arrival_init(arrival_memory() + 64, 1); }),
                 "not in its shared memory");
  expect_failure(failure([&] {
                   begin_arrival();
                   load(64);
                 }),
                 "where its swizzle does not begin");
  expect_failure(failure([&] {
                   begin_arrival();
                   load(2048);
                 }),
                 "to outside its shared memory");
  expect_failure(failure([&] {
                   begin_arrival();
                   arrival_expect(arrival_memory(), 1024);
                   load(0);
                 }),
                 "ends with tiles on their way");
  expect_failure(failure([] {
                   begin_arrival();
                   arrival_expect(arrival_memory(), 16);
                   arrival_arrive(arrival_memory());
                 }),
                 "arrives where all have arrived");
  expect_failure(failure([] {
                   begin_arrival();
                   arrival_expect(arrival_memory(), 16);
                 }),
                 "was told of 16 bytes that did not come");
}

TEST(SimtAsyncTest, AMapThatTheDriverWouldRefuseIsNone) {
  const TileSource good{.data = numbers().data(),
                        .size = {kColumns, kRows, 1},
                        .stride_bytes = {2, kColumns * 2},
                        .box = {64, 8, 1},
                        .swizzle_bytes = 128};
  const auto refused = [&](const auto& change) {
    TileSource source = good;
    change(source);
    TensorMap map;
    EXPECT_THROW(static_cast<void>(make_tensor_map(source, &map)), simt::Failure);
  };
  TensorMap map;
  EXPECT_NO_THROW(static_cast<void>(make_tensor_map(good, &map)));
  refused([](TileSource& s) { s.data = numbers().data() + 1; });
  refused([](TileSource& s) { s.stride_bytes[1] += 2; });
  refused([](TileSource& s) { s.box[1] = 257; });
  refused([](TileSource& s) { s.box[0] = 72; });
  refused([](TileSource& s) { s.swizzle_bytes = 96; });
  refused([](TileSource& s) { s.size[1] = 0; });
}

// ---- products of a warpgroup ----

// What a kernel of one product does, and what it leaves out.
struct Steps {
  bool shows = true;
  bool fences = true;
  bool commits = true;
  bool waits = true;
  bool keeps_tiles = true;  // until the wait
  bool swizzles = true;
  std::uint64_t a_bits = 0;  // of the descriptors, turned round
  std::uint64_t b_bits = 0;
  int threads = 128;
};

// 64 rows by 16 columns, and columns 16 to 31 of 128 rows of 64. A lies by columns, 16 rows side
// by side, B by rows.
class SimtWgmmaTest : public ::testing::Test {
 protected:
  static constexpr unsigned kA = 4 * 16 * 32;
  static constexpr std::size_t kShared = 1024 + kA + 128 * 128;

  static std::uint16_t brain(float value) { return ops::brain_of_bits(bits_of_float(value)); }
  float a(int row, int column) const { return a_[static_cast<std::size_t>(row * 16 + column)]; }
  float b(int row, int column) const { return b_[static_cast<std::size_t>(row * 64 + column)]; }
  static double kept(float value) {
    return static_cast<double>(float_of_bits(static_cast<std::uint32_t>(brain(value)) << 16));
  }

  void put_tiles(std::uint8_t* tiles, bool swizzles) const {
    const auto at = [](std::uint8_t* p) { return reinterpret_cast<std::uint16_t*>(p); };
    std::uint8_t* rows = tiles;
    std::uint8_t* columns = tiles + 128 * 128;
    for (int i = thread_id(); i < 64 * 16; i += block_threads()) {
      const int row = i / 16;
      const int column = i % 16;
      const int piece = row / 8 % 2 ^ (swizzles ? column / 4 % 2 : 0);
      at(columns + row / 16 * 512 + column * 32 + piece * 16)[row % 8] = brain(a(row, column));
    }
    for (int i = thread_id(); i < 128 * 64; i += block_threads()) {
      const int row = i / 64;
      const int column = i % 64;
      const int piece = column / 8 ^ (swizzles ? row % 8 : 0);
      at(rows + row * 128 + piece * 16)[column % 8] = brain(b(row, column));
    }
  }

  // The sums, by row and column, or the failure.
  std::string multiply(const Steps& steps, std::vector<float>* sums) const {
    sums->assign(64 * 128, 0);
    return failure_of(steps.threads, kShared, [&, sums] {
      std::uint8_t* tiles = aligned_shared_memory(1024);
      put_tiles(tiles, steps.swizzles);
      if (steps.shows) fence_async();
      block_barrier();
      float c[64];
      for (float& value : c) value = 0.5f;
      if (steps.fences) wgmma_fence();
      const unsigned address = shared_address(tiles);
      wgmma_brain(c, tile_descriptor<32>(address + 128 * 128, 512, 256) ^ steps.a_bits,
                  tile_descriptor<128>(address + 32, 0, 1024) ^ steps.b_bits);
      if (steps.commits) wgmma_commit();
      if (!steps.keeps_tiles) {
        tiles[thread_id()] = 0x40;
        fence_async();
      }
      if (steps.waits) wgmma_wait<0>();
      wgmma_take(c);
      const int first_row = thread_id() / 32 * 16 + thread_id() % 32 / 4;
      for (int i = 0; i < 64; ++i) {
        const int row = first_row + i % 4 / 2 * 8;
        const int column = i / 4 * 8 + thread_id() % 4 * 2 + i % 2;
        (*sums)[static_cast<std::size_t>(row * 128 + column)] = c[i];
      }
    });
  }
  std::string failure(const Steps& steps) const {
    std::vector<float> sums;
    return multiply(steps, &sums);
  }
  bool right(const std::vector<float>& sums) const {
    for (int i = 0; i < 64 * 128; ++i) {
      double sum = 0;
      for (int k = 0; k < 16; ++k) sum += kept(a(i / 128, k)) * kept(b(i % 128, 16 + k));
      if (sums[static_cast<std::size_t>(i)] != static_cast<float>(0.5 + sum)) return false;
    }
    return true;
  }
  void expect_wrong(const Steps& steps) const {
    std::vector<float> sums;
    EXPECT_EQ("none", multiply(steps, &sums));
    EXPECT_FALSE(right(sums));
  }

 private:
  std::vector<float> a_ = random_floats(64 * 16, 1);
  std::vector<float> b_ = random_floats(128 * 64, 2);
};

TEST_F(SimtWgmmaTest, MultipliesTilesThatAreSwizzledInMemory) {
  std::vector<float> sums;
  EXPECT_EQ("none", multiply({}, &sums));
  EXPECT_TRUE(right(sums));
}

TEST_F(SimtWgmmaTest, WhatIsNotSwizzledIsMultipliedWrongly) { expect_wrong({.swizzles = false}); }

TEST_F(SimtWgmmaTest, EveryBitOfADescriptorCounts) {
  const std::uint64_t kStart = 0x10;  // 256 bytes on
  const std::uint64_t kLeading = std::uint64_t{0x20} << 16;
  const std::uint64_t kStrided = std::uint64_t{0x10} << 32;
  const std::uint64_t kSwizzle = std::uint64_t{2} << 62;  // 32 bytes becomes 128, and back
  expect_wrong({.a_bits = kStart});
  expect_wrong({.a_bits = kLeading});
  expect_wrong({.a_bits = kStrided});
  expect_wrong({.b_bits = std::uint64_t{2}});
  expect_wrong({.b_bits = kStrided << 2});
  expect_wrong({.b_bits = kSwizzle});
  expect_failure(failure({.a_bits = std::uint64_t{1} << 14}), "bits that mean nothing");
  expect_failure(failure({.a_bits = 0x8}), "in the middle of its swizzle");
  expect_failure(failure({.b_bits = std::uint64_t{0x400} << 32}), "outside its shared memory");
}

TEST_F(SimtWgmmaTest, WhatThreadsWroteIsNotSeenBeforeAFence) {
  std::vector<float> sums;
  EXPECT_EQ("none", multiply({.shows = false}, &sums));
  for (const float sum : sums) ASSERT_TRUE(std::isnan(sum));
}

TEST_F(SimtWgmmaTest, ProductsThatAreNotWaitedForFail) {
  expect_failure(failure({.waits = false}), "ends with products that were not waited for");
  expect_failure(failure({.commits = false}), "ends with products that were not waited for");
}

TEST_F(SimtWgmmaTest, ProductsWithoutAFenceFail) {
  expect_failure(failure({.fences = false}), "no wgmma.fence was before");
}

TEST_F(SimtWgmmaTest, TilesAreReadUntilTheWait) { expect_wrong({.keeps_tiles = false}); }

TEST_F(SimtWgmmaTest, AWarpgroupIsFourWarps) {
  expect_failure(failure({.threads = 96}), "outside a whole warpgroup");
}

TEST_F(SimtWgmmaTest, SumsAreNansUntilTheyAreWaitedFor) {
  int nans = 0;
  EXPECT_EQ("none", failure_of(128, kShared, [&] {
              const unsigned address = shared_address(aligned_shared_memory(1024));
              put_tiles(aligned_shared_memory(1024), true);
              fence_async();
              block_barrier();
              float first[64] = {};
              float second[64] = {};
              const std::uint64_t a = tile_descriptor<32>(address + 128 * 128, 512, 256);
              const std::uint64_t b = tile_descriptor<128>(address, 0, 1024);
              wgmma_fence();
              wgmma_brain(first, a, b);
              wgmma_commit();
              wgmma_brain(second, a, b);
              wgmma_brain(second, a, b);
              wgmma_commit();
              wgmma_wait<1>();
              wgmma_take(first);
              if (std::isnan(first[0])) simt::fail("the first group gave nothing");
              wgmma_take(second);
              if (std::isnan(second[0])) ++nans;
              wgmma_wait<0>();
              wgmma_take(second);
              if (std::isnan(second[0])) simt::fail("the second group gave nothing");
              if (std::abs(second[0] - 2 * first[0]) > 1e-5f) simt::fail("is not twice the sum");
            }));
  EXPECT_EQ(128, nans);
}

TEST_F(SimtWgmmaTest, AllOfAWarpgroupMultiplyTheSame) {
  const auto kernel = [&](int other, bool less) {
    return [this, other, less] {
      const unsigned address = shared_address(aligned_shared_memory(1024));
      put_tiles(aligned_shared_memory(1024), true);
      fence_async();
      block_barrier();
      float c[64] = {};
      const unsigned moved = thread_id() == other ? 32 : 0;
      wgmma_fence();
      if (!less || thread_id() >= 32) {
        wgmma_brain(c, tile_descriptor<32>(address + 128 * 128, 512, 256),
                    tile_descriptor<128>(address + moved, 0, 1024));
      }
      wgmma_commit();
      wgmma_wait<0>();
    };
  };
  EXPECT_EQ("none", failure_of(128, kShared, kernel(-1, false)));
  expect_failure(failure_of(128, kShared, kernel(77, false)), "other tiles than its warpgroup");
  expect_failure(failure_of(128, kShared, kernel(-1, true)), "less often than its warpgroup");
}

// By columns with the widest swizzle: 64 rows side by side.
TEST_F(SimtWgmmaTest, MultipliesColumnsOf64RowsSwizzledBy128Bytes) {
  EXPECT_EQ("none", failure_of(128, kShared, [&] {
              std::uint8_t* tiles = aligned_shared_memory(1024);
              put_tiles(tiles, true);
              block_barrier();
              for (int i = thread_id(); i < 64 * 16; i += 128) {
                const int row = i / 16;
                const int column = i % 16;
                auto* piece = tiles + 128 * 128 + column * 128 + ((row / 8) ^ (column % 8)) * 16;
                reinterpret_cast<std::uint16_t*>(piece)[row % 8] = brain(a(row, column));
              }
              fence_async();
              block_barrier();
              float c[64] = {};
              const unsigned address = shared_address(tiles);
              wgmma_fence();
              wgmma_brain(c, tile_descriptor<128>(address + 128 * 128, 0, 1024),
                          tile_descriptor<128>(address, 0, 1024));
              wgmma_commit();
              wgmma_wait<0>();
              wgmma_take(c);
              const int row = thread_id() / 32 * 16 + thread_id() % 32 / 4;
              double sum = 0;
              for (int k = 0; k < 16; ++k) sum += kept(a(row, k)) * kept(b(thread_id() % 4 * 2, k));
              if (c[0] != static_cast<float>(sum)) simt::fail("wrong sum");
            }));
}

}  // namespace
}  // namespace sb::cuda
