package dev.switchboard.gateway.slo;

import java.util.EnumSet;
import java.util.Set;

/**
 * The service-level objective of one request.
 *
 * @param name its class, one of the configured ones
 * @param ttftMs wanted time to the first token, from the request's acceptance; 0 for none
 * @param tpotMs wanted mean time per output token after the first; 0 for none
 * @param deadlineMs time after acceptance by which the answer must have ended; 0 for none
 * @param priority −100 to 100, the higher the sooner
 */
public record Slo(String name, int ttftMs, double tpotMs, int deadlineMs, int priority) {
  public static final int MIN_PRIORITY = -100;
  public static final int MAX_PRIORITY = 100;

  /** Of a request whose class is not known yet. */
  public static final Slo UNKNOWN = new Slo("", 0, 0, 0, 0);

  /** Wants nothing in particular. */
  public static final Slo NONE = new Slo("standard", 0, 0, 0, 0);

  /** What it can miss. */
  public Set<Objective> objectives() {
    Set<Objective> all = EnumSet.of(Objective.AVAILABILITY);
    if (ttftMs > 0) {
      all.add(Objective.TTFT);
    }
    if (tpotMs > 0) {
      all.add(Objective.TPOT);
    }
    if (deadlineMs > 0) {
      all.add(Objective.DEADLINE);
    }
    return all;
  }

  /** The same, at most this urgent. */
  public Slo atMost(int maxPriority) {
    return priority <= maxPriority ? this : new Slo(name, ttftMs, tpotMs, deadlineMs, maxPriority);
  }

  /** The same, this urgent: the highest or the lowest where it is beyond. */
  public Slo withPriority(int wanted) {
    int bounded = Math.clamp(wanted, MIN_PRIORITY, MAX_PRIORITY);
    return new Slo(name, ttftMs, tpotMs, deadlineMs, bounded);
  }

  /** Whether it goes after whatever anybody waits for: of the lowest band. */
  public boolean yields() {
    return priority < 0;
  }

  /**
   * The moment by which the answer must have ended.
   *
   * @param acceptedNanos when the request was accepted
   * @return epoch nanoseconds; {@link Long#MAX_VALUE} for none
   */
  public long deadlineNanos(long acceptedNanos) {
    return deadlineMs == 0 ? Long.MAX_VALUE : acceptedNanos + deadlineMs * 1_000_000L;
  }
}
