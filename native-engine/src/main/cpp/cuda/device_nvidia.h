// The wrappers of cuda/device.h for the device.
#pragma once

#include <cudaTypedefs.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#define SB_KERNEL(...) static __global__ void __launch_bounds__(__VA_ARGS__)
#define SB_TENSOR_MAP const __grid_constant__ TensorMap
// Where there is code for wgmma: a kernel that uses it is empty for other devices.
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define SB_WGMMA 1
#endif
#define SB_DEVICE [[maybe_unused]] static __device__ __forceinline__

namespace sb::cuda {

SB_DEVICE int thread_id() { return static_cast<int>(threadIdx.x); }
SB_DEVICE int block_x() { return static_cast<int>(blockIdx.x); }
SB_DEVICE int block_y() { return static_cast<int>(blockIdx.y); }
SB_DEVICE int block_z() { return static_cast<int>(blockIdx.z); }
SB_DEVICE int blocks_x() { return static_cast<int>(gridDim.x); }
SB_DEVICE int block_threads() { return static_cast<int>(blockDim.x); }
SB_DEVICE std::uint8_t* shared_memory() {
  extern __shared__ __align__(16) std::uint8_t sb_shared[];
  return sb_shared;
}

// Code for devices before 9.0 has no such wait: its kernels are launched one behind the other.
SB_DEVICE void await_launch_before() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

SB_DEVICE void block_barrier() { __syncthreads(); }
SB_DEVICE void warp_barrier(unsigned mask) { __syncwarp(mask); }
SB_DEVICE int warp_sum(unsigned mask, int value) { return __reduce_add_sync(mask, value); }
SB_DEVICE unsigned warp_max(unsigned mask, unsigned value) {
  return __reduce_max_sync(mask, value);
}
// Both lanes of a pair add the same two numbers, so all have the tree's sum.
SB_DEVICE float half_warp_sum(unsigned mask, float value) {
#pragma unroll
  for (int apart = 8; apart > 0; apart /= 2) value += __shfl_xor_sync(mask, value, apart);
  return value;
}
template <class T>
SB_DEVICE T shuffle_xor(unsigned mask, T value, int bits) {
  return __shfl_xor_sync(mask, value, bits);
}
SB_DEVICE unsigned warp_ballot(unsigned mask, bool vote) { return __ballot_sync(mask, vote); }

SB_DEVICE unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

// 16 bytes bypass the first cache, which the smaller ones cannot.
template <int kBytes>
SB_DEVICE void copy_async(void* to, const void* from, int bytes = kBytes) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                 "l"(from), "r"(bytes)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(to)),
                 "l"(from), "n"(kBytes), "r"(bytes)
                 : "memory");
  }
}
SB_DEVICE void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int kButLast>
SB_DEVICE void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kButLast) : "memory");
}

SB_DEVICE float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
SB_DEVICE float round_even(float x) { return rintf(x); }
SB_DEVICE float float_of_half(std::uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
SB_DEVICE std::uint16_t half_of_float(float value) {
  return __half_as_ushort(__float2half_rn(value));
}
SB_DEVICE float float_of_bits(std::uint32_t bits) { return __uint_as_float(bits); }
SB_DEVICE std::uint32_t bits_of_float(float value) { return __float_as_uint(value); }

SB_DEVICE int dot4(std::uint32_t a, std::uint32_t b, int sum) {
  int result;
  asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}
SB_DEVICE std::uint32_t pick_bytes(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
  return __byte_perm(a, b, selector);
}

SB_DEVICE void mma_k32(int (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
SB_DEVICE void mma_k16(int (&c)[4], const std::uint32_t (&a)[2], const std::uint32_t (&b)[1]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.s32.u8.s8.s32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
      "{%0,%1,%2,%3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(b[0]));
}
SB_DEVICE void mma_brain(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
SB_DEVICE void mma_half(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
SB_DEVICE void load_transposed(std::uint32_t (&out)[4], const std::uint16_t* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
}

// ---- tiles that are copied beside the threads ----

using TensorMap = CUtensorMap;

// False, with the runtime's last error, where the driver refuses.
[[maybe_unused]] static bool make_tensor_map(const TileSource& source, TensorMap* map) {
  static const auto encode = [] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result;
    constexpr unsigned kVersion = 12000;
    cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, kVersion, cudaEnableDefault,
                                     &result);
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(found);
  }();
  cuuint64_t sizes[3];
  cuuint64_t strides[2];
  cuuint32_t box[3];
  const cuuint32_t steps[3] = {1, 1, 1};
  for (int i = 0; i < 3; ++i) {
    sizes[i] = static_cast<cuuint64_t>(source.size[i]);
    box[i] = static_cast<cuuint32_t>(source.box[i]);
    if (i > 0) strides[i - 1] = static_cast<cuuint64_t>(source.stride_bytes[i]);
  }
  const CUtensorMapSwizzle swizzle = source.swizzle_bytes == 128  ? CU_TENSOR_MAP_SWIZZLE_128B
                                     : source.swizzle_bytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B
                                                                  : CU_TENSOR_MAP_SWIZZLE_32B;
  if (encode != nullptr &&
      encode(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, static_cast<cuuint32_t>(source.dims),
             const_cast<void*>(source.data), sizes, strides, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS) {
    return true;
  }
  // A call that cannot succeed, so that whoever looks for the last error finds one.
  static_cast<void>(cudaFuncSetAttribute(static_cast<const void*>(nullptr),
                                         cudaFuncAttributeMaxDynamicSharedMemorySize, 0));
  return false;
}

SB_DEVICE void load_tile(void* to, const TensorMap& map, int x, int y, std::uint64_t* arrival) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3}], [%4];" ::"r"(shared_address(to)),
      "l"(&map), "r"(x), "r"(y), "r"(shared_address(arrival))
      : "memory");
}
SB_DEVICE void load_tile(void* to, const TensorMap& map, int x, int y, int z,
                         std::uint64_t* arrival) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3, %4}], [%5];" ::"r"(shared_address(to)),
      "l"(&map), "r"(x), "r"(y), "r"(z), "r"(shared_address(arrival))
      : "memory");
}

