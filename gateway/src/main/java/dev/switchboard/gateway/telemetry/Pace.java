package dev.switchboard.gateway.telemetry;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Lets so many through in a second, evenly or in bursts (the generic cell rate algorithm). Safe on
 * any thread. The agent's extension has it too, without what else is in this package.
 */
public final class Pace {
  private static final long SECOND_NANOS = 1_000_000_000;

  /** When the next one would be due if all came evenly. */
  private final AtomicLong due = new AtomicLong(Long.MIN_VALUE / 2);

  /**
   * @param perSecond 0 lets none through
   * @param burst how many may come at once after a pause, one at least
   */
  public boolean take(long nowNanos, int perSecond, int burst) {
    if (perSecond == 0) {
      return false;
    }
    long apart = SECOND_NANOS / perSecond;
    long ahead = apart * (burst - 1);
    long next = due.get();
    while (next <= nowNanos + ahead) {
      if (due.compareAndSet(next, Math.max(next, nowNanos) + apart)) {
        return true;
      }
      next = due.get();
    }
    return false;
  }
}
