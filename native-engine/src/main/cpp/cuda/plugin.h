// What libswitchboard_cuda.so gives to libswitchboard.so: one table of functions, behind one C
// symbol. The library itself needs neither a driver nor CUDA's runtime to be loaded; it is opened
// when an engine asks for the device, and the same table from another library (an emulation of the
// device) serves as well.
//
// Both sides are built from the same sources. A table of another version, or of another size, is
// refused.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels.h"

namespace sb::cuda {

inline constexpr std::uint32_t kPluginVersion = 9;
inline constexpr char kPluginSymbol[] = "sb_cuda_plugin";

// Why there is no device to work on.
enum class Outcome : std::int32_t {
  kReady = 0,
  kNoDriver = 1,
  kDriverTooOld = 2,  // for the runtime that the library was built with
  kNoDevice = 3,      // the driver has none, or each is split by MIG and has no instance
  kHidden = 4,        // CUDA_VISIBLE_DEVICES names none
  kBusy = 5,          // another process has the device for itself
  kEccError = 6,      // memory that could not be corrected; the device waits for a reset
  kUnknown = 7,
  kDeviceTooOld = 8,     // kernels are made for newer compute capabilities only
  kNoCode = 9,           // this library has none for its compute capability
  kDriverFailed = 10,    // it does not start
  kDriverMismatch = 11,  // its library and its kernel module are of different versions
  kSystemNotReady = 12,  // the driver waits for a service, such as the fabric manager
};

// The words by which people and programs know them: the codes of the worker's device inventory
// (DeviceFinding.Code), which a test holds them to.
inline constexpr char kNoLibrary[] = "no_library";

constexpr const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kReady:
      break;
    case Outcome::kNoDriver:
      return "no_driver";
    case Outcome::kDriverTooOld:
      return "driver_too_old";
    case Outcome::kNoDevice:
      return "no_device";
    case Outcome::kHidden:
      return "devices_hidden";
    case Outcome::kBusy:
      return "device_busy";
    case Outcome::kEccError:
      return "ecc_errors";
    case Outcome::kUnknown:
      return "device_error";
    case Outcome::kDeviceTooOld:
      return "device_too_old";
    case Outcome::kNoCode:
      return "no_code";
    case Outcome::kDriverFailed:
      return "driver_failed";
    case Outcome::kDriverMismatch:
      return "driver_mismatch";
    case Outcome::kSystemNotReady:
      return "system_not_ready";
  }
  return "ready";
}

// The runtime's numbers for memory that ran out, and for launches that could not be recorded; after
// these the device still works.
inline constexpr std::int32_t kErrorMemory = 2;
inline constexpr std::int32_t kErrorRecording = 901;

struct DeviceInfo {
  char name[256];
  char pci[16];
  std::int32_t major;  // compute capability
  std::int32_t minor;
  std::int32_t multiprocessors;
  std::uint64_t total_bytes;
  std::uint64_t free_bytes;
};

// Launches that were recorded.
struct Graph {
  void* handle = nullptr;
};

// A place in a stream's work, that other streams and the host can wait for. It is where it was put
// last.
struct Mark {
  void* handle = nullptr;
};

// Functions that can fail return an error's number of the runtime, 0 for none.
struct Plugin {
  std::uint32_t version;
  std::uint32_t bytes;  // sizeof(Plugin)
  const char* name;

  // How many devices there are. The text, of an outcome that is not kReady, names its numbers.
  Outcome (*probe)(std::int32_t* devices, char* text, std::size_t text_bytes);
  // Begins to use the device.
  Outcome (*open)(std::int32_t device, DeviceInfo* info, char* text, std::size_t text_bytes);
  const char* (*error_text)(std::int32_t error);

  std::int32_t (*take)(std::int32_t device, std::size_t bytes, void** memory);  // zeroed
  void (*give_back)(std::int32_t device, void* memory);
  // Memory of the host that is copied from and to without a stop between; it may be refused.
  std::int32_t (*pin)(void* memory, std::size_t bytes);
  void (*unpin)(void* memory);
  // Whether a kernel on one device may read the memory of the other; makes it so where it can be.
  bool (*link)(std::int32_t device, std::int32_t peer);

