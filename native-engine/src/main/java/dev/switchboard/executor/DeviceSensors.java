package dev.switchboard.executor;

import dev.switchboard.executor.CudaDevices.Device;
import dev.switchboard.executor.DeviceReading.Sharer;
import dev.switchboard.executor.DeviceReading.Throttle;
import dev.switchboard.executor.binding.Nvml;
import dev.switchboard.executor.binding.nvmlMemory_st;
import dev.switchboard.executor.binding.nvmlProcessInfo_st;
import dev.switchboard.executor.binding.nvmlUtilization_st;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads the devices' state from NVIDIA's management library, which sees every device of the
 * machine, those too that CUDA may not use. A fact that a device does not tell is absent. The
 * library may take its time: one thread at a time, and none that serves requests.
 */
public final class DeviceSensors {
  private static final int MOST_DEVICES = 64;
  private static final int MOST_PROCESSES = 64;
  private static final int TEXT_BYTES = 96;

  private boolean started;

  /**
   * What was read at once.
   *
   * @param problem null, or why nothing was
   * @param driver the driver's own version, such as {@code 580.65.06}; empty where it is not known
   */
  public record Readings(@Nullable String problem, String driver, List<DeviceReading> devices) {
    public Readings {
      devices = List.copyOf(devices);
    }
  }

  /**
   * Reads all devices; never throws.
   *
   * @param known by CUDA, so that a reading names its ordinal
   */
  public synchronized Readings read(List<Device> known) {
    String problem = start();
    if (problem != null) {
      return new Readings(problem, "", List.of());
    }
    try (Arena arena = Arena.ofConfined()) {
      return new Pass(arena).run(known);
    }
  }

  private @Nullable String start() {
    if (started) {
      return null;
    }
    String absent = DriverLibrary.NVML.load();
    if (absent != null) {
      return absent;
    }
    int code = result(Nvml::nvmlInit_v2);
    started = code == Nvml.NVML_SUCCESS();
    return started ? null : DriverLibrary.NVML.soname() + ": " + errorText(code);
  }

  /** Lets the library go; the next reading starts it again. */
  public synchronized void close() {
    if (started) {
      started = false;
      result(Nvml::nvmlShutdown);
    }
  }

  private static int result(IntSupplier call) {
    try {
      return call.getAsInt();
    } catch (LinkageError missing) {
      return Nvml.NVML_ERROR_NOT_SUPPORTED();
    }
  }

  private static String errorText(int code) {
    try {
      return Nvml.nvmlErrorString(code).getString(0) + " (" + code + ")";
    } catch (LinkageError missing) {
      return "error " + code;
    }
  }

  /** One pass, with what the library writes into. */
  private static final class Pass {
    private final MemorySegment out;
    private final MemorySegment other;
    private final MemorySegment third;
    private final MemorySegment fourth;
    private final MemorySegment wide;
    private final MemorySegment text;
    private final MemorySegment handle;
    private final MemorySegment found;
    private final MemorySegment utilization;
    private final MemorySegment memory;
    private final MemorySegment processes;
    private final Arena arena;

    Pass(Arena arena) {
      this.arena = arena;
      out = arena.allocate(ValueLayout.JAVA_INT);
      other = arena.allocate(ValueLayout.JAVA_INT);
      third = arena.allocate(ValueLayout.JAVA_INT);
      fourth = arena.allocate(ValueLayout.JAVA_INT);
      wide = arena.allocate(ValueLayout.JAVA_LONG);
      text = arena.allocate(TEXT_BYTES);
      handle = arena.allocate(Nvml.C_POINTER);
      found = arena.allocate(Nvml.C_POINTER);
      utilization = nvmlUtilization_st.allocate(arena);
      memory = nvmlMemory_st.allocate(arena);
      processes = nvmlProcessInfo_st.allocateArray(MOST_PROCESSES, arena);
    }

    Readings run(List<Device> known) {
      String driver = text(() -> Nvml.nvmlSystemGetDriverVersion(text, TEXT_BYTES));
      Integer count = number(() -> Nvml.nvmlDeviceGetCount_v2(out));
      List<DeviceReading> readings = new ArrayList<>();
      for (int i = 0; i < Math.min(count == null ? 0 : count, MOST_DEVICES); i++) {
        int index = i;
        if (succeeded(() -> Nvml.nvmlDeviceGetHandleByIndex_v2(index, handle))) {
          MemorySegment device = handle.get(Nvml.C_POINTER, 0);
          readings.add(reading(index, ordinals(known, index), device));
        }
      }
      return new Readings(null, driver, readings);
    }

    /** Several where a device's instances are devices of their own to CUDA. */
    private List<Integer> ordinals(List<Device> known, int index) {
      List<Integer> ordinals = new ArrayList<>();
      for (Device device : known) {
        MemorySegment bus = arena.allocateFrom(device.pciBusId());
        if (!device.pciBusId().isEmpty()
            && succeeded(() -> Nvml.nvmlDeviceGetHandleByPciBusId_v2(bus, found))) {
          MemorySegment there = found.get(Nvml.C_POINTER, 0);
          Integer at = number(() -> Nvml.nvmlDeviceGetIndex(there, out));
          if (at != null && at == index) {
            ordinals.add(device.ordinal());
          }
        }
      }
      return ordinals;
    }

