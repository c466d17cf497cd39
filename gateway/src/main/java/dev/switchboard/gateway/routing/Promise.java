package dev.switchboard.gateway.routing;

/**
 * Times that requests are to have, in milliseconds; infinite where there is none.
 *
 * @param ttftMs the shortest time to a first token
 * @param tpotMs the shortest time per token after it
 */
public record Promise(double ttftMs, double tpotMs) {
  public static final Promise NONE =
      new Promise(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);

  /** Both of two. */
  public Promise and(Promise other) {
    return covers(other)
        ? this
        : new Promise(Math.min(ttftMs, other.ttftMs), Math.min(tpotMs, other.tpotMs));
  }

  /** Whether who keeps this one keeps another one as well. */
  public boolean covers(Promise other) {
    return ttftMs <= other.ttftMs && tpotMs <= other.tpotMs;
  }

  /** What of it is no shorter than what can be done. */
  public Promise within(Promise possible) {
    return new Promise(
        ttftMs < possible.ttftMs ? Double.POSITIVE_INFINITY : ttftMs,
        tpotMs < possible.tpotMs ? Double.POSITIVE_INFINITY : tpotMs);
  }

  boolean binds() {
    return Double.isFinite(ttftMs) || Double.isFinite(tpotMs);
  }
}
