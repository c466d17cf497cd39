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
 */
public record ModelSpec(
    Path file, @Nullable String name, @Nullable Integer workers, @Nullable Integer standby) {

  public ModelSpec {
    Objects.requireNonNull(file, "file is missing");
    if (name != null && !name.matches("[A-Za-z0-9._:/-]{1,128}")) {
      throw new IllegalArgumentException("name may hold letters, digits and . _ : / - only");
    }
    if (workers != null) {
      WorkersConfig.range("workers", workers, 1, 64);
    }
    if (standby != null) {
      WorkersConfig.range("standby", standby, 0, 64);
    }
  }

  /** Without any on standby. */
  public ModelSpec(Path file, @Nullable String name, @Nullable Integer workers) {
    this(file, name, workers, null);
  }

  /** What clients call it. */
  public String servedName() {
    if (name != null) {
      return name;
    }
    String fileName = String.valueOf(file.getFileName());
    return fileName.replaceFirst("(-[0-9]{5}-of-[0-9]{5})?\\.gguf$", "");
  }
}
