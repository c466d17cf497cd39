package dev.switchboard.gateway.admission;

/**
 * Targets of requests, in milliseconds; infinite where there is none.
 *
 * @param ttftMs the shortest time to a first token
 * @param tpotMs the shortest time per token after it
 */
record Promise(double ttftMs, double tpotMs) {
  static final Promise NONE = new Promise(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);

  /** What a request is promised that comes now; one that yields to all others is promised none. */
  static Promise to(Demand demand, long nowNanos) {
    if (demand.band() == Band.SHEDDABLE) {
      return NONE;
    }
    boolean whenever = demand.ttftAtNanos() == Long.MAX_VALUE;
    return new Promise(
        whenever ? Double.POSITIVE_INFINITY : Math.max(0, demand.ttftAtNanos() - nowNanos) / 1e6,
        demand.tpotMs() > 0 ? demand.tpotMs() : Double.POSITIVE_INFINITY);
  }

  /** Both of two. */
  Promise and(Promise other) {
    boolean covered = ttftMs <= other.ttftMs && tpotMs <= other.tpotMs;
    return covered
        ? this
        : new Promise(Math.min(ttftMs, other.ttftMs), Math.min(tpotMs, other.tpotMs));
  }
}
