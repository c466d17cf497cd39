package dev.switchboard.gateway.fleet;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * How one worker of a model is to be started: its model's settings, its group's over them, and
 * those of all workers under both.
 *
 * @param devices that it may see, as {@code CUDA_VISIBLE_DEVICES} names them; empty for those that
 *     the gateway may see
 * @param threads of a rank; 0 for a share of the machine's cores
 * @param arguments of its command line, beside those that the gateway itself gives
 */
public record WorkerSpec(
    Path file, List<String> devices, int stages, int ranks, int threads, List<String> arguments) {
  private static final String DEVICE = "--device";

  public WorkerSpec {
    devices = List.copyOf(devices);
    arguments = List.copyOf(arguments);
  }

  /**
   * A worker that is wanted.
   *
   * @param group of its model, in the order of the configuration; 0 where there are none
   */
  record Seat(int group, WorkerSpec worker) {}

  /** All workers of a model, those on standby among them, group after group. */
  static List<Seat> seats(ModelSpec model, WorkersConfig config) {
    List<Seat> seats = new ArrayList<>();
    List<WorkerGroup> groups = model.groups();
    for (int i = 0; i < groups.size(); i++) {
      WorkerGroup group = groups.get(i);
      for (int j = 0; j < group.readyWorkers() + group.standbyWorkers(); j++) {
        seats.add(new Seat(i, of(model, group, group.devicesOf(j), config)));
      }
    }
    if (groups.isEmpty()) {
      WorkerSpec each =
          new WorkerSpec(
              model.file(),
              List.of(),
              model.stages(config),
              model.ranks(config),
              config.threads(),
              config.arguments());
      for (int i = 0; i < model.readyWorkers(config) + model.standbyWorkers(); i++) {
        seats.add(new Seat(0, each));
      }
    }
    return seats;
  }

  private static WorkerSpec of(
      ModelSpec model, WorkerGroup group, List<String> devices, WorkersConfig config) {
    List<String> own = new ArrayList<>(List.of(DEVICE, group.device()));
    own.addAll(group.arguments());
    Integer threads = group.threads();
    return new WorkerSpec(
        model.file(),
        devices,
        group.stages(model.stages(config)),
        group.ranks(model.ranks(config)),
        threads == null ? config.threads() : threads,
        over(config.arguments(), own));
  }

  /** Options with their values; of those that both have the upper ones hold. */
  private static List<String> over(List<String> under, List<String> upper) {
    List<String> all = new ArrayList<>();
    boolean kept = true;
    for (String each : under) {
      kept = each.startsWith("--") ? upper.stream().noneMatch(sameOption(each)) : kept;
      if (kept) {
        all.add(each);
      }
    }
    all.addAll(upper);
    return all;
  }

  private static Predicate<String> sameOption(String option) {
    return other -> other.startsWith("--") && name(other).equals(name(option));
  }

  private static String name(String option) {
    return option.replaceFirst("=.*", "");
  }

  /** What it computes on: {@code cpu}, {@code cuda}, or {@code auto}. */
  public String device() {
    for (int i = 0; i < arguments.size(); i++) {
      if (arguments.get(i).startsWith(DEVICE + "=")) {
        return arguments.get(i).substring(DEVICE.length() + 1);
      }
      if (arguments.get(i).equals(DEVICE) && i + 1 < arguments.size()) {
        return arguments.get(i + 1);
      }
    }
    return WorkerGroup.CPU;
  }

  int lanes() {
    return stages * ranks;
  }

  /** Numbers of devices are those of {@code nvidia-smi}, as people know them. */
  Map<String, String> environment() {
    return devices.isEmpty()
        ? Map.of()
        : Map.of(
            "CUDA_VISIBLE_DEVICES", String.join(",", devices), "CUDA_DEVICE_ORDER", "PCI_BUS_ID");
  }

  /** The same where nothing is said of which devices: one takes what another one does. */
  public WorkerSpec anywhere() {
    return new WorkerSpec(file, List.of(), stages, ranks, threads, arguments);
  }

  WorkerSpec withFile(Path other) {
    return new WorkerSpec(other, devices, stages, ranks, threads, arguments);
  }
}
