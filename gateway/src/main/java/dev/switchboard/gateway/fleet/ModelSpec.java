package dev.switchboard.gateway.fleet;

import java.nio.file.Path;
import java.util.Objects;
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
 */
public record ModelSpec(
    Path file,
    @Nullable String name,
    @Nullable Integer workers,
    @Nullable Integer standby,
    @Nullable Integer stages,
    @Nullable Integer ranks) {

  public ModelSpec {
    Objects.requireNonNull(file, "file is missing");
    if (name != null && !name.matches("[A-Za-z0-9._:/-]{1,128}")) {
      throw new IllegalArgumentException("name may hold letters, digits and . _ : / - only");
    }
    range("workers", workers, 1, 64);
    range("standby", standby, 0, 64);
    range("stages", stages, 1, 16);
    range("ranks", ranks, 1, 16);
  }

  private static void range(String field, @Nullable Integer value, int low, int high) {
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
    this(file, name, workers, standby, null, null);
  }

  /** What clients call it. */
  public String servedName() {
    if (name != null) {
      return name;
    }
    String fileName = String.valueOf(file.getFileName());
    return fileName.replaceFirst("(-[0-9]{5}-of-[0-9]{5})?\\.gguf$", "");
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
