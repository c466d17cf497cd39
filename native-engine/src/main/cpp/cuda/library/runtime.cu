// CUDA's runtime behind the plugin's table. It is linked statically; the driver's library is found
// by the runtime when the first function is called, and its absence is an outcome.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cuda/device.h"
#include "cuda/library/runtime.h"

namespace sb::cuda::runtime {
namespace {

// The least compute capability that kernels are built for.
constexpr int kLeastMajor = 8;
// Those that this library was built for, 100 * major + 10 * minor each; the compiler lists them.
constexpr int kBuiltFor[] = {__CUDA_ARCH_LIST__};

// For what is no kernel: the next one then begins when that has ended.
cudaStream_t handle(Stream stream) {
  auto* into = static_cast<DeviceStream*>(stream.handle);
  into->behind_kernel = false;
  return into->cuda;
}
cudaEvent_t event(Mark mark) { return static_cast<cudaEvent_t>(mark.handle); }

void number(int version, char* text, std::size_t bytes) {
  std::snprintf(text, bytes, "%d.%d", version / 1000, version % 1000 / 10);
}

// The runtime says "insufficient driver" of a missing one too.
Outcome without_driver(char* text, std::size_t bytes) {
  int driver = 0;
  int needed = 0;
  cudaRuntimeGetVersion(&needed);
  char wanted[16];
  number(needed, wanted, sizeof(wanted));
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    std::snprintf(text, bytes, "no NVIDIA driver is loaded");
    return Outcome::kNoDriver;
  }
  char found[16];
  number(driver, found, sizeof(found));
  std::snprintf(text, bytes, "the driver is for CUDA %s, this library needs %s", found, wanted);
  return Outcome::kDriverTooOld;
}

Outcome without_device(char* text, std::size_t bytes) {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible != nullptr) {
    std::snprintf(text, bytes, "CUDA_VISIBLE_DEVICES=\"%s\" names no device that is there",
                  visible);
    return Outcome::kHidden;
  }
  std::snprintf(text, bytes,
                "the driver has no device (a device in MIG mode needs an instance to be made)");
  return Outcome::kNoDevice;
}

SB_KERNEL(kWarpThreads) do_nothing() { await_launch_before(); }

Outcome without_code(const cudaDeviceProp& properties, char* text, std::size_t bytes) {
  char built_for[64] = "";
  std::size_t used = 0;
  for (const int code : kBuiltFor) {
    if (used >= sizeof(built_for)) break;
    used += static_cast<std::size_t>(std::snprintf(built_for + used, sizeof(built_for) - used,
                                                   "%s%d.%d", used == 0 ? "" : ", ", code / 100,
                                                   code % 100 / 10));
  }
  std::snprintf(text, bytes,
                "%s: no code for compute capability %d.%d in this library, built for %s",
                properties.name, properties.major, properties.minor, built_for);
  return Outcome::kNoCode;
}

Outcome outcome_of(cudaError_t error, char* text, std::size_t bytes) {
  switch (error) {
    case cudaSuccess:
      return Outcome::kReady;
    case cudaErrorInsufficientDriver:
      return without_driver(text, bytes);
    case cudaErrorStubLibrary:
      std::snprintf(text, bytes,
                    "libcuda.so.1 is the toolkit's stub: take its folder out of LD_LIBRARY_PATH");
      return Outcome::kDriverFailed;
    case cudaErrorNoDevice:
      return without_device(text, bytes);
    case cudaErrorDevicesUnavailable:
      std::snprintf(text, bytes,
                    "the device is busy: another process has it in exclusive mode, or it is "
                    "prohibited");
      return Outcome::kBusy;
    case cudaErrorECCUncorrectable:
      std::snprintf(text, bytes, "the device has an uncorrectable ECC error and waits for a reset");
      return Outcome::kEccError;
    case cudaErrorSystemDriverMismatch:
      std::snprintf(
          text, bytes,
          "the driver's library and kernel module are of different versions (%d): reboot, "
          "or reload the module",
          static_cast<int>(error));
      return Outcome::kDriverMismatch;
    case cudaErrorCompatNotSupportedOnDevice:
      std::snprintf(text, bytes,
                    "the package cuda-compat does not serve this device (%d): take its folder out "
                    "of LD_LIBRARY_PATH, and install a newer driver",
                    static_cast<int>(error));
      return Outcome::kDriverTooOld;
    case cudaErrorSystemNotReady:
      std::snprintf(text, bytes,
                    "the driver waits for a service of the system (%d): start "
                    "nvidia-fabricmanager, of the driver's version",
                    static_cast<int>(error));
      return Outcome::kSystemNotReady;
    default:
      std::snprintf(text, bytes, "%s (%d)", cudaGetErrorString(error), static_cast<int>(error));
      return Outcome::kUnknown;
  }
}

