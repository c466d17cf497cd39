package dev.switchboard.gateway.flight;

import org.jspecify.annotations.Nullable;

/** What of a request's parameters is worth keeping; null or 0 where the client did not say. */
public record RequestParameters(
    int choices,
    @Nullable Integer maxTokens,
    @Nullable Double temperature,
    @Nullable Double topP,
    @Nullable Long seed) {
  public static final RequestParameters NONE = new RequestParameters(1, null, null, null, null);
}
