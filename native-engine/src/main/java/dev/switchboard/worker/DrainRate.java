package dev.switchboard.worker;

import java.util.function.LongSupplier;

/**
 * How fast generations leave the engine, measured over the last ten seconds; from it, when a
 * refused request may try again. What the engine refused was never in it. On the event loop.
 */
final class DrainRate {
  private static final int SECONDS = 10;
  private static final long MOST_SECONDS = 60;

  private final LongSupplier epochNanos;
  private final int[] finished = new int[SECONDS];
  private long newestSecond;

  DrainRate(LongSupplier epochNanos) {
    this.epochNanos = epochNanos;
    this.newestSecond = second();
  }

  void finished(int generations) {
    advance();
    finished[slot(newestSecond)] += generations;
  }

  /** Whole seconds until the given number of waiting generations will have left, 1 to 60. */
  long secondsUntilLeft(int waiting) {
    advance();
    int left = 0;
    for (int count : finished) {
      left += count;
    }
    long wait = left == 0 ? 1 : Math.ceilDiv((long) waiting * SECONDS, left);
    return Math.clamp(wait, 1, MOST_SECONDS);
  }

  private void advance() {
    long now = second();
    for (long s = Math.max(newestSecond, now - SECONDS) + 1; s <= now; s++) {
      finished[slot(s)] = 0;
    }
    newestSecond = Math.max(newestSecond, now);
  }

  private long second() {
    return epochNanos.getAsLong() / 1_000_000_000L;
  }

  private static int slot(long second) {
    return (int) Math.floorMod(second, (long) SECONDS);
  }
}
