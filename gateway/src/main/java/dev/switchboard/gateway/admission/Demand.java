package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.routing.Prompt;

/**
 * What a request asks of a model, as far as admission needs it. Times are nanoseconds on the clock
 * that every call of the queue uses.
 *
 * @param tenant whose share it takes
 * @param weight of the tenant's share, above 0
 * @param acceptedNanos since when it has been waited for, which its body may have come long after
 * @param ttftMs wanted time from then on to its first token; 0 for none
 * @param tpotMs wanted mean time per token after the first; 0 for none
 * @param deadlineNanos when its answer must have ended; {@link Long#MAX_VALUE} for whenever
 * @param outputTokens expected
 * @param bytes that it holds while it waits
 * @param tokens that the tenant's account is charged until the real ones are known: of its prompt,
 *     whoever has computed it before, and of all its choices
 * @param key of what it asks, by which it is known when it comes again; 0 for none
 * @param places that it takes at a replica, and of its tenant's requests at once: one for each of
 *     its answers
 */
public record Demand(
    String tenant,
    double weight,
    Band band,
    long acceptedNanos,
    int ttftMs,
    double tpotMs,
    long deadlineNanos,
    Prompt prompt,
    int outputTokens,
    long bytes,
    long tokens,
    long key,
    int places) {
  public Demand {
    if (!(weight > 0)) {
      throw new IllegalArgumentException("weight must be above 0");
    }
    tokens = Math.max(1, tokens);
    places = Math.max(1, places);
  }

  /** One with a single choice, which is not known when it comes again. */
  public Demand(
      String tenant,
      double weight,
      Band band,
      long acceptedNanos,
      int ttftMs,
      double tpotMs,
      long deadlineNanos,
      Prompt prompt,
      int outputTokens,
      long bytes) {
    this(
        tenant,
        weight,
        band,
        acceptedNanos,
        ttftMs,
        tpotMs,
        deadlineNanos,
        prompt,
        outputTokens,
        bytes,
        (long) prompt.tokens() + outputTokens,
        0,
        1);
  }

  /** When its first token is wanted; {@link Long#MAX_VALUE} for whenever. */
  long ttftAtNanos() {
    return ttftMs == 0 ? Long.MAX_VALUE : acceptedNanos + ttftMs * 1_000_000L;
  }

  /** Prompt tokens to compute, where most of it is known. */
  int promptTokens() {
    return prompt.uncached();
  }

  Demand withWeight(double value) {
    return value == weight ? this : with(value, key, places);
  }

  /** The same, known by a key. */
  public Demand withKey(long value) {
    return with(weight, value, places);
  }

  /** The same with so many answers. */
  public Demand withPlaces(int value) {
    return with(weight, key, value);
  }

  private Demand with(double newWeight, long newKey, int newPlaces) {
    return new Demand(
        tenant,
        newWeight,
        band,
        acceptedNanos,
        ttftMs,
        tpotMs,
        deadlineNanos,
        prompt,
        outputTokens,
        bytes,
        tokens,
        newKey,
        newPlaces);
  }
}
