// All that kernels use of the device: its threads, their waits and exchanges, its instructions, and
// the way to start a kernel. Kernels name no intrinsic and no assembly themselves, so that they
// compile for a host too, where the tests run them on an emulation (simt/device.h has the same
// wrappers, and says of each what it does).
//
// A kernel is "template <...> SB_KERNEL(threads) name(arguments)", with the blocks that are to fit
// on an SM behind the threads where the compiler would else spill for more; a function it calls is
// SB_DEVICE.
// Shared memory is the launch's; its parts are carved off shared_memory().
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels.h"

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

template <class T>
SB_DEVICE T* shared_at(std::size_t offset) {
  return reinterpret_cast<T*>(shared_memory() + offset);
}

}  // namespace sb::cuda
