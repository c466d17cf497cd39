package dev.switchboard.executor;

import dev.switchboard.executor.binding.Cuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * What the CUDA driver sees of this machine, through its own library. A machine without driver or
 * device has none.
 *
 * @param driverVersion the CUDA version the driver supports, 1000 × major + 10 × minor; 0 without
 *     driver
 */
public record CudaDevices(int driverVersion, List<Device> devices) {
  private static final int NAME_BYTES = 256;

  public CudaDevices {
    devices = List.copyOf(devices);
  }

  /** One GPU. */
  public record Device(int ordinal, String name, long memoryBytes) {}

  /** Asks the driver; never throws. */
  public static CudaDevices probe() {
    try (Arena arena = Arena.ofConfined()) {
      return probe(arena);
    } catch (LinkageError e) {
      // The driver's library is not there, or too old to have these functions.
      return new CudaDevices(0, List.of());
    }
  }

  private static CudaDevices probe(Arena arena) {
    MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
    boolean works = succeeded(Cuda.cuInit(0)) && succeeded(Cuda.cuDriverGetVersion(out));
    int version = works ? out.get(ValueLayout.JAVA_INT, 0) : 0;
    int count =
        works && succeeded(Cuda.cuDeviceGetCount(out)) ? out.get(ValueLayout.JAVA_INT, 0) : 0;
    List<Device> devices = new ArrayList<>();
    for (int ordinal = 0; ordinal < count; ordinal++) {
      if (succeeded(Cuda.cuDeviceGet(out, ordinal))) {
        devices.add(device(arena, ordinal, out.get(ValueLayout.JAVA_INT, 0)));
      }
    }
    return new CudaDevices(version, devices);
  }

  private static Device device(Arena arena, int ordinal, int handle) {
    MemorySegment name = arena.allocate(NAME_BYTES);
    MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
    boolean isNamed = succeeded(Cuda.cuDeviceGetName(name, NAME_BYTES, handle));
    boolean isSized = succeeded(Cuda.cuDeviceTotalMem_v2(bytes, handle));
    return new Device(
        ordinal,
        isNamed ? name.getString(0) : "unknown",
        isSized ? bytes.get(ValueLayout.JAVA_LONG, 0) : 0);
  }

  private static boolean succeeded(int result) {
    return result == Cuda.CUDA_SUCCESS();
  }
}
