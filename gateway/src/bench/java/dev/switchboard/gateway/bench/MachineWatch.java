package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.StringTokenizer;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.DoubleStream;

/**
 * Whether the machine had something else to do while something was measured: a thread that sleeps
 * and looks how late it wakes, and the time that the hypervisor gave to others.
 */
final class MachineWatch implements AutoCloseable {
  private static final long SLEEP_NANOS = 5_000_000;
  private static final Path STAT = Path.of("/proc/stat");

  /** Of /proc/stat: user, nice, system, idle, iowait, irq and softirq are before it. */
  private static final int STOLEN = 7;

  private static final int FIELDS = 8;

  /**
   * What was seen.
   *
   * @param timerMs how late a sleep of 5 ms ended, at the 99th percentile
   * @param stolen share of the cores' time that the hypervisor gave to others
   * @param toldMs how late tokens were with their clients, at the 99th percentile
   */
  record Seen(double timerMs, double stolen, double toldMs) {
    static final Seen UNTROUBLED = new Seen(0, 0, 0);

    private static final double MOST_TIMER_MS = 10;
    private static final double MOST_STOLEN = 0.02;

    /** A step of an engine. */
    private static final double MOST_TOLD_MS = 40;

    Seen told(double lateMs) {
      return new Seen(timerMs, stolen, lateMs);
    }

    /** Whether times that were measured say more of the machine than of what was measured. */
    boolean disturbed() {
      return timerMs > MOST_TIMER_MS || stolen > MOST_STOLEN || toldMs > MOST_TOLD_MS;
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "sleeps were %.1f ms late and tokens %.1f at the 99th percentile, %.1f %% of the time"
              + " stolen",
          timerMs,
          toldMs,
          100 * stolen);
    }
  }

  private final Thread thread = Thread.ofPlatform().daemon().unstarted(this::look);
  private final DoubleStream.Builder late = DoubleStream.builder();
  private final long fromNanos;
  private final long toNanos;
  private final long[] before;
  private volatile boolean over;

  private MachineWatch(long fromNanos, long toNanos) throws IOException {
    this.fromNanos = fromNanos;
    this.toNanos = toNanos;
    this.before = times();
  }

  /** Looks from a moment on until another, as {@link System#nanoTime} has them. */
  static MachineWatch between(long fromNanos, long toNanos) throws IOException {
    MachineWatch watch = new MachineWatch(fromNanos, toNanos);
    watch.thread.start();
    return watch;
  }

  private void look() {
    for (long now = System.nanoTime(); !over && now < toNanos; ) {
      LockSupport.parkNanos(SLEEP_NANOS);
      long woken = System.nanoTime();
      if (now >= fromNanos) {
        late.add((woken - now - SLEEP_NANOS) / 1e6);
      }
      now = woken;
    }
  }

  /** What it saw, once it looks no longer. */
  Seen seen() throws IOException {
    close();
    long[] after = times();
    double all = 0;
    for (int i = 0; i < FIELDS; i++) {
      all += after[i] - before[i];
    }
    double stolen = all == 0 ? 0 : (after[STOLEN] - before[STOLEN]) / all;
    double timerMs = DispatchFigures.percentile(late.build().toArray(), 99);
    return new Seen(Double.isNaN(timerMs) ? 0 : timerMs, stolen, 0);
  }

  /** Of all cores together. */
  private static long[] times() throws IOException {
    StringTokenizer fields = new StringTokenizer(Files.readString(STAT), " \n");
    fields.nextToken();
    long[] times = new long[FIELDS];
    for (int i = 0; i < FIELDS; i++) {
      times[i] = Long.parseLong(fields.nextToken());
    }
    return times;
  }

  @Override
  public void close() {
    over = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
