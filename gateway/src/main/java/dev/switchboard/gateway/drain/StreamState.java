package dev.switchboard.gateway.drain;

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
 */
public record StreamState(
    String requestId,
    boolean stream,
    boolean movable,
    int promptTokens,
    int tokens,
    int maxTokens,
    long startNanos,
    long firstTokenNanos) {

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
