package dev.switchboard.gateway.flight;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What of a request's parameters is worth keeping; null or empty where the client did not say, or
 * nothing but what holds anyway.
 */
public record RequestParameters(
    int choices,
    @Nullable Integer maxTokens,
    @Nullable Double temperature,
    @Nullable Double topP,
    @Nullable Integer topK,
    @Nullable Double presencePenalty,
    @Nullable Double frequencyPenalty,
    List<String> stop,
    @Nullable Long seed) {
  public static final RequestParameters NONE =
      new RequestParameters(1, null, null, null, null, null, null, List.of(), null);

  public RequestParameters {
    stop = List.copyOf(stop);
  }

  /** Rough bytes of what the client wrote. */
  long weight() {
    return stop.stream().mapToLong(each -> 48 + 2L * each.length()).sum();
  }
}
