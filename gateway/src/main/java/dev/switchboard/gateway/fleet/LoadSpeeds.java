package dev.switchboard.gateway.fleet;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How long models took to load here, from which follows how long others will take. On any thread.
 */
public final class LoadSpeeds {
  private static final int MOST_FILES = 1024;

  private final Map<Path, Long> byFile = new HashMap<>();
  private long startMs;
  private long bytes;
  private long readMs;

  /**
   * A model was loaded.
   *
   * @param size of its weights
   * @param untilReadMs from the process's start until it began to read
   * @param reading from then until it was ready
   */
  synchronized void measured(Path file, long size, long untilReadMs, long reading) {
    if (byFile.size() >= MOST_FILES && !byFile.containsKey(file)) {
      byFile.clear();
    }
    byFile.put(file, untilReadMs + reading);
    startMs = untilReadMs;
    bytes = Math.max(1, size);
    readMs = reading;
  }

  /**
   * From the start of a worker until its model is loaded: as it was for this file, else as fast as
   * the last file was read; null before any was.
   */
  public synchronized @Nullable Long forecastMs(Path file, long size) {
    Long known = byFile.get(file);
    if (known != null || bytes == 0) {
      return known;
    }
    return startMs + Math.round((double) readMs * size / bytes);
  }
}
