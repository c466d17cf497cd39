package dev.switchboard.gateway.routing;

/**
 * Times that requests are to have, in milliseconds; infinite where there is none.
 *
 * @param ttftMs the shortest time to a first token
 * @param tpotMs the shortest time per token after it
 */
public record LatencyTarget(double ttftMs, double tpotMs) {
  public static final LatencyTarget NONE =
      new LatencyTarget(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);

  /** Both of two. */
  public LatencyTarget and(LatencyTarget other) {
    return covers(other)
        ? this
        : new LatencyTarget(Math.min(ttftMs, other.ttftMs), Math.min(tpotMs, other.tpotMs));
  }

  /** Whether who keeps this one keeps another one as well. */
  public boolean covers(LatencyTarget other) {
    return ttftMs <= other.ttftMs && tpotMs <= other.tpotMs;
  }

  /** What of it is no shorter than what can be done. */
  public LatencyTarget within(LatencyTarget possible) {
    return new LatencyTarget(
        ttftMs < possible.ttftMs ? Double.POSITIVE_INFINITY : ttftMs,
        tpotMs < possible.tpotMs ? Double.POSITIVE_INFINITY : tpotMs);
  }

  boolean binds() {
    return Double.isFinite(ttftMs) || Double.isFinite(tpotMs);
  }
}
