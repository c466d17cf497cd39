package dev.switchboard.gateway.admission;

/**
 * Predicts how long a request takes from its dispatch to its first token, at the replica that would
 * serve it best. Called under the queue's lock: it must not block and takes about a microsecond.
 */
@FunctionalInterface
public interface WaitPredictor {
  /** What a predictor says before it has seen enough. */
  long UNKNOWN = -1;

  /**
   * The median of the predicted time in nanoseconds, or {@link #UNKNOWN}.
   *
   * @param nowNanos of the queue's clock
   */
  long ttftNanos(Demand demand, long nowNanos);

  /**
   * The time to its first token that nine of ten stay below, in nanoseconds, or {@link #UNKNOWN}.
   */
  default long ttftP90Nanos(Demand demand, long nowNanos) {
    return UNKNOWN;
  }

  /** The median of the time to the end of a usual answer, or {@link #UNKNOWN}. */
  default long usualEndNanos(Demand demand, long nowNanos) {
    return UNKNOWN;
  }

  /**
   * The time from its dispatch to the end of its answer that two of three stay below, in
   * nanoseconds, or {@link #UNKNOWN}.
   */
  default long endNanos(Demand demand, long nowNanos) {
    return UNKNOWN;
  }

  /**
   * Replicas that could take one more request each and keep what was promised to others.
   *
   * @param ttftMs promised to whoever comes next; infinite for nothing, as {@code tpotMs}
   */
  default int rooms(double ttftMs, double tpotMs, long nowNanos) {
    return Integer.MAX_VALUE;
  }
}
