package dev.switchboard.gateway.kubernetes;

import dev.switchboard.gateway.discovery.DiscoveryStatus.Trouble;
import java.util.function.DoubleSupplier;

/**
 * What a watch does next, by what became of its last step: a list leads to a watch, a watch that
 * ended in order goes on where it was, one whose revision is gone begins with a list again, and
 * what failed is tried again after a wait that doubles. A server that says how long to wait is
 * believed, within bounds.
 *
 * <p>Pure: time and chance come in. Not safe for several threads.
 */
final class WatchPlan {
  static final long FIRST_WAIT_MS = 100;
  static final long MOST_WAIT_MS = 30_000;
  private static final int MOST_DOUBLINGS = 9;

  /** A watch that lived for so long did not fail at once. */
  private static final long LIVED_NANOS = 5_000_000_000L;

  /** A step. */
  enum Step {
    LIST,
    WATCH
  }

  /** What to do, and when. */
  record Next(Step step, long waitMs) {}

  private final DoubleSupplier chance;
  private int failures;

  /**
   * @param chance 0 to 1
   */
  WatchPlan(DoubleSupplier chance) {
    this.chance = chance;
  }

  /** Everything was listed. */
  Next listed() {
    return new Next(Step.WATCH, 0);
  }

  /** A list was not believed. */
  Next doubted() {
    return new Next(Step.LIST, ObjectCache.CONFIRM_NANOS / 1_000_000 + 1);
  }

  /** Something came by a watch: all is well. */
  void heard() {
    failures = 0;
  }

  /** The server ended a watch, as it does after a while. */
  Next ended(long livedNanos) {
    if (livedNanos >= LIVED_NANOS) {
      failures = 0;
      return new Next(Step.WATCH, 0);
    }
    return new Next(Step.WATCH, backoff());
  }

  /** It is time to list everything again. */
  Next resync() {
    return new Next(Step.LIST, 0);
  }

  /**
   * A step failed.
   *
   * @param retryAfterMs as the server asked for; 0 for nothing
   */
  Next failed(Step step, Trouble why, long retryAfterMs) {
    return switch (why) {
      case GONE -> new Next(Step.LIST, firstAtOnce());
      case MALFORMED, TOO_LARGE, STALE_LIST -> new Next(Step.LIST, backoff());
      case UNAUTHORIZED, SILENT -> new Next(step, firstAtOnce());
      case THROTTLED ->
          new Next(step, Math.max(backoff(), Math.clamp(retryAfterMs, 0, 2 * MOST_WAIT_MS)));
      case FORBIDDEN, NOT_FOUND, UNREACHABLE, REFUSED -> new Next(step, backoff());
    };
  }

  private long firstAtOnce() {
    long wait = backoff();
    return failures == 1 ? 0 : wait;
  }

  /** Between half of the wait and all of it. */
  private long backoff() {
    long most = Math.min(MOST_WAIT_MS, FIRST_WAIT_MS << Math.min(failures, MOST_DOUBLINGS));
    failures++;
    return most / 2 + (long) (chance.getAsDouble() * (most / 2.0));
  }
}
