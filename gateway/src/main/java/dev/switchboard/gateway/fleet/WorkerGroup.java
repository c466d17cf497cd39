package dev.switchboard.gateway.fleet;

import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Workers of a model that are started alike, beside others of the same model.
 *
 * @param device what they compute on: {@code cpu}, {@code cuda}, or {@code auto}, which is a device
 *     where there is one
 * @param workers of the group; null for one
 * @param standby further workers that take requests only in the place of others; null for none
 * @param devices dealt out to them in order, each the same number, by what {@code
 *     CUDA_VISIBLE_DEVICES} calls them; empty leaves them those that the gateway itself may see
 * @param stages pipeline stages of a worker; null takes the model's
 * @param ranks tensor-parallel ranks of a stage; null takes the model's
 * @param threads CPU threads of a rank; null takes {@code workers.threads}
 * @param arguments of the command line; each stands over the same one of {@code workers.arguments}
 */
public record WorkerGroup(
    String device,
    @Nullable Integer workers,
    @Nullable Integer standby,
    List<String> devices,
    @Nullable Integer stages,
    @Nullable Integer ranks,
    @Nullable Integer threads,
    List<String> arguments) {
  static final String CPU = "cpu";
  private static final Set<String> KINDS = Set.of(CPU, "cuda", "auto");

  /** A number as {@code nvidia-smi} has it, or an identity, of which the beginning is enough. */
  private static final Pattern NAME =
      Pattern.compile("[0-9]{1,3}|(GPU|MIG)-[A-Za-z0-9][A-Za-z0-9/-]{0,95}");

  /** Options that keys of the group, or of its model, stand for. */
  private static final List<String> KEYS = List.of("--device", "--stages", "--ranks", "--threads");

  public WorkerGroup(
      String device,
      @Nullable Integer workers,
      @Nullable Integer standby,
      @Nullable List<String> devices,
      @Nullable Integer stages,
      @Nullable Integer ranks,
      @Nullable Integer threads,
      @Nullable List<String> arguments) {
    this.device = Objects.requireNonNull(device, "device is missing");
    this.workers = workers;
    this.standby = standby;
    this.devices = devices == null ? List.of() : List.copyOf(devices);
    this.stages = stages;
    this.ranks = ranks;
    this.threads = threads;
    this.arguments = arguments == null ? List.of() : List.copyOf(arguments);
    if (!KINDS.contains(device)) {
      throw new IllegalArgumentException("device must be cpu, cuda or auto, not " + device);
    }
    ModelSpec.range("workers", workers, 0, ModelSpec.MOST_WORKERS);
    ModelSpec.checkLayout(standby, stages, ranks);
    ModelSpec.range("threads", threads, 0, 256);
    if (count() == 0) {
      throw new IllegalArgumentException("workers and standby are both 0");
    }
    checkDevices();
    checkArguments();
  }

  private void checkDevices() {
    if (devices.isEmpty()) {
      return;
    }
    if (device.equals(CPU)) {
      throw new IllegalArgumentException("devices must be left out where device is cpu");
    }
    for (String each : devices) {
      if (!NAME.matcher(each).matches()) {
        throw new IllegalArgumentException(
            "devices must be numbers, or identities that begin with GPU- or MIG-, not " + each);
      }
    }
    if (devices.size() % count() != 0) {
      throw new IllegalArgumentException(
          String.format(
              "devices must be as many for each of the %d workers, those on standby among them,"
                  + " not %d in all",
              count(), devices.size()));
    }
    for (int i = 0; i < count(); i++) {
      if (new HashSet<>(devicesOf(i)).size() < devicesOf(i).size()) {
        throw new IllegalArgumentException(
            "devices must be different ones for each worker, not " + devicesOf(i));
      }
    }
  }

  private void checkArguments() {
    for (String key : KEYS) {
      if (arguments.stream().anyMatch(each -> each.equals(key) || each.startsWith(key + "="))) {
        throw new IllegalArgumentException(
            "arguments must not have " + key + ", which is the key " + key.substring(2));
      }
    }
    if (!arguments.isEmpty() && !arguments.getFirst().startsWith("--")) {
      throw new IllegalArgumentException(
          "arguments must begin with an option such as --kv-memory, not " + arguments.getFirst());
    }
  }

  /** That are to be ready. */
  int readyWorkers() {
    return workers == null ? 1 : workers;
  }

  int standbyWorkers() {
    return standby == null ? 0 : standby;
  }

  private int count() {
    return readyWorkers() + standbyWorkers();
  }

  /**
   * Pipeline stages of a worker.
   *
   * @param otherwise where the group does not say
   */
  int stages(int otherwise) {
    return stages == null ? otherwise : stages;
  }

  /**
   * Tensor-parallel ranks of a stage.
   *
   * @param otherwise where the group does not say
   */
  int ranks(int otherwise) {
    return ranks == null ? otherwise : ranks;
  }

  /** What a worker of the group may see. */
  List<String> devicesOf(int number) {
    int each = devices.size() / count();
    return devices.subList(number * each, (number + 1) * each);
  }
}
