package dev.switchboard.executor;

import dev.switchboard.executor.binding.Cuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.IntSupplier;

/**
 * What the CUDA driver offers this process. It makes no context, so it takes no memory of a device
 * and disturbs nobody.
 *
 * @param peers one of each ordered pair of devices
 */
public record CudaDevices(Driver driver, List<Device> devices, List<Peer> peers) {
  /** Kernels are built by CUDA 13.0's compiler, whose runtime asks for a driver as new. */
  public static final int NEEDED_VERSION = Cuda.CUDA_VERSION();

  private static final int MOST_DEVICES = 64;
  private static final int TEXT_BYTES = 256;
  private static final int UUID_BYTES = 16;

  public CudaDevices {
    devices = List.copyOf(devices);
    peers = List.copyOf(peers);
  }

  /** How the driver answered. */
  public sealed interface Driver {
    /** Its library is not there. */
    record Absent(String why) implements Driver {}

    /**
     * It does not start.
     *
     * @param code its result
     */
    record Refused(int code, String name, String text) implements Driver {}

    /**
     * It works.
     *
     * @param version the CUDA version it supports, 1000 × major + 10 × minor
     */
    record Works(int version) implements Driver {}
  }

  /** Who may use a device. */
  public enum ComputeMode {
    SHARED,
    EXCLUSIVE,
    PROHIBITED;

    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }

