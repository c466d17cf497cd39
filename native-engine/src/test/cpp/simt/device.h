// The wrappers of cuda/device.h for the host: what each instruction does, by its definition in the
// PTX manual, on the machine of simt/machine.h.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/float16.h"
#include "simt/async.h"
#include "simt/machine.h"

#define SB_KERNEL(...) [[maybe_unused]] static void
#define SB_TENSOR_MAP const TensorMap
#define SB_WGMMA 1
#define SB_DEVICE [[maybe_unused]] static inline

namespace sb::cuda {

using simt::Site;

SB_DEVICE int thread_id() { return simt::thread(); }
SB_DEVICE int block_x() { return simt::block(0); }
SB_DEVICE int block_y() { return simt::block(1); }
SB_DEVICE int block_z() { return simt::block(2); }
SB_DEVICE int blocks_x() { return simt::blocks(0); }
SB_DEVICE int block_threads() { return simt::threads(); }
SB_DEVICE std::uint8_t* shared_memory() { return simt::shared(); }

// ---- waits and exchanges ----

// Until the kernel that was launched before this one has ended, and what it wrote is seen. The next
// one may begin once all blocks are here, or have ended.
SB_DEVICE void await_launch_before(int line = __builtin_LINE(),
                                   const char* file = __builtin_FILE()) {
  simt::await_launch_before({file, line});
}

SB_DEVICE void block_barrier(int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  simt::barrier({file, line});
}

SB_DEVICE void warp_barrier(unsigned mask, int line = __builtin_LINE(),
                            const char* file = __builtin_FILE()) {
  static_cast<void>(
      simt::meet(mask, {file, line}, simt::kWarpBarrier, nullptr, [](simt::Lanes) {}));
}

// Each lane of the mask gets the sum, or the maximum.
SB_DEVICE int warp_sum(unsigned mask, int value, int line = __builtin_LINE(),
                       const char* file = __builtin_FILE()) {
  static_cast<void>(simt::meet(mask, {file, line}, "sum", &value, [](simt::Lanes lanes) {
    int sum = 0;
    for (void* lane : lanes) sum += lane == nullptr ? 0 : *static_cast<int*>(lane);
    for (void* lane : lanes) {
      if (lane != nullptr) *static_cast<int*>(lane) = sum;
    }
  }));
  return value;
}

SB_DEVICE unsigned warp_max(unsigned mask, unsigned value, int line = __builtin_LINE(),
                            const char* file = __builtin_FILE()) {
  static_cast<void>(simt::meet(mask, {file, line}, "maximum", &value, [](simt::Lanes lanes) {
    unsigned most = 0;
    for (void* lane : lanes) {
      if (lane != nullptr && *static_cast<unsigned*>(lane) > most) {
        most = *static_cast<unsigned*>(lane);
      }
    }
    for (void* lane : lanes) {
      if (lane != nullptr) *static_cast<unsigned*>(lane) = most;
    }
  }));
  return value;
}

// Of the lanes of each half of the warp, the mask's halves: i and i + 8, then i and i + 4, i + 2,
// i + 1, as FloatOps sums its vectors.
SB_DEVICE float half_warp_sum(unsigned mask, float value, int line = __builtin_LINE(),
                              const char* file = __builtin_FILE()) {
  static_cast<void>(simt::meet(mask, {file, line}, "tree", &value, [](simt::Lanes lanes) {
    for (int apart = 8; apart > 0; apart /= 2) {
      float before[simt::kWarp] = {};
      for (int i = 0; i < simt::kWarp; ++i) {
        if (lanes[i] != nullptr) before[i] = *static_cast<float*>(lanes[i]);
      }
      for (int i = 0; i < simt::kWarp; ++i) {
        if (lanes[i] != nullptr) *static_cast<float*>(lanes[i]) = before[i] + before[i ^ apart];
      }
    }
  }));
  return value;
}

struct ShuffledLane {
  std::uint32_t value;
  int from;
};

// The value of the lane whose number differs in the given bits.
template <class T>
T shuffle_xor(unsigned mask, T value, int bits, int line = __builtin_LINE(),
              const char* file = __builtin_FILE()) {
  static_assert(sizeof(T) == 4 && std::is_trivially_copyable_v<T>);
  ShuffledLane mine{std::bit_cast<std::uint32_t>(value), (simt::thread() % simt::kWarp) ^ bits};
  if ((mask >> mine.from & 1u) == 0) simt::fail("exchanges with a lane outside its mask");
  static_cast<void>(simt::meet(mask, {file, line}, "shuffle", &mine, [](simt::Lanes lanes) {
    std::uint32_t before[simt::kWarp] = {};
    for (int i = 0; i < simt::kWarp; ++i) {
      if (lanes[i] != nullptr) before[i] = static_cast<ShuffledLane*>(lanes[i])->value;
    }
    for (void* each : lanes) {
      if (each == nullptr) continue;
      auto* lane = static_cast<ShuffledLane*>(each);
      lane->value = before[lane->from];
    }
  }));
  return std::bit_cast<T>(mine.value);
}

// A bit for each lane of the mask.
SB_DEVICE unsigned warp_ballot(unsigned mask, bool vote, int line = __builtin_LINE(),
                               const char* file = __builtin_FILE()) {
  unsigned value = vote ? 1u << (simt::thread() % simt::kWarp) : 0u;
  static_cast<void>(simt::meet(mask, {file, line}, "ballot", &value, [](simt::Lanes lanes) {
    unsigned all = 0;
    for (void* lane : lanes) all |= lane == nullptr ? 0u : *static_cast<unsigned*>(lane);
    for (void* lane : lanes) {
      if (lane != nullptr) *static_cast<unsigned*>(lane) = all;
    }
  }));
  return value;
}

// ---- copies into shared memory that run beside the thread ----

// kBytes of 4, 8 or 16, of which the first "bytes" are read and the others become zero.
template <int kBytes>
void copy_async(void* to, const void* from, int bytes = kBytes, int line = __builtin_LINE(),
                const char* file = __builtin_FILE()) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  simt::copy_async(to, from, static_cast<std::size_t>(bytes), kBytes, {file, line});
}
SB_DEVICE void commit_copies(int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  simt::commit_copies({file, line});
}
// All groups but the last kButLast have landed, for this thread.
template <int kButLast>
void wait_copies(int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  simt::wait_copies(kButLast, {file, line});
}