// What a recording ended in, where its device works on: then steps are launched one by one.
std::int32_t not_recorded(Stream stream, cudaError_t error) {
  cudaGetLastError();
  const cudaError_t now = cudaStreamQuery(handle(stream));
  if (now != cudaSuccess && now != cudaErrorNotReady) return now;
  cudaGetLastError();  // that the stream is not ready is nobody's failure
  if (error == cudaErrorMemoryAllocation) return kErrorMemory;
  std::fprintf(stderr, "libswitchboard: cuda: launches cannot be recorded: %s (%d)\n",
               cudaGetErrorString(error), static_cast<int>(error));
  return kErrorRecording;
}

// Other threads go on with what a recording would not allow, such as taking memory.
cudaError_t begin_capture(Stream stream) {
  return cudaStreamBeginCapture(handle(stream), cudaStreamCaptureModeThreadLocal);
}

// What was launched since begin_capture(); the error that a graph of it ended in.
cudaError_t make_graph(Stream stream, cudaGraphExec_t* made) {
  const cudaError_t launched = cudaGetLastError();
  cudaGraph_t recorded = nullptr;
  cudaError_t error = cudaStreamEndCapture(handle(stream), &recorded);
  if (launched != cudaSuccess) error = launched;
  if (error == cudaSuccess) error = cudaGraphInstantiate(made, recorded, 0);
  if (recorded != nullptr) cudaGraphDestroy(recorded);
  return error;
}

// Two kernels, launched and recorded; the first error.
cudaError_t try_overlap(DeviceStream* into) {
  const Stream stream{into};
  const auto both = [&] {
    into->behind_kernel = false;
    for (int i = 0; i < 2; ++i) {
      launch("do_nothing", stream, {.threads = kWarpThreads}, do_nothing);
    }
  };
  cudaGetLastError();  // whatever it is, it is not of these
  both();
  if (cudaError_t e = cudaGetLastError(); e != cudaSuccess) return e;
  if (cudaError_t e = cudaStreamSynchronize(into->cuda); e != cudaSuccess) return e;
  if (cudaError_t e = begin_capture(stream); e != cudaSuccess) return e;
  both();
  cudaGraphExec_t made = nullptr;
  if (cudaError_t e = make_graph(stream, &made); e != cudaSuccess) return e;
  cudaError_t error = cudaGraphLaunch(made, into->cuda);
  if (error == cudaSuccess) error = cudaStreamSynchronize(into->cuda);
  cudaGraphExecDestroy(made);
  return error;
}

// Whether the device begins kernels early and their code awaits the one before: from 9.0 on, both.
bool may_overlap(std::int32_t device) {
  const char* wanted = std::getenv(kOverlapVariable);
  if (wanted != nullptr && std::strcmp(wanted, "off") == 0) return false;
  int major = 0;
  cudaFuncAttributes code;
  const bool known =
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
      cudaFuncGetAttributes(&code, reinterpret_cast<const void*>(do_nothing)) == cudaSuccess;
  cudaGetLastError();
  return known && major >= 9 && code.ptxVersion >= 90;
}

// Some drivers have refused to record such kernels; then they are launched one behind the other. An
// error is the stream's, which does not work.
cudaError_t choose_overlap(std::int32_t device, DeviceStream* into) {
  if (!may_overlap(device)) return cudaSuccess;
  into->overlaps = true;
  const cudaError_t error = try_overlap(into);
  if (error == cudaSuccess) return error;
  into->overlaps = false;
  cudaGetLastError();
  if (cudaError_t e = cudaStreamSynchronize(into->cuda); e != cudaSuccess) return e;
  std::fprintf(stderr, "libswitchboard: cuda: device %d: kernels do not overlap: %s (%d)\n", device,
               cudaGetErrorString(error), static_cast<int>(error));
  return cudaSuccess;
}

}  // namespace

