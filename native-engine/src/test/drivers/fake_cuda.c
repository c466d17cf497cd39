/*
 * A libcuda.so.1 with the devices that devices.conf describes. It checks what the driver checks: nothing before
 * cuInit. Results are CUDA's.
 */
#include "fake.h"

enum { OK = 0, INVALID_VALUE = 1, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101 };

static int initialised;

static int count(void) {
  const char *visible = getenv("CUDA_VISIBLE_DEVICES");
  int all = (int)setting("devices", 1);
  return visible && (!*visible || !strcmp(visible, "-1")) ? 0 : all;
}

int cuGetErrorName(int error, const char **text) {
  static const struct { int code; const char *name; } names[] = {
      {0, "CUDA_SUCCESS"}, {34, "CUDA_ERROR_STUB_LIBRARY"}, {100, "CUDA_ERROR_NO_DEVICE"},
      {101, "CUDA_ERROR_INVALID_DEVICE"}, {802, "CUDA_ERROR_SYSTEM_NOT_READY"},
      {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"}, {804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE"},
      {999, "CUDA_ERROR_UNKNOWN"}};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i].code == error) return *text = names[i].name, OK;
  }
  return *text = NULL, INVALID_VALUE;
}

int cuGetErrorString(int error, const char **text) {
  const char *name;
  return cuGetErrorName(error, &name) == OK ? (*text = "as the fake says", OK) : (*text = NULL, INVALID_VALUE);
}

int cuInit(unsigned flags) {
  read_settings();
  int result = (int)setting("init", count() ? OK : NO_DEVICE);
  initialised = result == OK;
  return flags ? INVALID_VALUE : result;
}

/* As the driver's, it works before cuInit too. */
int cuDriverGetVersion(int *version) { return read_settings(), *version = (int)setting("version", 13000), OK; }

int cuDeviceGetCount(int *out) { return initialised ? (*out = count(), OK) : NOT_INITIALIZED; }

/* Handles are other numbers than ordinals, so that one in the place of the other fails. */
static int ordinal(int device) { return initialised && device >= 7 && device < 7 + count() ? device - 7 : -1; }

int cuDeviceGet(int *device, int number) {
  if (!initialised) return NOT_INITIALIZED;
  return number >= 0 && number < count() ? (*device = number + 7, OK) : INVALID_DEVICE;
}

int cuDeviceGetName(char *name, int length, int device) {
  if (ordinal(device) < 0) return INVALID_DEVICE;
  return snprintf(name, (size_t)length, "%s", text_setting("name", "NVIDIA H100 80GB HBM3")), OK;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
  return ordinal(device) < 0 ? INVALID_DEVICE : (*bytes = (size_t)setting("memory_mib", 81559) << 20, OK);
}

int cuDeviceGetUuid_v2(void *uuid, int device) {
  if (ordinal(device) < 0) return INVALID_DEVICE;
  memset(uuid, 0xa0 + ordinal(device), 16);
  return OK;
}

int cuDeviceGetPCIBusId(char *id, int length, int device) {
  return ordinal(device) < 0 ? INVALID_DEVICE
                             : (snprintf(id, (size_t)length, "0000:%02X:00.0", 0x1b + ordinal(device)), OK);
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  if (ordinal(device) < 0) return INVALID_DEVICE;
  switch (attribute) {
    case 16: *value = 132; break;
    case 20: *value = (int)setting("mode", 0); break;
    case 32: *value = (int)setting("ecc", 1); break;
    case 36: *value = 2619000; break;
    case 37: *value = 5120; break;
    case 38: *value = 50 << 20; break;
    case 75: *value = (int)setting("capability", 90) / 10; break;
    case 76: *value = (int)setting("capability", 90) % 10; break;
    case 97: *value = 232448; break;
    default: return INVALID_VALUE;
  }
  return OK;
}

int cuDeviceCanAccessPeer(int *can, int from, int to) {
  if (ordinal(from) < 0 || ordinal(to) < 0) return INVALID_DEVICE;
  return *can = from != to && setting("peers", 1), OK;
}

int cuDeviceGetP2PAttribute(int *value, int attribute, int from, int to) {
  if (ordinal(from) < 0 || ordinal(to) < 0 || from == to) return INVALID_DEVICE;
  return attribute == 1 ? (*value = abs(from - to) - 1, OK) : (*value = (int)setting("peers", 1), OK);
}
