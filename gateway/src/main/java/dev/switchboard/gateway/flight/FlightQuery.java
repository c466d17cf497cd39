package dev.switchboard.gateway.flight;

import org.jspecify.annotations.Nullable;

/**
 * Which of the requests that are over are wanted; null and 0 are any.
 *
 * @param missed only those that missed what was wanted of them
 * @param waitedFor a rank that held up its stage, as {@code stage.rank}
 * @param sinceNanos accepted at this moment or after it
 * @param untilNanos accepted before this one
 * @param before only those that come behind this one in an answer, by its number
 */
public record FlightQuery(
    @Nullable String model,
    @Nullable String sloClass,
    @Nullable String tenant,
    @Nullable Outcome outcome,
    int status,
    @Nullable String replica,
    long minMs,
    boolean missed,
    @Nullable String waitedFor,
    @Nullable String traceId,
    long sinceNanos,
    long untilNanos,
    long before,
    int limit) {

  /** The newest of all. */
  public static FlightQuery newest(int limit) {
    return of(null, 0, Long.MAX_VALUE, limit);
  }

  /** All of a model that were accepted before a moment. */
  static FlightQuery ofModel(String model, long untilNanos) {
    return of(model, Long.MIN_VALUE, untilNanos, Integer.MAX_VALUE);
  }

  private static FlightQuery of(
      @Nullable String model, long sinceNanos, long untilNanos, int limit) {
    return new FlightQuery(
        model,
        null,
        null,
        null,
        0,
        null,
        0,
        false,
        null,
        null,
        sinceNanos,
        untilNanos,
        Long.MAX_VALUE,
        limit);
  }

  /** The same, and no more than so many. */
  public FlightQuery limitedTo(int most) {
    return new FlightQuery(
        model,
        sloClass,
        tenant,
        outcome,
        status,
        replica,
        minMs,
        missed,
        waitedFor,
        traceId,
        sinceNanos,
        untilNanos,
        before,
        most);
  }

  /** Whether a request that has just ended is one. */
  public boolean wants(FlightTail.Ended ended) {
    return wants(FlightFacts.of(ended.record()).waited(ended.waitedFor()));
  }

  /**
   * Whether a request that runs is one, as far as it has come.
   *
   * @param now as it would be if it ended now
   * @param at the replica where it is; null for none
   */
  public boolean wantsRunning(FlightRecord now, @Nullable String at) {
    return wants(FlightFacts.running(now, at));
  }

  boolean wants(FlightFacts facts) {
    return (status == 0 || status == facts.status())
        && (outcome == null || outcome == facts.outcome())
        && facts.wallNanos() >= minMs * 1_000_000
        && (!missed || facts.missed())
        && facts.acceptedNanos() >= sinceNanos
        && facts.acceptedNanos() < untilNanos
        && is(model, facts.model())
        && is(sloClass, facts.sloClass())
        && is(tenant, facts.tenant())
        && is(traceId, facts.traceId())
        && (replica == null || facts.replicas().contains(replica))
        && (waitedFor == null || facts.waitedFor().contains(waitedFor));
  }

  private static boolean is(@Nullable String wanted, @Nullable String value) {
    return wanted == null || wanted.equals(value);
  }
}
