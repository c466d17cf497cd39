package dev.switchboard.gateway.admission;

/**
 * A limit per minute that may be used at once and comes back evenly. What was taken too little can
 * be taken afterwards, into debt. Guarded by its owner.
 */
final class TokenBucket {
  private static final double NANOS_PER_MINUTE = 60e9;

  private int perMinute;
  private double level;
  private long atNanos;

  TokenBucket(int perMinute, long nowNanos) {
    this.perMinute = perMinute;
    this.level = perMinute;
    this.atNanos = nowNanos;
  }

  /**
   * Fills up to a moment, under a limit that may have changed. What is left, or owed, is the same
   * part of the limit then as before, so that it is made up in the same time; a limit where there
   * was none begins full.
   */
  void advance(int limit, long nowNanos) {
    if (limit != perMinute) {
      level = perMinute > 0 ? level * limit / perMinute : limit;
      perMinute = limit;
    }
    long passed = Math.max(0, nowNanos - atNanos);
    level = Math.min(perMinute, level + passed * (perMinute / NANOS_PER_MINUTE));
    atNanos = Math.max(atNanos, nowNanos);
  }

  /** Whether there is so much; a full bucket gives more than it holds, or it never could. */
  boolean holds(double amount) {
    return perMinute == 0 || level >= Math.min(amount, perMinute);
  }

  /** Whether what was promised may be taken: no more than comes back in ten seconds is owed. */
  boolean mayOwe() {
    return level > -perMinute / 6.0;
  }

  void take(double amount) {
    if (perMinute > 0) {
      level = Math.min(perMinute, level - amount);
    }
  }

  int limit() {
    return perMinute;
  }

  long remaining() {
    return (long) Math.max(0, Math.floor(level));
  }

  /** What is missing until it is full. */
  long used() {
    return (long) Math.max(0, Math.ceil(perMinute - level));
  }

  /** Until it holds so much. */
  long nanosUntil(double amount) {
    if (perMinute == 0) {
      return 0;
    }
    double missing = Math.min(amount, perMinute) - level;
    return (long) Math.max(0, Math.ceil(missing * NANOS_PER_MINUTE / perMinute));
  }

  /** In which so much comes back. */
  long nanosFor(double amount) {
    return perMinute == 0
        ? 0
        : (long) Math.ceil(Math.min(amount, perMinute) * NANOS_PER_MINUTE / perMinute);
  }

  /** Until it is full. */
  long nanosUntilFull() {
    return nanosUntil(perMinute);
  }
}