// ---- arithmetic ----

SB_DEVICE float fma(float a, float b, float c) { return std::fma(a, b, c); }
SB_DEVICE float round_even(float x) { return std::nearbyint(x); }
SB_DEVICE float float_of_half(std::uint16_t bits) { return float_from_half(bits); }
SB_DEVICE std::uint16_t half_of_float(float value) { return half_from_float(value); }
SB_DEVICE float float_of_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
SB_DEVICE std::uint32_t bits_of_float(float value) { return std::bit_cast<std::uint32_t>(value); }

// sum + the products of four unsigned bytes of a and four signed bytes of b.
SB_DEVICE int dot4(std::uint32_t a, std::uint32_t b, int sum) {
  for (int i = 0; i < 4; ++i) {
    sum += static_cast<int>(a >> (8 * i) & 255u) * static_cast<std::int8_t>(b >> (8 * i) & 255u);
  }
  return sum;
}

// Byte i is the one that nibble i of the selector names: 0 to 3 of a, 4 to 7 of b.
SB_DEVICE std::uint32_t pick_bytes(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
  const std::uint64_t both = std::uint64_t{b} << 32 | a;
  std::uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned pick = selector >> (4 * i) & 7u;
    result |= static_cast<std::uint32_t>(both >> (8 * pick) & 255u) << (8 * i);
  }
  return result;
}

// ---- tensor cores: c += a b, with a 16 rows, b 8 columns ----
// Lane 4 g + t has of a the words of rows g and g + 8, of b those of column g, and of c rows g and
// g + 8, columns 2 t and 2 t + 1.

// Where a lane's word of a, or of b, lies: words are along k.
struct MmaLane {
  const std::uint32_t* a;
  const std::uint32_t* b;
  void* c;
  int words_k;  // of a row of a: 4 or 8
};

template <class Sum, class Product>
void mma_all(simt::Lanes lanes, Product product) {
  const auto lane = [&](int i) { return static_cast<const MmaLane*>(lanes[i]); };
  const int words = lane(0)->words_k;
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      Sum sum{};
      for (int word = 0; word < words; ++word) {
        const std::uint32_t a = lane(4 * (row % 8) + word % 4)->a[row / 8 + word / 4 * 2];
        const std::uint32_t b = lane(4 * column + word % 4)->b[word / 4];
        sum += product(a, b);
      }
      const MmaLane* to = lane(4 * (row % 8) + column / 2);
      if constexpr (std::is_same_v<Sum, int>) {
        static_cast<int*>(to->c)[row / 8 * 2 + column % 2] += sum;
      } else {
        float& c = static_cast<float*>(to->c)[row / 8 * 2 + column % 2];
        c = static_cast<float>(static_cast<double>(c) + sum);
      }
    }
  }
}

