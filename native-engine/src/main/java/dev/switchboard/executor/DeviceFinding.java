package dev.switchboard.executor;

import dev.switchboard.executor.CudaDevices.ComputeMode;
import dev.switchboard.executor.CudaDevices.Device;
import dev.switchboard.executor.CudaDevices.Driver;
import dev.switchboard.executor.DeviceReading.Sharer;
import dev.switchboard.executor.DeviceSensors.Readings;
import dev.switchboard.executor.binding.Cuda;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One thing about the machine's devices that an operator should know, with what to do.
 *
 * @param code what a program goes by
 * @param device its number among all of the machine, or CUDA's where only that is known; −1 where
 *     it is about none
 */
public record DeviceFinding(Code code, int device, String message) {
  /** The least compute capability that kernels are built for. */
  private static final int LEAST_MAJOR = 8;

  /** What it is about; the first three are known only once a model is to be loaded. */
  public enum Code {
    NO_LIBRARY(Level.PROBLEM),
    DEVICE_ERROR(Level.PROBLEM),
    NO_CODE(Level.PROBLEM),
    NO_DRIVER(Level.INFO),
    DRIVER_FAILED(Level.PROBLEM),
    DRIVER_MISMATCH(Level.PROBLEM),
    SYSTEM_NOT_READY(Level.PROBLEM),
    DRIVER_TOO_OLD(Level.PROBLEM),
    NO_DEVICE(Level.INFO),
    DEVICES_HIDDEN(Level.PROBLEM),
    DEVICE_TOO_OLD(Level.PROBLEM),
    DEVICE_PROHIBITED(Level.PROBLEM),
    DEVICE_BUSY(Level.PROBLEM),
    MIG_INSTANCE(Level.INFO),
    MIG_WITHOUT_INSTANCE(Level.PROBLEM),
    ECC_PENDING(Level.PROBLEM),
    ECC_ERRORS(Level.PROBLEM),
    ROW_REMAP_PENDING(Level.PROBLEM),
    ROW_REMAP_FAILED(Level.PROBLEM),
    NO_SENSORS(Level.INFO);

    /** How libswitchboard begins the text of a device that it cannot use. */
    private static final Pattern REFUSAL =
        Pattern.compile("(?:sb_\\w+: )?cuda: (?:device \\d+: )?([a-z_]+): ");

    private final Level level;

    Code(Level level) {
      this.level = level;
    }

    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** Why the library could not use a device, of the text that it refused with; null: another. */
    public static @Nullable Code ofRefusal(String text) {
      Matcher matcher = REFUSAL.matcher(text);
      String word = matcher.lookingAt() ? matcher.group(1) : "";
      return Arrays.stream(values())
          .filter(code -> code.word().equals(word))
          .findFirst()
          .orElse(null);
    }

    public Level level() {
      return level;
    }
  }

  /** Whether somebody should do something. */
  public enum Level {
    INFO,
    PROBLEM;

    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** All that is to be known, the driver first. */
  static List<DeviceFinding> all(CudaDevices cuda, Readings readings, @Nullable String visible) {
    List<DeviceFinding> all = new ArrayList<>();
    switch (cuda.driver()) {
      case Driver.Absent(String why) ->
          add(all, Code.NO_DRIVER, -1, "no NVIDIA driver (%s): the CPU computes".formatted(why));
      case Driver.Refused refused -> refused(all, refused, readings);
      case Driver.Works(int version) -> {
        version(all, version, readings);
        if (cuda.devices().isEmpty()) {
          none(all, readings, visible);
        }
      }
    }
    cuda.devices().forEach(device -> device(all, device, readings));
    // Others' devices are others' concern, unless there is none.
    readings.devices().stream()
        .filter(reading -> cuda.devices().isEmpty() || !reading.ordinals().isEmpty())
        .forEach(reading -> reading(all, reading));
    if (readings.problem() != null && !cuda.devices().isEmpty()) {
      add(all, Code.NO_SENSORS, -1, "devices tell no state: %s".formatted(readings.problem()));
    }
    return all;
  }

  private static void add(List<DeviceFinding> all, Code code, int device, String message) {
    all.add(new DeviceFinding(code, device, message));
  }

  private static void refused(List<DeviceFinding> all, Driver.Refused refused, Readings readings) {
    String said = refused.name() + ", " + refused.text();
    int code = refused.code();
    if (code == Cuda.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH()) {
      add(
          all,
          Code.DRIVER_MISMATCH,
          -1,
          ("the driver's library and kernel module are of different versions (%s): "
                  + "reboot, or reload the module; the CPU computes")
              .formatted(said));
    } else if (code == Cuda.CUDA_ERROR_SYSTEM_NOT_READY()) {
      add(
          all,
          Code.SYSTEM_NOT_READY,
          -1,
          ("the driver waits for a service of the system (%s): start nvidia-fabricmanager, of"
                  + " the driver's version; the CPU computes")
              .formatted(said));
    } else if (code == Cuda.CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE()) {
      add(
          all,
          Code.DRIVER_TOO_OLD,
          -1,
          ("the package cuda-compat does not serve this machine's devices (%s): take its folder"
                  + " out of LD_LIBRARY_PATH, and install driver 580 or newer; the CPU computes")
              .formatted(said));
    } else {
      failed(all, code, said, readings);
    }
  }