const char* const kName = "CUDA";

// No device has been asked yet: an error that has no name is the driver's.
Outcome probe(std::int32_t* devices, char* text, std::size_t text_bytes) {
  int count = 0;
  Outcome outcome = outcome_of(cudaGetDeviceCount(&count), text, text_bytes);
  if (outcome == Outcome::kUnknown) outcome = Outcome::kDriverFailed;
  *devices = count;
  return outcome == Outcome::kReady && count == 0 ? without_device(text, text_bytes) : outcome;
}

Outcome open(std::int32_t device, DeviceInfo* info, char* text, std::size_t text_bytes) {
  cudaDeviceProp properties;
  if (cudaError_t e = cudaGetDeviceProperties(&properties, device); e != cudaSuccess) {
    return outcome_of(e, text, text_bytes);
  }
  if (properties.major < kLeastMajor) {
    std::snprintf(text, text_bytes, "%s has compute capability %d.%d, and %d.0 is needed",
                  properties.name, properties.major, properties.minor, kLeastMajor);
    return Outcome::kDeviceTooOld;
  }
  if (cudaError_t e = cudaSetDevice(device); e != cudaSuccess) {
    return outcome_of(e, text, text_bytes);
  }
  // All kernels are compiled alike, so what is true of one is of all.
  cudaFuncAttributes code;
  const cudaError_t found = cudaFuncGetAttributes(&code, reinterpret_cast<const void*>(do_nothing));
  if (found == cudaErrorNoKernelImageForDevice || found == cudaErrorInvalidDeviceFunction) {
    cudaGetLastError();  // it is told here
    return without_code(properties, text, text_bytes);
  }
  if (found != cudaSuccess) return outcome_of(found, text, text_bytes);
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  if (cudaError_t e = cudaMemGetInfo(&free_bytes, &total_bytes); e != cudaSuccess) {
    return outcome_of(e, text, text_bytes);
  }
  std::snprintf(info->name, sizeof(info->name), "%s", properties.name);
  std::snprintf(info->pci, sizeof(info->pci), "%04x:%02x:%02x.0", properties.pciDomainID,
                properties.pciBusID, properties.pciDeviceID);
  info->major = properties.major;
  info->minor = properties.minor;
  info->multiprocessors = properties.multiProcessorCount;
  info->free_bytes = free_bytes;
  info->total_bytes = total_bytes;
  return Outcome::kReady;
}

const char* error_text(std::int32_t error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

std::int32_t take(std::int32_t device, std::size_t bytes, void** memory) {
  if (cudaError_t e = cudaSetDevice(device); e != cudaSuccess) return e;
  if (cudaError_t e = cudaMalloc(memory, bytes); e != cudaSuccess) {
    cudaGetLastError();  // running out of memory spoils nothing
    return e;
  }
  // The wait is for a stream: the whole device may not be waited for while another thread records.
  if (cudaError_t e = cudaMemsetAsync(*memory, 0, bytes, cudaStreamPerThread); e != cudaSuccess) {
    return e;
  }
  return cudaStreamSynchronize(cudaStreamPerThread);
}

void give_back(std::int32_t device, void* memory) {
  cudaSetDevice(device);
  cudaFree(memory);
}

std::int32_t pin(void* memory, std::size_t bytes) {
  const cudaError_t error = cudaHostRegister(memory, bytes, cudaHostRegisterPortable);
  if (error != cudaSuccess) cudaGetLastError();
  return error;
}

void unpin(void* memory) {
  if (cudaHostUnregister(memory) != cudaSuccess) cudaGetLastError();  // not the next launch's
}

bool link(std::int32_t device, std::int32_t peer) {
  if (device == peer) return true;
  int can = 0;
  cudaError_t error = cudaDeviceCanAccessPeer(&can, device, peer);
  if (error == cudaSuccess && can != 0) {
    cudaSetDevice(device);
    error = cudaDeviceEnablePeerAccess(peer, 0);
  }
  if (error != cudaSuccess) cudaGetLastError();  // it is nobody's failure
  if (can == 0) return false;
  return error == cudaSuccess || error == cudaErrorPeerAccessAlreadyEnabled;
}

std::int32_t begin_stream(std::int32_t device, Stream* stream) {
  if (cudaError_t e = cudaSetDevice(device); e != cudaSuccess) return e;
  auto made = std::make_unique<DeviceStream>();
  if (cudaError_t e = cudaStreamCreateWithFlags(&made->cuda, cudaStreamNonBlocking);
      e != cudaSuccess) {
    return e;
  }
  if (cudaError_t e = choose_overlap(device, made.get()); e != cudaSuccess) {
    cudaStreamDestroy(made->cuda);
    return e;
  }
  stream->handle = made.release();
  return cudaSuccess;
}

void end_stream(std::int32_t device, Stream stream) {
  cudaSetDevice(device);
  cudaStreamDestroy(handle(stream));
  delete static_cast<DeviceStream*>(stream.handle);
}

std::int32_t use(std::int32_t device) { return cudaSetDevice(device); }

std::int32_t upload(std::int32_t device, void* to, const void* from, std::size_t bytes) {
  if (cudaError_t e = cudaSetDevice(device); e != cudaSuccess) return e;
  // Of pageable memory the call may return once the source is staged; the default stream's order
  // and the wait make it complete, for kernels of streams that do not wait for that one.
  if (cudaError_t e = cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, cudaStreamPerThread);
      e != cudaSuccess) {
    return e;
  }
  return cudaStreamSynchronize(cudaStreamPerThread);
}

