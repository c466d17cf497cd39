/*
 * A libnvidia-ml.so.1 with the devices that devices.conf describes, whether CUDA may use them or not. A setting
 * "unsupported 1" makes it a card that tells its name and memory only, as consumer cards do.
 */
#include "fake.h"
#include "../../main/jextract/nvml.h"

enum { UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

static int users;
static char device_handles[64];

static unsigned devices(void) { return (unsigned)setting("nvml_devices", setting("devices", 1)); }

static int index_of(nvmlDevice_t device) {
  long index = (char *)device - device_handles;
  return users && index >= 0 && index < (long)devices() ? (int)index : -1;
}

/* Of a device that tells such a thing: the value, else the result that says why not. */
#define TELL(out, value)                                     \
  if (index_of(device) < 0) return INVALID_ARGUMENT;         \
  if (setting("unsupported", 0)) return NOT_SUPPORTED;       \
  return *(out) = (value), NVML_SUCCESS

static nvmlReturn_t write_text(char *out, unsigned length, const char *text) {
  if (strlen(text) >= length) return INSUFFICIENT_SIZE;
  return strcpy(out, text), NVML_SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void) {
  read_settings();
  nvmlReturn_t result = (nvmlReturn_t)setting("nvml_init", NVML_SUCCESS);
  users += result == NVML_SUCCESS;
  return result;
}

nvmlReturn_t nvmlShutdown(void) { return users ? (users--, NVML_SUCCESS) : UNINITIALIZED; }

const char *nvmlErrorString(nvmlReturn_t result) {
  return result == NVML_ERROR_DRIVER_NOT_LOADED          ? "Driver Not Loaded"
         : result == NVML_ERROR_LIB_RM_VERSION_MISMATCH ? "Driver/library version mismatch"
                                                         : "Unknown Error";
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length) {
  return write_text(version, length, text_setting("driver", "580.65.06"));
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count) {
  return users ? (*count = devices(), NVML_SUCCESS) : UNINITIALIZED;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device) {
  if (!users) return UNINITIALIZED;
  return index < devices() ? (*device = (nvmlDevice_t)&device_handles[index], NVML_SUCCESS) : INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *id, nvmlDevice_t *device) {
  unsigned domain, bus, slot;
  if (sscanf(id, "%x:%x:%x", &domain, &bus, &slot) != 3 || bus < 0x1b) return NOT_FOUND;
  return nvmlDeviceGetHandleByIndex_v2(bus - 0x1b, device);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index) {
  int found = index_of(device);
  return found < 0 ? INVALID_ARGUMENT : (*index = (unsigned)found, NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned length) {
  return index_of(device) < 0 ? INVALID_ARGUMENT
                              : write_text(name, length, text_setting("nvml_name", "NVIDIA H100 80GB HBM3"));
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned length) {
  char text[64];
  unsigned byte = 0xa0u + (unsigned)index_of(device);
  snprintf(text, sizeof text, "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", byte, byte,
           byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte);
  return index_of(device) < 0 ? INVALID_ARGUMENT : write_text(uuid, length, text);
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *now, unsigned *next) {
  *next = (unsigned)setting("mig", 0);
  TELL(now, (unsigned)setting("mig", 0));
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *out) {
  out->memory = (unsigned)setting("memory_utilisation", 40);
  TELL(&out->gpu, (unsigned)setting("utilisation", 75));
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *out) {
  if (index_of(device) < 0) return INVALID_ARGUMENT;
  out->total = (unsigned long long)setting("memory_mib", 81559) << 20;
  out->used = (unsigned long long)setting("used_mib", 512) << 20;
  out->free = out->total - out->used;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *celsius) {
  if (sensor != NVML_TEMPERATURE_GPU) return INVALID_ARGUMENT;
  TELL(celsius, (unsigned)setting("celsius", 61));
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts) {
  TELL(milliwatts, (unsigned)setting("milliwatts", 412500));
}

nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *milliwatts) { TELL(milliwatts, 700000); }

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int type, unsigned *mhz) {
  TELL(mhz, type == NVML_CLOCK_SM ? (unsigned)setting("clock", 1755) : 2619);
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, int type, unsigned *mhz) {
  TELL(mhz, type == NVML_CLOCK_SM ? 1980 : 2619);
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) {
  TELL(reasons, (unsigned long long)setting("throttle", 0));
}

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, int *now, int *next) {
  *next = (int)setting("ecc_next", setting("ecc", 1));
  TELL(now, (int)setting("ecc", 1));
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, int type, int counter, unsigned long long *errors) {
  if (counter != NVML_VOLATILE_ECC) return INVALID_ARGUMENT;
  const char *name = type == NVML_MEMORY_ERROR_TYPE_CORRECTED ? "corrected" : "uncorrected";
  TELL(errors, (unsigned long long)setting(name, 0));
}

nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned *corrected, unsigned *uncorrected,
                                       unsigned *pending, unsigned *failed) {
  *uncorrected = 0;
  *pending = (unsigned)setting("remap_pending", 0);
  *failed = (unsigned)setting("remap_failed", 0);
  TELL(corrected, (unsigned)setting("remapped", 0));
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos) {
  unsigned room = *count;
  unsigned pid = (unsigned)setting("process", 0);
  if (index_of(device) < 0) return INVALID_ARGUMENT;
  *count = pid ? 1 : 0;
  if (*count > room) return INSUFFICIENT_SIZE;
  if (pid) infos[0] = (nvmlProcessInfo_t){.pid = pid, .usedGpuMemory = 1ull << 30};
  return NVML_SUCCESS;
}