  private static void failed(List<DeviceFinding> all, int code, String said, Readings readings) {
    String also = readings.problem() == null ? "" : "; " + readings.problem();
    String message =
        code == Cuda.CUDA_ERROR_STUB_LIBRARY()
            ? ("%s is the toolkit's stub, not the driver's library: take its folder out of "
                    + "LD_LIBRARY_PATH; the CPU computes")
                .formatted(DriverLibrary.CUDA.file())
            : ("the NVIDIA driver does not start (%s%s): see `dmesg | grep NVRM`; the CPU"
                    + " computes")
                .formatted(said, also);
    add(all, Code.DRIVER_FAILED, -1, message);
  }

  private static void version(List<DeviceFinding> all, int version, Readings readings) {
    if (version < CudaDevices.NEEDED_VERSION) {
      String driver = readings.driver().isEmpty() ? "the driver" : "driver " + readings.driver();
      add(
          all,
          Code.DRIVER_TOO_OLD,
          -1,
          ("%s supports CUDA %s and %s is needed: install driver 580 or newer, or on devices for"
                  + " data centres the package cuda-compat-13-0; the CPU computes")
              .formatted(driver, text(version), text(CudaDevices.NEEDED_VERSION)));
    }
  }

  /** As people write it, 13.0. */
  public static String text(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  private static void none(List<DeviceFinding> all, Readings readings, @Nullable String visible) {
    int present = readings.devices().size();
    boolean divided =
        readings.devices().stream().anyMatch(reading -> Boolean.TRUE.equals(reading.mig()));
    if (visible != null && (present > 0 || readings.problem() != null)) {
      add(
          all,
          Code.DEVICES_HIDDEN,
          -1,
          ("CUDA_VISIBLE_DEVICES=\"%s\" hides %s: unset it, or name devices by index or "
                  + "UUID; the CPU computes")
              .formatted(
                  visible,
                  present == 0
                      ? "all devices"
                      : present == 1 ? "the device" : "all " + present + " devices"));
    } else if (!divided) {
      String seen = present == 0 ? "" : " for CUDA, though " + present + " can be seen";
      add(all, Code.NO_DEVICE, -1, "the driver has no device%s: the CPU computes".formatted(seen));
    }
  }

  private static void device(List<DeviceFinding> all, Device device, Readings readings) {
    int number = device.ordinal();
    if (device.major() < LEAST_MAJOR) {
      add(
          all,
          Code.DEVICE_TOO_OLD,
          number,
          "device %d (%s) has compute capability %d.%d, and %d.0 is needed"
              .formatted(number, device.name(), device.major(), device.minor(), LEAST_MAJOR));
    }
    if (device.isMigInstance()) {
      add(
          all,
          Code.MIG_INSTANCE,
          number,
          ("device %d (%s) is a MIG instance: a process can use one of them, and none of "
                  + "another device's")
              .formatted(number, device.name()));
    }
    if (device.mode() == ComputeMode.PROHIBITED) {
      add(
          all,
          Code.DEVICE_PROHIBITED,
          number,
          "device %d (%s) is in compute mode prohibited: `nvidia-smi -i %s -c DEFAULT`"
              .formatted(number, device.name(), device.pciBusId()));
    }
    if (device.mode() == ComputeMode.EXCLUSIVE) {
      busy(all, device, readings);
    }
  }

  private static void busy(List<DeviceFinding> all, Device device, Readings readings) {
    String others =
        readings.devices().stream()
            .filter(reading -> reading.ordinals().contains(device.ordinal()))
            .flatMap(reading -> reading.sharers().stream())
            .map(Sharer::pid)
            .filter(pid -> pid != ProcessHandle.current().pid())
            .map(String::valueOf)
            .collect(Collectors.joining(", "));
    if (!others.isEmpty()) {
      add(
          all,
          Code.DEVICE_BUSY,
          device.ordinal(),
          "device %d (%s) is busy: it is in compute mode exclusive and process %s has it"
              .formatted(device.ordinal(), device.name(), others));
    }
  }

  private static void reading(List<DeviceFinding> all, DeviceReading reading) {
    int number = reading.index();
    DeviceReading.Ecc ecc = reading.ecc();
    String who = "device " + number + " (" + reading.name() + ")";
    if (Boolean.TRUE.equals(reading.mig()) && reading.ordinals().isEmpty()) {
      add(
          all,
          Code.MIG_WITHOUT_INSTANCE,
          number,
          ("%s is divided by MIG and no instance of it can be used: make one "
                  + "(`nvidia-smi mig -cgi`), or name it in CUDA_VISIBLE_DEVICES")
              .formatted(who));
    }
    if (ecc.on() != null && !ecc.on().equals(ecc.next())) {
      add(
          all,
          Code.ECC_PENDING,
          number,
          ("%s: ECC is %s and will be %s after the next reset; reset it (`nvidia-smi -r "
                  + "-i %d`), its memory's size changes by that")
              .formatted(who, onOff(ecc.on()), onOff(ecc.next()), number));
    }
    if (ecc.uncorrected() != null && ecc.uncorrected() > 0) {
      add(
          all,
          Code.ECC_ERRORS,
          number,
          "%s had %d memory errors that were not corrected since the driver's start"
              .formatted(who, ecc.uncorrected()));
    }
    if (ecc.remapPending()) {
      add(
          all,
          Code.ROW_REMAP_PENDING,
          number,
          ("%s waits for a reset to take a bad row of its memory out of use: drain and "
                  + "reset it")
              .formatted(who));
    }
    if (ecc.remapFailed()) {
      add(
          all,
          Code.ROW_REMAP_FAILED,
          number,
          "%s has no spare row left for a bad one: take it out of service".formatted(who));
    }
  }

  private static String onOff(@Nullable Boolean on) {
    return Boolean.TRUE.equals(on) ? "on" : "off";
  }
}
