package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.slo.Slo;

/**
 * One request of a workload.
 *
 * @param atNanos when it arrives
 * @param streams whether its answer comes token by token, or as a whole
 * @param prefix which of the shared prompt beginnings it has
 * @param prefixTokens how long that is; 0 for none
 */
record Request(
    int number,
    long atNanos,
    String tenant,
    Slo slo,
    int promptTokens,
    int outputTokens,
    boolean streams,
    int prefix,
    int prefixTokens) {

  /** Second 0 of a run: the fleet is ready by then. */
  static final long FIRST_NANOS = 5_000_000_000L;

  long deadlineNanos() {
    return slo.deadlineNanos(atNanos);
  }

  /** What is left for another replica when so many tokens of the answer are there already. */
  Request after(int tokens) {
    return new Request(
        number,
        atNanos,
        tenant,
        slo,
        promptTokens + tokens,
        Math.max(1, outputTokens - tokens),
        streams,
        prefix,
        prefixTokens);
  }
}
