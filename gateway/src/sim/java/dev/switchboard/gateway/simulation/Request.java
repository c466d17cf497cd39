package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.slo.Slo;
import org.jspecify.annotations.Nullable;

/**
 * One request of a workload.
 *
 * @param number the same for one that comes again after it was refused
 * @param atNanos when it arrives
 * @param outputTokens of its answer, which nobody knows before it ends
 * @param streams whether its answer comes token by token, or as a whole
 * @param prefix which of the shared prompt beginnings it has
 * @param prefixTokens how long that is; 0 for none
 * @param seen what there is to know of its lengths before it is served
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
    int prefixTokens,
    Seen seen) {

  /** Second 0 of a run: the fleet is ready by then. */
  static final long FIRST_NANOS = 5_000_000_000L;

  /** The moment of a second of the run. */
  static long nanos(double second) {
    return FIRST_NANOS + (long) (second * 1e9);
  }

  /** The second of the run at a moment. */
  static double second(long nanos) {
    return (nanos - FIRST_NANOS) / 1e9;
  }

  /**
   * What a gateway sees of a request.
   *
   * @param promptTokens estimated from its bytes, and {@code prefixTokens} of them likewise
   * @param maxTokens that its answer may have; null where it does not say
   */
  record Seen(int promptTokens, int prefixTokens, @Nullable Integer maxTokens) {}

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
        prefixTokens,
        seen);
  }
}