    private DeviceReading reading(int index, List<Integer> ordinals, MemorySegment device) {
      boolean used = succeeded(() -> Nvml.nvmlDeviceGetUtilizationRates(device, utilization));
      boolean sized = succeeded(() -> Nvml.nvmlDeviceGetMemoryInfo(device, memory));
      return new DeviceReading(
          index,
          ordinals,
          text(() -> Nvml.nvmlDeviceGetName(device, text, TEXT_BYTES)),
          text(() -> Nvml.nvmlDeviceGetUUID(device, text, TEXT_BYTES)),
          used ? nvmlUtilization_st.gpu(utilization) / 100.0 : null,
          used ? nvmlUtilization_st.memory(utilization) / 100.0 : null,
          sized ? nvmlMemory_st.total(memory) : null,
          sized ? nvmlMemory_st.used(memory) : null,
          sized ? nvmlMemory_st.free(memory) : null,
          number(() -> Nvml.nvmlDeviceGetTemperature(device, Nvml.NVML_TEMPERATURE_GPU(), out)),
          watts(() -> Nvml.nvmlDeviceGetPowerUsage(device, out)),
          watts(() -> Nvml.nvmlDeviceGetEnforcedPowerLimit(device, out)),
          number(() -> Nvml.nvmlDeviceGetClockInfo(device, Nvml.NVML_CLOCK_SM(), out)),
          number(() -> Nvml.nvmlDeviceGetMaxClockInfo(device, Nvml.NVML_CLOCK_SM(), out)),
          number(() -> Nvml.nvmlDeviceGetClockInfo(device, Nvml.NVML_CLOCK_MEM(), out)),
          throttles(device),
          ecc(device),
          mig(device),
          sharers(device));
    }

    private @Nullable Double watts(IntSupplier call) {
      Integer milliwatts = number(call);
      return milliwatts == null ? null : milliwatts / 1e3;
    }

    private Set<Throttle> throttles(MemorySegment device) {
      Set<Throttle> set = EnumSet.noneOf(Throttle.class);
      Long bits = wide(() -> Nvml.nvmlDeviceGetCurrentClocksThrottleReasons(device, wide));
      for (Throttle reason : Throttle.values()) {
        if (bits != null && (bits & reason.bits()) != 0) {
          set.add(reason);
        }
      }
      return set;
    }

    private DeviceReading.Ecc ecc(MemorySegment device) {
      boolean told = succeeded(() -> Nvml.nvmlDeviceGetEccMode(device, out, other));
      Boolean on = told ? out.get(ValueLayout.JAVA_INT, 0) != 0 : null;
      Boolean next = told ? other.get(ValueLayout.JAVA_INT, 0) != 0 : null;
      Long corrected = errors(device, Nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED());
      Long uncorrected = errors(device, Nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED());
      boolean rows =
          succeeded(() -> Nvml.nvmlDeviceGetRemappedRows(device, out, other, third, fourth));
      return new DeviceReading.Ecc(
          on,
          next,
          corrected,
          uncorrected,
          rows ? out.get(ValueLayout.JAVA_INT, 0) + other.get(ValueLayout.JAVA_INT, 0) : null,
          rows && third.get(ValueLayout.JAVA_INT, 0) != 0,
          rows && fourth.get(ValueLayout.JAVA_INT, 0) != 0);
    }

    private @Nullable Long errors(MemorySegment device, int type) {
      return wide(
          () -> Nvml.nvmlDeviceGetTotalEccErrors(device, type, Nvml.NVML_VOLATILE_ECC(), wide));
    }

    private @Nullable Boolean mig(MemorySegment device) {
      return succeeded(() -> Nvml.nvmlDeviceGetMigMode(device, out, other))
          ? out.get(ValueLayout.JAVA_INT, 0) != 0
          : null;
    }

    private List<Sharer> sharers(MemorySegment device) {
      out.set(ValueLayout.JAVA_INT, 0, MOST_PROCESSES);
      List<Sharer> sharers = new ArrayList<>();
      if (succeeded(() -> Nvml.nvmlDeviceGetComputeRunningProcesses_v3(device, out, processes))) {
        int count = Math.min(out.get(ValueLayout.JAVA_INT, 0), MOST_PROCESSES);
        for (int i = 0; i < count; i++) {
          MemorySegment process = nvmlProcessInfo_st.asSlice(processes, i);
          long bytes = nvmlProcessInfo_st.usedGpuMemory(process);
          sharers.add(
              new Sharer(
                  Integer.toUnsignedLong(nvmlProcessInfo_st.pid(process)),
                  bytes < 0 ? null : bytes));
        }
      }
      return sharers;
    }

    private static boolean succeeded(IntSupplier call) {
      return result(call) == Nvml.NVML_SUCCESS();
    }

    private @Nullable Integer number(IntSupplier call) {
      return succeeded(call) ? Integer.valueOf(out.get(ValueLayout.JAVA_INT, 0)) : null;
    }

    private @Nullable Long wide(IntSupplier call) {
      return succeeded(call) ? Long.valueOf(wide.get(ValueLayout.JAVA_LONG, 0)) : null;
    }

    private String text(IntSupplier call) {
      return succeeded(call) ? text.getString(0) : "";
    }
  }
}
