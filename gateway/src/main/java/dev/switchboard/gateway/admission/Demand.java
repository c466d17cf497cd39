package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.routing.Prompt;

/**
 * What a request asks of a model, as far as admission needs it. Times are nanoseconds on the clock
 * that every call of the queue uses.
 *
 * @param tenant whose share it takes
 * @param acceptedNanos since when it has been waited for, which its body may have come long after
 * @param ttftMs wanted time from then on to its first token; 0 for none
 * @param tpotMs wanted mean time per token after the first; 0 for none
 * @param deadlineNanos when its answer must have ended; {@link Long#MAX_VALUE} for whenever
 * @param outputTokens expected
 * @param bytes that it holds while it waits
 * @param tokens that the tenant's account is charged until the real ones are known: of its prompt,
 *     whoever has computed it before, and of all its choices
 * @param asker by what it is known when it comes again
 * @param places that it takes at a replica, and of its tenant's requests at once: one for each of
 *     its answers, and of the texts that it has read
 * @param elsewhere whether another model may stand in for the one that it waits for
 */
public record Demand(
    String tenant,
    Band band,
    long acceptedNanos,
    int ttftMs,
    double tpotMs,
    long deadlineNanos,
    Prompt prompt,
    int outputTokens,
    long bytes,
    long tokens,
    Asker asker,
    int places,
    boolean elsewhere) {
  public Demand {
    tokens = Math.max(0, tokens);
    places = Math.max(1, places);
  }

  /** When its first token is wanted; {@link Long#MAX_VALUE} for whenever. */
  long ttftAtNanos() {
    return ttftMs == 0 ? Long.MAX_VALUE : acceptedNanos + ttftMs * 1_000_000L;
  }

  /** Prompt tokens to compute, where most of it is known. */
  int promptTokens() {
    return prompt.uncached();
  }
}
