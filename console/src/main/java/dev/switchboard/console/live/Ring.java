package dev.switchboard.console.live;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The last hour of many series, a point every five seconds, as floats. A point's place follows from
 * its time alone: place = (seconds / 5) mod 720. NaN is a point that never came. Above {@value
 * #SERIES_MAX} series new ones are left out, of ranks above {@value #RANK_SERIES_MAX}; one that had
 * no point for an hour is forgotten.
 *
 * <p>All methods may be called from any thread.
 */
public final class Ring {
  public static final int STEP_SECONDS = 5;
  public static final int SLOTS = 720;
  static final int SERIES_MAX = 20_000;

  /** From here on ranks get none, of which a fleet has many, so that all else still finds room. */
  static final int RANK_SERIES_MAX = 14_000;

  private static final int MAGIC = 0x53425231;
  private static final int NAME_CHARACTERS_MAX = 400;

  private final Map<String, float[]> series = new HashMap<>();
  private long newest = -1;
  private long leftOut;

  /** Adds the points of one moment. Those that are older than the newest are dropped. */
  public synchronized void add(long epochSeconds, Map<String, Float> points) {
    long step = epochSeconds / STEP_SECONDS;
    if (step < newest) {
      return;
    }
    advance(step);
    points.forEach(
        (name, value) -> {
          float[] values = series.get(name);
          if (values == null && room(name)) {
            values = empty();
            series.put(name, values);
          }
          if (values != null) {
            values[slot(step)] = value;
          }
        });
  }

  private boolean room(String name) {
    int most = Series.isOfRank(name) ? RANK_SERIES_MAX : SERIES_MAX;
    boolean has = series.size() < most && name.length() <= NAME_CHARACTERS_MAX;
    leftOut += has ? 0 : 1;
    return has;
  }

  private void advance(long step) {
    if (newest >= 0) {
      long first = Math.max(newest + 1, step - SLOTS + 1);
      for (long each = first; each <= step; each++) {
        int slot = slot(each);
        series.values().forEach(values -> values[slot] = Float.NaN);
      }
      if (slot(step) == 0 || step - newest >= SLOTS) {
        series.values().removeIf(Ring::nothing);
      }
    }
    newest = step;
  }

  private static boolean nothing(float[] values) {
    for (float value : values) {
      if (!Float.isNaN(value)) {
        return false;
      }
    }
    return true;
  }

  private static float[] empty() {
    float[] values = new float[SLOTS];
    Arrays.fill(values, Float.NaN);
    return values;
  }

  private static int slot(long step) {
    return (int) (step % SLOTS);
  }

  /** When the newest points are of, in seconds since 1970; -1 where there are none. */
  public synchronized long newestSeconds() {
    return newest < 0 ? -1 : newest * STEP_SECONDS;
  }

  /** The last so many points of a series, oldest first; NaN where there is none. */
  public synchronized float[] last(String name, int points) {
    float[] values = new float[points];
    float[] all = series.get(name);
    if (all == null || newest < 0) {
      Arrays.fill(values, Float.NaN);
      return values;
    }
    for (int i = 0; i < points; i++) {
      long step = newest - points + 1 + i;
      values[i] = step < 0 ? Float.NaN : all[slot(step)];
    }
    return values;
  }

  /** The sum of the points of the last while that came. */
  public synchronized double sum(String name, int points) {
    double sum = 0;
    for (float value : last(name, points)) {
      sum += Float.isNaN(value) ? 0 : value;
    }
    return sum;
  }

  /** The newest point; NaN where it never came. */
  public synchronized float latest(String name) {
    return last(name, 1)[0];
  }

  public synchronized Set<String> names() {
    return new TreeSet<>(series.keySet());
  }

  /** Points that found no room. */
  public synchronized long leftOut() {
    return leftOut;
  }

  /** Writes it as a whole beside the file and moves it there. */
  public void write(Path file) throws IOException {
    Path beside = file.resolveSibling(file.getFileName() + ".new");
    Map<String, float[]> copy = new HashMap<>();
    long step;
    synchronized (this) {
      series.forEach((name, values) -> copy.put(name, values.clone()));
      step = newest;
    }
    try (DataOutputStream out =
        new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(beside)))) {
      out.writeInt(MAGIC);
      out.writeLong(step);
      out.writeInt(copy.size());
      for (Map.Entry<String, float[]> each : copy.entrySet()) {
        out.writeUTF(each.getKey());
        for (float value : each.getValue()) {
          out.writeFloat(value);
        }
      }
    }
    Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Reads what was written; throws where the file is another or broken. */
  public static Ring read(Path file) throws IOException {
    Ring ring = new Ring();
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
      if (in.readInt() != MAGIC) {
        throw new IOException(file + " is no ring");
      }
      ring.newest = in.readLong();
      int count = in.readInt();
      if (count < 0 || count > SERIES_MAX) {
        throw new IOException(file + " has too many series");
      }
      for (int i = 0; i < count; i++) {
        String name = in.readUTF();
        float[] values = new float[SLOTS];
        for (int j = 0; j < SLOTS; j++) {
          values[j] = in.readFloat();
        }
        ring.series.put(name, values);
      }
    }
    return ring;
  }
}
