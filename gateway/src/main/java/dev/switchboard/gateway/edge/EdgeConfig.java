package dev.switchboard.gateway.edge;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A name whose first model is in a region, and the model here that stands in for it.
 *
 * @param name what clients ask for: a model, or a name of the routes
 * @param local a model that is served here
 * @param lateMs from acceptance to a stream's first token, after which the local model is asked too
 * @param answerLateMs the same to an answer that is no stream
 * @param failures of the last {@code window} requests that were late or failed, after which the
 *     local model serves
 * @param window requests that are looked at together
 * @param probeMs between two requests that try the region while the local model serves
 * @param returnSeconds that such requests must be in time before the region serves again; doubled
 *     each time that it does not last
 * @param tokensPerHour that the region may serve, read and generated; 0 for any number
 */
public record EdgeConfig(
    String name,
    String local,
    @Nullable Integer lateMs,
    @Nullable Integer answerLateMs,
    @Nullable Integer failures,
    @Nullable Integer window,
    @Nullable Integer probeMs,
    @Nullable Integer returnSeconds,
    @Nullable Long tokensPerHour) {
  private static final long MOST_TOKENS = 1_000_000_000_000L;
  private static final int LATE_MS = 1000;
  private static final int ANSWER_LATE_MS = 10_000;
  private static final int WINDOW = 10;
  private static final int FAILURES = 3;
  private static final int PROBE_MS = 1000;
  private static final int RETURN_SECONDS = 10;

  public EdgeConfig {
    Objects.requireNonNull(name, "name is missing");
    Objects.requireNonNull(local, "local is missing");
    range("late-ms", or(lateMs, LATE_MS), 1, 600_000);
    range("answer-late-ms", or(answerLateMs, ANSWER_LATE_MS), 1, 3_600_000);
    range("window", or(window, WINDOW), 1, 1000);
    range("failures", or(failures, FAILURES), 1, or(window, WINDOW));
    range("probe-ms", or(probeMs, PROBE_MS), 10, 600_000);
    range("return-seconds", or(returnSeconds, RETURN_SECONDS), 1, 3600);
    range("tokens-per-hour", tokensPerHour == null ? 0 : tokensPerHour, 0, MOST_TOKENS);
    if (name.equals(local)) {
      throw new IllegalArgumentException("local is the model itself: " + name);
    }
  }

  /** When the local model is asked too, after acceptance. */
  public int lateAfterMs(boolean stream) {
    return stream ? or(lateMs, LATE_MS) : or(answerLateMs, ANSWER_LATE_MS);
  }

  int mostFailures() {
    return or(failures, FAILURES);
  }

  int windowRequests() {
    return or(window, WINDOW);
  }

  int betweenTriesMs() {
    return or(probeMs, PROBE_MS);
  }

  long wellForMs() {
    return 1000L * or(returnSeconds, RETURN_SECONDS);
  }

  /** 0 for any number. */
  long mostTokens() {
    return tokensPerHour == null ? 0 : tokensPerHour;
  }

  private static int or(@Nullable Integer value, int otherwise) {
    return value == null ? otherwise : value;
  }

  private static void range(String key, long value, long low, long high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(
          key + " must be " + low + " to " + high + ", not " + value);
    }
  }
}
