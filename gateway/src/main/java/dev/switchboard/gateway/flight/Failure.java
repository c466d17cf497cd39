package dev.switchboard.gateway.flight;

import dev.switchboard.openai.ApiError;
import org.jspecify.annotations.Nullable;

/**
 * Why a request was not served.
 *
 * @param error what the client reads
 * @param retryAfterSeconds when to come again; 0 where nobody knows
 * @param timingJson where the time went, as the {@code switchboard} object beside the error
 * @param limit which limit fired; null where the error's code says it
 */
public record Failure(
    Outcome outcome,
    ApiError error,
    int retryAfterSeconds,
    @Nullable String timingJson,
    @Nullable String limit) {

  public static Failure of(ApiError error) {
    return new Failure(Outcome.ofStatus(error.status()), error, 0, null, null);
  }

  public Failure withRetryAfter(int seconds) {
    return new Failure(outcome, error, seconds, timingJson, limit);
  }

  public Failure withTiming(String json) {
    return new Failure(outcome, error, retryAfterSeconds, json, limit);
  }

  public Failure withLimit(String name) {
    return new Failure(outcome, error, retryAfterSeconds, timingJson, name);
  }

  /** The body: {@code {"error": …}}. */
  public String toJson() {
    return error.toJson(timingJson);
  }
}
