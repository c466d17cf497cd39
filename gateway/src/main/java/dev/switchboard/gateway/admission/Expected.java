package dev.switchboard.gateway.admission;

/**
 * What a request is to expect: the numbers that it is refused by and that it is told. Those below 0
 * are unknown and count as nothing.
 *
 * @param waitNanos for a place
 * @param ttftNanos from then to its first token, as nearly all stay below
 * @param endNanos from then to the end of its answer
 */
record Expected(long waitNanos, long ttftNanos, long endNanos) {

  /** Its first token would come after its target. */
  boolean missesTarget(Demand demand, long nowNanos) {
    return late(demand.ttftAtNanos(), ttftNanos, nowNanos);
  }

  /** Its answer would end after its deadline. */
  boolean missesDeadline(Demand demand, long nowNanos) {
    return late(demand.deadlineNanos(), endNanos, nowNanos);
  }

  boolean misses(Demand demand, long nowNanos) {
    return missesTarget(demand, nowNanos) || missesDeadline(demand, nowNanos);
  }

  private boolean late(long at, long takesNanos, long nowNanos) {
    return at != Long.MAX_VALUE
        && at - nowNanos <= Math.max(0, waitNanos) + Math.max(0, takesNanos);
  }
}
