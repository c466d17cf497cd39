package dev.switchboard.worker;

import dev.switchboard.executor.CudaDevices.Device;
import dev.switchboard.executor.CudaDevices.Peer;
import dev.switchboard.executor.DeviceFinding;
import dev.switchboard.executor.DeviceFinding.Level;
import dev.switchboard.executor.DeviceInventory;
import dev.switchboard.executor.DeviceReading;
import dev.switchboard.executor.DeviceSensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Tells this machine's devices without a worker: for people, or with {@code --json} as {@code
 * /engine/v1/devices} does. Exits 1 where something is to be done, 64 for other arguments.
 */
public final class DevicesMain {
  private static final int USAGE = 64;

  private DevicesMain() {}

  public static void main(String[] arguments) {
    List<String> given = List.of(arguments);
    if (!given.isEmpty() && !given.equals(List.of("--json"))) {
      System.err.println("usage: DevicesMain [--json]");
      System.exit(USAGE);
    }
    DeviceInventory inventory =
        DeviceInventory.take(new DeviceSensors(), System.getenv("CUDA_VISIBLE_DEVICES"));
    if (given.isEmpty()) {
      lines(inventory).forEach(System.out::println);
    } else {
      System.out.println(DevicesJson.document(inventory, 0));
    }
    boolean wrong =
        inventory.findings().stream().anyMatch(each -> each.code().level() == Level.PROBLEM);
    System.exit(wrong ? 1 : 0);
  }

  /** A line for each device, then one for each pair's link, then one for each finding. */
  static List<String> lines(DeviceInventory inventory) {
    List<String> lines = new ArrayList<>();
    for (Device device : inventory.cuda().devices()) {
      DeviceReading reading =
          inventory.readings().devices().stream()
              .filter(each -> each.ordinals().contains(device.ordinal()))
              .findFirst()
              .orElse(null);
      lines.add(line(device, reading));
    }
    for (Peer peer : inventory.cuda().peers()) {
      if (peer.from() < peer.to()) {
        String how = peer.access() ? "reach each other's memory" : "copy through the host";
        lines.add("devices %d and %d %s".formatted(peer.from(), peer.to(), how));
      }
    }
    for (DeviceFinding finding : inventory.findings()) {
      lines.add(finding.code().word() + ": " + finding.message());
    }
    return lines;
  }

  private static String line(Device device, @Nullable DeviceReading reading) {
    String what =
        "device %d: %s, compute capability %d.%d, %d multiprocessors, %s"
            .formatted(
                device.ordinal(),
                device.name(),
                device.major(),
                device.minor(),
                device.multiprocessors(),
                gib(device.memoryBytes()));
    if (reading == null) {
      return what;
    }
    StringBuilder line = new StringBuilder(what);
    if (reading.freeBytes() != null && !device.isMigInstance()) {
      line.append(" (").append(gib(reading.freeBytes())).append(" free)");
    }
    if (reading.celsius() != null) {
      line.append(", ").append(reading.celsius()).append(" °C");
    }
    if (reading.utilisation() != null) {
      line.append(", ").append(Math.round(reading.utilisation() * 100)).append(" % in use");
    }
    reading.throttles().stream()
        .map(DeviceReading.Throttle::word)
        .sorted()
        .forEach(word -> line.append(", throttled: ").append(word));
    return line.toString();
  }

  private static String gib(long bytes) {
    return String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
  }
}
