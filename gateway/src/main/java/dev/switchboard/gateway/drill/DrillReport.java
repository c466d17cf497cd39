package dev.switchboard.gateway.drill;

import org.jspecify.annotations.Nullable;

/**
 * How a drill goes or went.
 *
 * @param phase a word of its state machine
 * @param outcome how it ended; null while it goes on
 * @param message what whoever looks should know; null for nothing
 * @param startedMs and endedMs: epoch milliseconds
 * @param leftAfterMs when the replica was first seen not ready, from the start
 * @param backAfterMs when it was ready again
 * @param namedAfterMs when its worker named the rank for holding up its stage
 * @param noticed what users did: the requests that were at the replica while it went on
 */
public record DrillReport(
    String id,
    String replica,
    String model,
    DrillPlan plan,
    String phase,
    @Nullable String outcome,
    @Nullable String message,
    long startedMs,
    @Nullable Long endedMs,
    @Nullable Long leftAfterMs,
    @Nullable Long backAfterMs,
    @Nullable Long namedAfterMs,
    Noticed noticed) {
  /**
   * What became of requests that were at the replica for some of that time, and have ended.
   *
   * @param missed an objective, or an answer, by the service's fault
   * @param moved streams that went on elsewhere
   * @param broken not answered
   * @param longestPauseMs between two pieces of content of one of them
   */
  public record Noticed(int requests, int missed, int moved, int broken, double longestPauseMs) {}
}
