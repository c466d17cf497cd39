package dev.switchboard.worker;

import dev.switchboard.executor.ExecutorConfig.KvType;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Options of a worker that is as small as one can be. */
final class SmallOptions {
  private SmallOptions() {}

  /**
   * One stage of ranks with one thread each.
   *
   * @param memoryBytes null for what the machine has
   * @param kv null for what is left of it
   * @param template null for the model's own
   */
  static ModelOptions of(
      Path file,
      int ranks,
      @Nullable Long memoryBytes,
      @Nullable KvMemory kv,
      @Nullable Path template) {
    return of(file, ranks, memoryBytes, kv, template, true);
  }

  /**
   * @param sampling whether what the file recommends of it counts
   */
  static ModelOptions sampling(Path file, boolean sampling) {
    return of(file, 1, null, null, null, sampling);
  }

  private static ModelOptions of(
      Path file,
      int ranks,
      @Nullable Long memoryBytes,
      @Nullable KvMemory kv,
      @Nullable Path template,
      boolean sampling) {
    return new ModelOptions(
        file,
        null,
        Device.CPU,
        1,
        ranks,
        1,
        0,
        memoryBytes,
        kv,
        KvType.F16,
        4,
        64,
        0,
        template,
        null,
        sampling,
        false);
  }
}
