package dev.switchboard.timeline;

import java.time.Instant;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * A monotonic clock anchored once to the Unix epoch, so that epoch times never step backwards
 * inside one process. Safe on any thread.
 */
public final class EpochClock {
  private final LongSupplier monotonic;
  private final long offsetNanos;

  private EpochClock(LongSupplier monotonic, long offsetNanos) {
    this.monotonic = monotonic;
    this.offsetNanos = offsetNanos;
  }

  /** {@link System#nanoTime()}, anchored now. */
  public static EpochClock system() {
    return anchored(System::nanoTime, Instant::now);
  }

  /** A clock that shows what a wall clock shows now, and runs as the monotonic one does. */
  public static EpochClock anchored(LongSupplier monotonic, Supplier<Instant> wall) {
    Instant now = wall.get();
    long epoch =
        Math.addExact(Math.multiplyExact(now.getEpochSecond(), 1_000_000_000L), now.getNano());
    return new EpochClock(monotonic, epoch - monotonic.getAsLong());
  }

  /** Any clock: epoch time is its time plus the offset. */
  public static EpochClock of(LongSupplier monotonic, long offsetNanos) {
    return new EpochClock(monotonic, offsetNanos);
  }

  /** Monotonic nanoseconds. */
  public long nanos() {
    return monotonic.getAsLong();
  }

  /** Unix epoch nanoseconds. */
  public long epochNanos() {
    return nanos() + offsetNanos;
  }

  /** The Unix epoch nanoseconds of a monotonic time. */
  public long toEpoch(long nanos) {
    return nanos + offsetNanos;
  }
}
