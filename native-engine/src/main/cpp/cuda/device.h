// All that kernels use of the device: its threads, their waits and exchanges, its instructions, and
// the way to start a kernel. Kernels name no intrinsic and no assembly themselves, so that they
// compile for a host too, where the tests run them on an emulation (simt/device.h has the same
// wrappers, and says of each what it does).
//
// A kernel is "template <...> SB_KERNEL(threads) name(arguments)", with the blocks that are to fit
// on an SM behind the threads where the compiler would else spill for more; a function it calls is
// SB_DEVICE. Every thread of every kernel calls await_launch_before(), the first thing it does but
// for loading weights: whoever awaits this kernel has then awaited all before it.
// Shared memory is the launch's; its parts are carved off shared_memory().
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels.h"

namespace sb::cuda {

// A tensor of 16-bit numbers in global memory of which tiles are copied, and what the tiles are.
// What of a tile lies outside the tensor becomes zero. Data, strides and the bytes of a tile's
// first dimension are multiples of 16; those bytes are at most the swizzle's.
struct TileSource {
  const void* data = nullptr;
  int dims = 2;                        // or 3; the first lies side by side
  std::int64_t size[3] = {1, 1, 1};    // numbers
  std::int64_t stride_bytes[3] = {2};  // the first is 2
  int box[3] = {1, 1, 1};              // of a tile; at most 256 each
  int swizzle_bytes = 0;               // 32, 64 or 128
};

}  // namespace sb::cuda

#ifdef __CUDACC__
#include "cuda/device_nvidia.h"
#else
#include "simt/device.h"
#endif

namespace sb::cuda {

inline constexpr int kWarpThreads = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

// Where a part of shared memory begins: parts are taken one behind the other, by the kernel and by
// whoever works out how much it needs.
class SharedCarver {
 public:
  template <class T>
  [[nodiscard]] constexpr std::size_t take(std::size_t n) {
    const std::size_t at = bytes_;
    bytes_ += (n * sizeof(T) + 15) / 16 * 16;
    return at;
  }
  [[nodiscard]] constexpr std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

// Where shared memory begins that is aligned so; what comes before is at most as much.
SB_DEVICE std::uint8_t* aligned_shared_memory(unsigned alignment) {
  const unsigned past = shared_address(shared_memory()) % alignment;
  return shared_memory() + (past == 0 ? 0 : alignment - past);
}

// A 64-bit descriptor of an operand of wgmma: where its tile begins, how far apart two of its
// pieces are along the leading and along the strided dimension, how it is swizzled. Bits 0 to 13,
// 16 to 29 and 32 to 45 are in units of 16 bytes, bits 62 and 63 are 1, 2 and 3 for 128, 64 and 32
// bytes.
//   rows by columns (kSwizzle bytes of a row side by side, 8 rows a piece): strided by 8 rows.
//   columns by rows (kSwizzle bytes of a column, 8 columns a piece): leading to the rows behind
//   those, strided by 8 columns.
template <int kSwizzle>
SB_DEVICE std::uint64_t tile_descriptor(unsigned address, unsigned leading, unsigned strided) {
  static_assert(kSwizzle == 32 || kSwizzle == 64 || kSwizzle == 128);
  constexpr std::uint64_t kMode = kSwizzle == 128 ? 1 : kSwizzle == 64 ? 2 : 3;
  const auto field = [](unsigned bytes) { return std::uint64_t{bytes >> 4 & 0x3fffu}; };
  return field(address) | field(leading) << 16 | field(strided) << 32 | kMode << 62;
}

template <class T>
SB_DEVICE T* shared_at(std::size_t offset) {
  return reinterpret_cast<T*>(shared_memory() + offset);
}

}  // namespace sb::cuda