SB_DEVICE void arrival_init(std::uint64_t* at, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(at)), "r"(count)
               : "memory");
}
SB_DEVICE void arrival_arrive(std::uint64_t* at) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(at)) : "memory");
}
SB_DEVICE void arrival_expect(std::uint64_t* at, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(at)),
               "r"(bytes)
               : "memory");
}
SB_DEVICE void arrival_await(std::uint64_t* at, unsigned parity) {
  unsigned done;
  do {
    asm volatile(
        "{\n.reg .pred p;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
        "selp.u32 %0, 1, 0, p;\n}"
        : "=r"(done)
        : "r"(shared_address(at)), "r"(parity)
        : "memory");
  } while (done == 0);
}
SB_DEVICE void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// ---- products of a warpgroup ----

SB_DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
SB_DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int kButLast>
SB_DEVICE void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kButLast) : "memory");
}
// The compiler does not know that a wait gives the sums: they are read behind this only.
template <int kSums>
SB_DEVICE void wgmma_take(float (&c)[kSums]) {
#pragma unroll
  for (int i = 0; i < kSums; ++i) asm volatile("" : "+f"(c[i])::"memory");
}
// A is by columns, B by rows.
SB_DEVICE void wgmma_brain(float (&c)[64], std::uint64_t a, std::uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, 1, 1, 1, 1, 0;"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]),
        "+f"(c[7]), "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]),
        "+f"(c[14]), "+f"(c[15]), "+f"(c[16]), "+f"(c[17]), "+f"(c[18]), "+f"(c[19]), "+f"(c[20]),
        "+f"(c[21]), "+f"(c[22]), "+f"(c[23]), "+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]),
        "+f"(c[28]), "+f"(c[29]), "+f"(c[30]), "+f"(c[31]), "+f"(c[32]), "+f"(c[33]), "+f"(c[34]),
        "+f"(c[35]), "+f"(c[36]), "+f"(c[37]), "+f"(c[38]), "+f"(c[39]), "+f"(c[40]), "+f"(c[41]),
        "+f"(c[42]), "+f"(c[43]), "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]), "+f"(c[48]),
        "+f"(c[49]), "+f"(c[50]), "+f"(c[51]), "+f"(c[52]), "+f"(c[53]), "+f"(c[54]), "+f"(c[55]),
        "+f"(c[56]), "+f"(c[57]), "+f"(c[58]), "+f"(c[59]), "+f"(c[60]), "+f"(c[61]), "+f"(c[62]),
        "+f"(c[63])
      : "l"(a), "l"(b));
}
// Whether the calling thread's device has it.
[[maybe_unused]] static bool has_wgmma() {
  int device = 0;
  int major = 0;
  return cudaGetDevice(&device) == cudaSuccess &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
         major == 9;
}

// What a block of threads may ask for on the calling thread's device; 0 where that is not known.
[[maybe_unused]] static std::size_t most_shared_bytes() {
  int device = 0;
  int bytes = 0;
  if (cudaGetDevice(&device) != cudaSuccess ||
      cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) !=
          cudaSuccess) {
    return 0;
  }
  return static_cast<std::size_t>(bytes);
}

SB_DEVICE std::uint64_t device_clock() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now)::"memory");
  return now;
}

struct Grid {
  std::int64_t x = 1;
  std::int64_t y = 1;
  std::int64_t z = 1;
  int threads = 1;
  std::size_t shared_bytes = 0;
};

template <class T>
using Parameter = std::type_identity_t<T>;

// What Stream's handle points to.
struct DeviceStream {
  cudaStream_t cuda = nullptr;
  bool overlaps = false;       // a kernel may begin before the one before has ended
  bool behind_kernel = false;  // nothing was put into it since the last kernel
};

// A kernel that needs more shared memory than every device gives unasked says so first.
//
// Directly behind another kernel it may begin under that one's end, and awaits it by
// await_launch_before(). Behind anything else, a copy or a wait for another stream, it begins when
// that has ended: what such a launch would wait for in a recording is not defined.
template <class... P>
void launch(const char*, Stream stream, const Grid& grid, void (*kernel)(P...),
            Parameter<P>... arguments) {
  constexpr std::size_t kUnasked = 48 * 1024;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  const auto* function = reinterpret_cast<const void*>(kernel);
  if (grid.shared_bytes > kUnasked) {
    const cudaError_t allowed = cudaFuncSetAttribute(
        function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(grid.shared_bytes));
    if (allowed != cudaSuccess) return;  // the runtime keeps it as its last error
  }
  auto* into = static_cast<DeviceStream*>(stream.handle);
  cudaLaunchAttribute overlap;
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y),
                        static_cast<unsigned>(grid.z));
  config.blockDim = dim3(static_cast<unsigned>(grid.threads));
  config.dynamicSmemBytes = grid.shared_bytes;
  config.stream = into->cuda;
  config.attrs = &overlap;
  config.numAttrs = into->overlaps && into->behind_kernel ? 1 : 0;
  into->behind_kernel = cudaLaunchKernelEx(&config, kernel, arguments...) == cudaSuccess;
}

}  // namespace sb::cuda