std::int32_t copy_in(Stream stream, void* to, const void* from, std::size_t bytes) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, handle(stream));
}

std::int32_t copy_out(Stream stream, void* to, std::size_t to_stride, const void* from,
                      std::size_t from_stride, std::size_t bytes, std::size_t rows) {
  return cudaMemcpy2DAsync(to, to_stride, from, from_stride, bytes, rows, cudaMemcpyDeviceToHost,
                           handle(stream));
}

// By the memories' addresses the runtime knows their devices.
std::int32_t copy_across(Stream stream, void* to, const void* from, std::size_t bytes) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, handle(stream));
}

std::int32_t wait(Stream stream) {
  const cudaError_t launched = cudaGetLastError();
  const cudaError_t ran = cudaStreamSynchronize(handle(stream));
  return launched != cudaSuccess ? launched : ran;
}

std::int32_t begin_mark(std::int32_t device, Mark* mark) {
  if (cudaError_t e = cudaSetDevice(device); e != cudaSuccess) return e;
  cudaEvent_t made = nullptr;
  const cudaError_t error = cudaEventCreateWithFlags(&made, cudaEventDisableTiming);
  mark->handle = made;
  return error;
}

void end_mark(std::int32_t device, Mark mark) {
  cudaSetDevice(device);
  cudaEventDestroy(event(mark));
}

void put_mark(Stream stream, Mark mark) { cudaEventRecord(event(mark), handle(stream)); }

void follow(Stream stream, Mark mark) { cudaStreamWaitEvent(handle(stream), event(mark), 0); }

std::int32_t put_end(Stream stream, Mark mark) {
  const cudaError_t launched = cudaGetLastError();
  const cudaError_t put = cudaEventRecord(event(mark), handle(stream));
  return launched != cudaSuccess ? launched : put;
}

std::int32_t await(Mark mark) { return cudaEventSynchronize(event(mark)); }

// An error is for await() to tell.
bool passed(Mark mark) {
  if (cudaEventQuery(event(mark)) != cudaErrorNotReady) return true;
  cudaGetLastError();  // it is not the next launch's
  return false;
}

std::int32_t record(Stream stream) {
  const cudaError_t error = begin_capture(stream);
  return error == cudaSuccess ? error : not_recorded(stream, error);
}

std::int32_t seal(Stream stream, Graph* graph) {
  cudaGraphExec_t made = nullptr;
  if (cudaError_t e = make_graph(stream, &made); e != cudaSuccess) return not_recorded(stream, e);
  graph->handle = made;
  return cudaSuccess;
}

std::int32_t replay(Stream stream, Graph graph) {
  return cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph.handle), handle(stream));
}

void forget(std::int32_t device, Graph graph) {
  cudaSetDevice(device);
  cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph.handle));
}

}  // namespace sb::cuda::runtime
