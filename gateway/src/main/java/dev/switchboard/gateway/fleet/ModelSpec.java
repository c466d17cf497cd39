package dev.switchboard.gateway.fleet;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * A model to serve with local workers.
 *
 * @param name what clients call it; null takes the file's name without {@code .gguf} and, of a
 *     model split over several files, without the part's number
 * @param workers null takes {@code workers.local}
 * @param standby further workers that take requests only in the place of others; null for none
 * @param stages pipeline stages of a worker; null takes {@code workers.stages}
 * @param ranks tensor-parallel ranks of a stage; null takes {@code workers.ranks}
 * @param groups of its workers that are started differently, such as on other devices; they have
 *     numbers of their own. Empty where all are alike
 */
public record ModelSpec(
    Path file,
    @Nullable String name,
    @Nullable Integer workers,
    @Nullable Integer standby,
    @Nullable Integer stages,
    @Nullable Integer ranks,
    List<WorkerGroup> groups) {
  private static final int MOST_GROUPS = 16;
  static final int MOST_WORKERS = 64;

  public ModelSpec(
      Path file,
      @Nullable String name,
      @Nullable Integer workers,
      @Nullable Integer standby,
      @Nullable Integer stages,
      @Nullable Integer ranks,
      @Nullable List<WorkerGroup> groups) {
    this.file = Objects.requireNonNull(file, "file is missing");
    this.name = name;
    this.workers = workers;
    this.standby = standby;
    this.stages = stages;
    this.ranks = ranks;
    this.groups = groups == null ? List.of() : List.copyOf(groups);
    if (name != null && !name.matches("[A-Za-z0-9._:/-]{1,128}")) {
      throw new IllegalArgumentException("name may hold letters, digits and . _ : / - only");
    }
    range("workers", workers, 1, MOST_WORKERS);
    checkLayout(standby, stages, ranks);
    checkGroups();
  }

  /** Of a model, and of a group of its workers. */
  static void checkLayout(
      @Nullable Integer standby, @Nullable Integer stages, @Nullable Integer ranks) {
    range("standby", standby, 0, MOST_WORKERS);
    range("stages", stages, 1, 16);
    range("ranks", ranks, 1, 16);
  }

  private void checkGroups() {
    if (groups.isEmpty()) {
      return;
    }
    if (workers != null || standby != null) {
      throw new IllegalArgumentException(
          "groups say how many workers there are: leave out workers and standby of the model");
    }
    if (groups.size() > MOST_GROUPS) {
      throw new IllegalArgumentException(
          "groups must be " + MOST_GROUPS + " at most, not " + groups.size());
    }
    int ready = sum(WorkerGroup::readyWorkers);
    if (ready < 1 || ready > MOST_WORKERS) {
      throw new IllegalArgumentException(
          "groups must have 1 to " + MOST_WORKERS + " workers in all, not " + ready);
    }
    if (standbyWorkers() > MOST_WORKERS) {
      throw new IllegalArgumentException(
          "groups must have at most " + MOST_WORKERS + " on standby in all");
    }
  }

  private int sum(ToIntFunction<WorkerGroup> part) {
    return groups.stream().mapToInt(part).sum();
  }

  static void range(String field, @Nullable Integer value, int low, int high) {
    if (value != null) {
      WorkersConfig.range(field, value, low, high);
    }
  }

  /** Without any on standby. */
  public ModelSpec(Path file, @Nullable String name, @Nullable Integer workers) {
    this(file, name, workers, null);
  }

  /** Laid out as other models are. */
  public ModelSpec(
      Path file, @Nullable String name, @Nullable Integer workers, @Nullable Integer standby) {
    this(file, name, workers, standby, null, null, null);
  }

  /** What clients call it. */
  public String servedName() {
    if (name != null) {
      return name;
    }
    String fileName = String.valueOf(file.getFileName());
    return fileName.replaceFirst("(-[0-9]{5}-of-[0-9]{5})?\\.gguf$", "");
  }

  /** With workers of several groups. */
  public static ModelSpec grouped(Path file, @Nullable String name, List<WorkerGroup> groups) {
    return new ModelSpec(file, name, null, null, null, null, groups);
  }

  /** Workers that are to take requests. */
  public int readyWorkers(WorkersConfig config) {
    if (!groups.isEmpty()) {
      return sum(WorkerGroup::readyWorkers);
    }
    return workers == null ? config.local() : workers;
  }

  /** Workers that are to stand by. */
  public int standbyWorkers() {
    if (!groups.isEmpty()) {
      return sum(WorkerGroup::standbyWorkers);
    }
    return standby == null ? 0 : standby;
  }

  /** Those of one group that are to take requests. */
  int readyWorkers(int group, WorkersConfig config) {
    return group < groups.size() ? groups.get(group).readyWorkers() : readyWorkers(config);
  }

  /** Pipeline stages of a worker. */
  int stages(WorkersConfig config) {
    return stages == null ? config.stages() : stages;
  }

  /** Tensor-parallel ranks of a stage. */
  int ranks(WorkersConfig config) {
    return ranks == null ? config.ranks() : ranks;
  }
}
