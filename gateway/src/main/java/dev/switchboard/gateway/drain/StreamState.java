package dev.switchboard.gateway.drain;

import dev.switchboard.gateway.slo.Slo;

/**
 * A request at a replica, as a plan needs to know it.
 *
 * @param stream whether its answer is streamed; a whole answer can only begin anew elsewhere
 * @param movable whether another replica can go on with it
 * @param promptTokens estimated until the worker says
 * @param tokens generated so far, of all choices
 * @param maxTokens it may generate in all; −1 where it does not say
 * @param startNanos when its attempt at the replica began
 * @param firstTokenNanos 0 while it has none
 * @param wanted what its client wants of it
 */
public record StreamState(
    String requestId,
    boolean stream,
    boolean movable,
    int promptTokens,
    int tokens,
    int maxTokens,
    long startNanos,
    long firstTokenNanos,
    Wanted wanted) {

  /**
   * What its client wants of it.
   *
   * @param acceptedNanos since when it waits
   */
  public record Wanted(Slo slo, long acceptedNanos) {
    public static final Wanted NOTHING = new Wanted(Slo.NONE, 0);
  }

  /** Whether its client has some of the answer, so that it cannot begin anew. */
  boolean begun() {
    return stream && firstTokenNanos != 0;
  }

  /** Time per token so far, or the given one while nothing is known. */
  double tokenMs(double usualMs, long nowNanos) {
    return firstTokenNanos == 0 || tokens < 2
        ? usualMs
        : Math.max(0, nowNanos - firstTokenNanos) / 1e6 / (tokens - 1);
  }

  /** Time to the first token per token of the prompt, or the given one. */
  double promptTokenMs(double usualMs) {
    return firstTokenNanos == 0
        ? usualMs
        : (firstTokenNanos - startNanos) / 1e6 / Math.max(1, promptTokens);
  }
}
