package dev.switchboard.gateway.flight;

import org.jspecify.annotations.Nullable;

/**
 * What of a request's parameters is worth keeping; null where the client did not say, or nothing
 * but what holds anyway. Stop sequences are not: they are text of the client's, which only traces
 * that may tell such have.
 *
 * @param json whether the answer was to be JSON
 */
public record RequestParameters(
    int choices,
    @Nullable Integer maxTokens,
    @Nullable Double temperature,
    @Nullable Double topP,
    @Nullable Integer topK,
    @Nullable Double presencePenalty,
    @Nullable Double frequencyPenalty,
    @Nullable Long seed,
    boolean json) {
  public static final RequestParameters NONE =
      new RequestParameters(1, null, null, null, null, null, null, null, false);
}