  std::int32_t (*begin_stream)(std::int32_t device, Stream* stream);
  void (*end_stream)(std::int32_t device, Stream stream);
  // Makes the device the calling thread's.
  std::int32_t (*use)(std::int32_t device);
  // From the host's memory to the device's, complete on return; by any thread.
  std::int32_t (*upload)(std::int32_t device, void* to, const void* from, std::size_t bytes);
  // In the order of the stream; rows of "bytes" bytes, to_stride and from_stride apart.
  std::int32_t (*copy_in)(Stream stream, void* to, const void* from, std::size_t bytes);
  std::int32_t (*copy_out)(Stream stream, void* to, std::size_t to_stride, const void* from,
                           std::size_t from_stride, std::size_t bytes, std::size_t rows);
  // From a device's memory to a device's, of which each may be another one's than the stream's.
  std::int32_t (*copy_across)(Stream stream, void* to, const void* from, std::size_t bytes);
  // Waits for the stream; the first error since the last call, launches included.
  std::int32_t (*wait)(Stream stream);

  std::int32_t (*begin_mark)(std::int32_t device, Mark* mark);
  void (*end_mark)(std::int32_t device, Mark mark);
  // Puts the mark, which is the stream's device's, behind all that the stream has by now.
  void (*put_mark)(Stream stream, Mark mark);
  // What the stream gets from now on begins when all before the mark, where it was put last, has
  // ended, and sees what that wrote. The stream may be another device's. As for kernels, what could
  // not be put is the runtime's last error.
  void (*follow)(Stream stream, Mark mark);
  // Puts a mark that the host waits for, not while recording; the first error of a launch since the
  // last call of this or of wait().
  std::int32_t (*put_end)(Stream stream, Mark mark);
  // Waits for what the stream had before the mark.
  std::int32_t (*await)(Mark mark);
  bool (*passed)(Mark mark);

  // What is launched into the stream from record() to seal() is not done but kept; only kernels are
  // put into it meanwhile, and it is not waited for. So is what goes into another stream once that
  // has followed a mark of this one; before seal() this one follows a mark behind it. replay() puts
  // all of it into the stream, each kernel to run where it was launched, with the arguments that it
  // had.
  std::int32_t (*record)(Stream stream);
  std::int32_t (*seal)(Stream stream, Graph* graph);
  std::int32_t (*replay)(Stream stream, Graph graph);
  void (*forget)(std::int32_t device, Graph graph);

  // cuda/kernels.h.
  Form (*form_for)(ops::WeightType type);
  std::int64_t (*attend_floats)(std::int64_t rows, std::int32_t q_heads, std::int32_t head_dim,
                                std::int32_t max_parts);
  void (*prepare)(Stream stream, const Operand& x, std::int64_t rows, Form form);
  void (*embed)(Stream stream, const EmbedArgs& args);
  void (*add_rows_of)(Stream stream, const ops::Matrix& matrix, const std::int32_t* positions,
                      std::int64_t rows, std::int64_t dim, float* x);
  void (*add_to_rows)(Stream stream, const float* y, std::int64_t rows, std::int64_t dim, float* x);
  void (*normalise)(Stream stream, const NormArgs& args);
  void (*matmul)(Stream stream, const MatmulArgs& args);
  void (*matmul_jointly)(Stream stream, const JointMatmulArgs& args);
  void (*store_heads)(Stream stream, const StoreArgs& args);
  void (*attend)(Stream stream, const AttendArgs& args);
  void (*gate)(Stream stream, const GateArgs& args);
  void (*matmul_gated)(Stream stream, const GatedMatmulArgs& args);
  void (*end_block)(Stream stream, const EndBlockArgs& args);
  void (*mean_rows)(Stream stream, const MeanArgs& args);
  void (*gather_rows)(Stream stream, const float* x, const std::int32_t* indices, std::int64_t rows,
                      std::int64_t dim, float* out);
  void (*sample)(Stream stream, const SampleArgs& args);
  void (*score)(Stream stream, const ScoreArgs& args);
  void (*read_at_most)(Stream stream, const ReadArgs& args);
  double (*multiply_at_most)(Stream stream, const MultiplyArgs& args);
  void (*stamp)(Stream stream, std::uint64_t* at);
};

}  // namespace sb::cuda

extern "C" __attribute__((visibility("default"))) const sb::cuda::Plugin* sb_cuda_plugin();