inline void mma_bytes(simt::Lanes lanes) {
  mma_all<int>(lanes, [](std::uint32_t a, std::uint32_t b) { return dot4(a, b, 0); });
}

// k = 32 and k = 16: unsigned bytes of a, signed ones of b.
SB_DEVICE void mma_k32(int (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                       int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  MmaLane mine{a, b, c, 8};
  static_cast<void>(simt::meet(~0u, {file, -line}, "mma k32", &mine, mma_bytes));
}
SB_DEVICE void mma_k16(int (&c)[4], const std::uint32_t (&a)[2], const std::uint32_t (&b)[1],
                       int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  MmaLane mine{a, b, c, 4};
  static_cast<void>(simt::meet(~0u, {file, -line}, "mma k16", &mine, mma_bytes));
}

// k = 16 of pairs of BF16, or of F16.
SB_DEVICE void mma_brain(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                         int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  MmaLane mine{a, b, c, 8};
  static_cast<void>(simt::meet(~0u, {file, -line}, "mma bf16", &mine, [](simt::Lanes lanes) {
    mma_all<double>(lanes, [](std::uint32_t x, std::uint32_t y) {
      const auto at = [](std::uint32_t v) { return static_cast<double>(std::bit_cast<float>(v)); };
      return at(x << 16) * at(y << 16) + at(x & 0xffff0000u) * at(y & 0xffff0000u);
    });
  }));
}
SB_DEVICE void mma_half(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                        int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  MmaLane mine{a, b, c, 8};
  static_cast<void>(simt::meet(~0u, {file, -line}, "mma f16", &mine, [](simt::Lanes lanes) {
    mma_all<double>(lanes, [](std::uint32_t x, std::uint32_t y) {
      const auto at = [](std::uint32_t v) {
        return static_cast<double>(float_from_half(static_cast<std::uint16_t>(v)));
      };
      return at(x & 0xffffu) * at(y & 0xffffu) + at(x >> 16) * at(y >> 16);
    });
  }));
}

struct MatrixLane {
  const std::uint16_t* row;
  std::uint32_t* out;
};

// Four matrices of 8 x 8 16-bit numbers in shared memory, of which lane 8 j + r gives the address
// of row r of matrix j. Lane 4 g + t gets of each the numbers g of rows 2 t and 2 t + 1.
SB_DEVICE void load_transposed(std::uint32_t (&out)[4], const std::uint16_t* row,
                               int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) simt::fail("loads a matrix not aligned");
  MatrixLane mine{row, out};
  static_cast<void>(simt::meet(~0u, {file, -line}, "ldmatrix", &mine, [](simt::Lanes lanes) {
    const auto lane = [&](int i) { return static_cast<const MatrixLane*>(lanes[i]); };
    for (int i = 0; i < simt::kWarp; ++i) simt::check_visible(lane(i)->row, 16);
    for (int i = 0; i < simt::kWarp; ++i) {
      for (int j = 0; j < 4; ++j) {
        const int row_pair = 8 * j + i % 4 * 2;
        lane(i)->out[j] = lane(row_pair)->row[i / 4] |
                          static_cast<std::uint32_t>(lane(row_pair + 1)->row[i / 4]) << 16;
      }
    }
  }));
}

// ---- tiles that are copied beside the threads ----

using TensorMap = simt::TensorMap;

[[maybe_unused]] static bool make_tensor_map(const TileSource& source, TensorMap* map) {
  *map = {.data = static_cast<const std::uint8_t*>(source.data),
          .dims = source.dims,
          .size = {source.size[0], source.size[1], source.size[2]},
          .stride_bytes = {source.stride_bytes[0], source.stride_bytes[1], source.stride_bytes[2]},
          .box = {source.box[0], source.box[1], source.box[2]},
          .swizzle_bytes = source.swizzle_bytes};
  simt::check_map(*map);
  return true;
}

SB_DEVICE unsigned shared_address(const void* p) { return simt::shared_address(p); }

