package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.routing.LatencyTarget;

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
   * @param promise to whoever comes next
   * @param promptTokens that such a request usually has
   */
  default int rooms(LatencyTarget promise, double promptTokens, long nowNanos) {
    return Integer.MAX_VALUE;
  }

  /**
   * The shortest times that any replica could keep to a request that it had for itself; {@link
   * Promise#NONE} where nothing is known.
   *
   * @param promptTokens of the request
   */
  default LatencyTarget alone(double promptTokens, long nowNanos) {
    return LatencyTarget.NONE;
  }
}