    private static ComputeMode of(int code) {
      if (code == Cuda.CU_COMPUTEMODE_PROHIBITED()) {
        return PROHIBITED;
      }
      return code == Cuda.CU_COMPUTEMODE_EXCLUSIVE_PROCESS() ? EXCLUSIVE : SHARED;
    }
  }

  /**
   * One device, or one MIG instance of a device.
   *
   * @param uuid without a prefix
   * @param pciBusId in small letters, {@code 0000:1b:00.0}; empty where it is not known
   * @param bandwidth bytes a second that its memory's clock and width allow; 0 where not known
   */
  public record Device(
      int ordinal,
      String name,
      String uuid,
      String pciBusId,
      int major,
      int minor,
      int multiprocessors,
      long memoryBytes,
      long l2Bytes,
      int sharedBytes,
      long bandwidth,
      boolean ecc,
      ComputeMode mode) {

    /** Whether it is a part of a device, as the driver names such. */
    public boolean isMigInstance() {
      return name.contains(" MIG ");
    }
  }

  /**
   * What one device can do with the memory of another.
   *
   * @param access whether it reads and writes it without the host
   * @param rank of its links, 0 the fastest
   */
  public record Peer(int from, int to, boolean access, boolean atomics, int rank) {}

  /** Asks the driver; never throws. */
  public static CudaDevices probe() {
    String absent = DriverLibrary.CUDA.load();
    if (absent != null) {
      return none(new Driver.Absent(absent));
    }
    try (Arena arena = Arena.ofConfined()) {
      return new Probe(arena).run();
    }
  }

  private static CudaDevices none(Driver driver) {
    return new CudaDevices(driver, List.of(), List.of());
  }

  /** A result of the driver; a function that this driver does not have is one that failed. */
  static int result(IntSupplier call) {
    try {
      return call.getAsInt();
    } catch (LinkageError missing) {
      return Cuda.CUDA_ERROR_NOT_FOUND();
    }
  }

  static boolean succeeded(IntSupplier call) {
    return result(call) == Cuda.CUDA_SUCCESS();
  }

  /** What the driver calls a result, such as {@code CUDA_ERROR_NO_DEVICE}. */
  static String errorName(int code) {
    return text(code, Cuda::cuGetErrorName, "CUDA error " + code);
  }

  private static Driver.Refused refused(int code) {
    return new Driver.Refused(
        code, errorName(code), text(code, Cuda::cuGetErrorString, "no text for it"));
  }

  /** Writes where the text of a result is. */
  @FunctionalInterface
  private interface ErrorText {
    int find(int code, MemorySegment at);
  }

  private static String text(int code, ErrorText finder, String otherwise) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment at = arena.allocate(Cuda.C_POINTER);
      boolean known = succeeded(() -> finder.find(code, at));
      return known ? at.get(Cuda.C_POINTER, 0).getString(0) : otherwise;
    }
  }

  /** One pass over all devices. */
  private static final class Probe {
    private final MemorySegment out;
    private final MemorySegment bytes;
    private final MemorySegment text;
    private final MemorySegment uuid;

    Probe(Arena arena) {
      out = arena.allocate(ValueLayout.JAVA_INT);
      bytes = arena.allocate(ValueLayout.JAVA_LONG);
      text = arena.allocate(TEXT_BYTES);
      uuid = arena.allocate(UUID_BYTES);
    }

    CudaDevices run() {
      int started = result(() -> Cuda.cuInit(0));
      if (started != Cuda.CUDA_SUCCESS() && started != Cuda.CUDA_ERROR_NO_DEVICE()) {
        return none(refused(started));
      }
      int version = number(() -> Cuda.cuDriverGetVersion(out));
      int count = started == Cuda.CUDA_SUCCESS() ? number(() -> Cuda.cuDeviceGetCount(out)) : 0;
      List<Device> devices = new ArrayList<>();
      List<Integer> handles = new ArrayList<>();
      for (int i = 0; i < Math.min(count, MOST_DEVICES); i++) {
        int ordinal = i;
        if (succeeded(() -> Cuda.cuDeviceGet(out, ordinal))) {
          handles.add(out.get(ValueLayout.JAVA_INT, 0));
          devices.add(device(ordinal, handles.getLast()));
        }
      }
      return new CudaDevices(new Driver.Works(version), devices, peers(devices, handles));
    }

    private Device device(int ordinal, int handle) {
      long memory =
          succeeded(() -> Cuda.cuDeviceTotalMem_v2(bytes, handle))
              ? bytes.get(ValueLayout.JAVA_LONG, 0)
              : 0;
      long memoryKhz = attribute(Cuda.CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE(), handle);
      long busBits = attribute(Cuda.CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH(), handle);
      return new Device(
          ordinal,
          text(() -> Cuda.cuDeviceGetName(text, TEXT_BYTES, handle), "unknown"),
          uuid(handle),
          text(() -> Cuda.cuDeviceGetPCIBusId(text, TEXT_BYTES, handle), "")
              .toLowerCase(Locale.ROOT),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR(), handle),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR(), handle),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT(), handle),
          memory,
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE(), handle),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN(), handle),
          // Two transfers a cycle, of so many bits.
          2 * memoryKhz * 1000 * busBits / 8,
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_ECC_ENABLED(), handle) != 0,
          ComputeMode.of(attribute(Cuda.CU_DEVICE_ATTRIBUTE_COMPUTE_MODE(), handle)));
    }

    private List<Peer> peers(List<Device> devices, List<Integer> handles) {
      List<Peer> peers = new ArrayList<>();
      for (int from = 0; from < handles.size(); from++) {
        for (int to = 0; to < handles.size(); to++) {
          if (from != to) {
            int source = handles.get(from);
            int target = handles.get(to);
            peers.add(
                new Peer(
                    devices.get(from).ordinal(),
                    devices.get(to).ordinal(),
                    number(() -> Cuda.cuDeviceCanAccessPeer(out, source, target)) != 0,
                    link(Cuda.CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED(), source, target)
                        != 0,
                    link(Cuda.CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK(), source, target)));
          }
        }
      }
      return peers;
    }

    private int link(int attribute, int from, int to) {
      return number(() -> Cuda.cuDeviceGetP2PAttribute(out, attribute, from, to));
    }

    private int attribute(int attribute, int handle) {
      return number(() -> Cuda.cuDeviceGetAttribute(out, attribute, handle));
    }

    /** What a call writes; 0 where it fails. */
    private int number(IntSupplier call) {
      return succeeded(call) ? out.get(ValueLayout.JAVA_INT, 0) : 0;
    }

    private String text(IntSupplier call, String otherwise) {
      return succeeded(call) ? text.getString(0) : otherwise;
    }

    /** Of a MIG instance its own. */
    private String uuid(int handle) {
      if (!succeeded(() -> Cuda.cuDeviceGetUuid_v2(uuid, handle))) {
        return "";
      }
      String digits = HexFormat.of().formatHex(uuid.toArray(ValueLayout.JAVA_BYTE));
      return String.join(
          "-",
          digits.substring(0, 8),
          digits.substring(8, 12),
          digits.substring(12, 16),
          digits.substring(16, 20),
          digits.substring(20));
    }
  }
}