// The tile that begins at these coordinates, to shared memory; its bytes count at the mbarrier. By
// one thread. Its destination is aligned to what its swizzle repeats after.
SB_DEVICE void load_tile(void* to, const TensorMap& map, int x, int y, std::uint64_t* arrival,
                         int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  simt::load_tile(to, map, {x, y, 0}, arrival, {file, -line});
}
SB_DEVICE void load_tile(void* to, const TensorMap& map, int x, int y, int z,
                         std::uint64_t* arrival, int line = __builtin_LINE(),
                         const char* file = __builtin_FILE()) {
  simt::load_tile(to, map, {x, y, z}, arrival, {file, -line});
}

// An mbarrier: 8 bytes of shared memory whose phase ends when "count" threads have arrived and the
// bytes have come that it was told to expect. Phases are known by their parity; the first is 0.
SB_DEVICE void arrival_init(std::uint64_t* at, int count, int line = __builtin_LINE(),
                            const char* file = __builtin_FILE()) {
  simt::arrival_init(at, count, {file, line});
}
SB_DEVICE void arrival_arrive(std::uint64_t* at, int line = __builtin_LINE(),
                              const char* file = __builtin_FILE()) {
  simt::arrival_arrive(at, {file, line});
}
// Arrives, and says that so many bytes more will come in this phase.
SB_DEVICE void arrival_expect(std::uint64_t* at, unsigned bytes, int line = __builtin_LINE(),
                              const char* file = __builtin_FILE()) {
  simt::arrival_expect(at, bytes, {file, line});
}
// Until the phase of this parity has ended: at once when the one that runs has the other.
SB_DEVICE void arrival_await(std::uint64_t* at, unsigned parity, int line = __builtin_LINE(),
                             const char* file = __builtin_FILE()) {
  simt::arrival_await(at, parity, {file, line});
}
// Shows copies and products what this thread has written to shared memory, mbarriers included.
SB_DEVICE void fence_async(int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  simt::fence_async({file, line});
}

// ---- products of a warpgroup ----
// Four warps, of which the first has a number that is a multiple of four, multiply 64 rows by
// columns. Warp w has rows 16 w to 16 w + 15, a lane of them the numbers that mma_brain() gives it
// for every eight columns.

// Between what a thread has done with its sums, or had of them, and its next products.
SB_DEVICE void wgmma_fence(int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  simt::wgmma_fence({file, line});
}
// Ends a group of products.
SB_DEVICE void wgmma_commit(int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  simt::wgmma_commit({file, line});
}
// All groups but the last kButLast have read their tiles and given their sums.
template <int kButLast>
void wgmma_wait(int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  simt::wgmma_wait(kButLast, {file, line});
}
// Behind the wait and before the sums are read.
template <int kSums>
void wgmma_take(float (&)[kSums]) {}
// c += a b, 64 x 16 by 16 x 128 of BF16, by tile_descriptor(): a by columns, b by rows.
SB_DEVICE void wgmma_brain(float (&c)[64], std::uint64_t a, std::uint64_t b,
                           int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  simt::wgmma(c, 128, a, b, {file, -line});
}
[[maybe_unused]] static bool has_wgmma() { return true; }
[[maybe_unused]] static std::size_t most_shared_bytes() { return simt::most_shared_bytes(); }

SB_DEVICE std::uint64_t device_clock() { return simt::clock_ns(); }

// ---- launching ----

struct Grid {
  std::int64_t x = 1;
  std::int64_t y = 1;
  std::int64_t z = 1;
  int threads = 1;
  std::size_t shared_bytes = 0;
};

// Of what type a parameter is, without deducing it from the argument.
template <class T>
using Parameter = std::type_identity_t<T>;

template <class... P>
void launch(const char* name, Stream stream, const Grid& grid, void (*kernel)(P...),
            Parameter<P>... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  simt::Shape shape;
  shape.blocks[0] = static_cast<int>(grid.x);
  shape.blocks[1] = static_cast<int>(grid.y);
  shape.blocks[2] = static_cast<int>(grid.z);
  shape.threads = grid.threads;
  shape.shared_bytes = grid.shared_bytes;
  shape.awaits_launch_before = true;
  const simt::Kernel work{name, shape, [=] { kernel(arguments...); }};
  auto* queue = static_cast<simt::Queue*>(stream.handle);
  if (queue == nullptr) return simt::run(work);
  queue->put(work);
}

}  // namespace sb::cuda
