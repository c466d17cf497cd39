package dev.switchboard.gateway.http;

import dev.switchboard.gateway.admission.Refusal;
import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.openai.ApiError;

/** What the gateway says when it cannot serve a valid request. */
final class Failures {
  private Failures() {}

  /**
   * @param timeJson where the time went so far, as a JSON object
   */
  static Failure of(Refusal refusal, String timeJson) {
    return Failure.of(error(refusal))
        .withRetryAfter(refusal.retryAfterSeconds())
        .withTiming(told(refusal, timeJson))
        .withLimit(refusal.reason().label());
  }

  private static ApiError error(Refusal refusal) {
    String message = message(refusal);
    if (refusal.reason() == Refusal.Reason.CLOSING) {
      return ApiError.draining(message);
    }
    if (refusal.reason().deadline()) {
      return ApiError.deadlineExceeded(message);
    }
    if (refusal.reason().noReplica()) {
      return new ApiError(503, "server_error", "no_replica_ready", null, message);
    }
    return refusal.reason().tenant() ? ApiError.rateLimited(message) : ApiError.overloaded(message);
  }

  private static String message(Refusal refusal) {
    return switch (refusal.reason()) {
      case IN_FLIGHT -> "Too many requests are in flight.";
      case BODY_MEMORY -> "The bodies of other requests leave no room for this one's.";
      case QUEUE_FULL -> "The queue is full.";
      case EVICTED -> "Other requests came first, and the queue is full.";
      case QUEUE_TIMEOUT -> "No place became free in time.";
      case TTFT -> "The first token would come after its target" + waits(refusal);
      case DEADLINE -> "The deadline cannot be met" + waits(refusal);
      case EXPIRED -> "Deadline exceeded: it passed in the queue.";
      case TENANT_REQUESTS -> "The tenant's requests per minute are used up.";
      case TENANT_TOKENS -> "The tenant's tokens per minute are used up.";
      case TENANT_CONCURRENCY -> "The tenant has as many requests in flight as it may.";
      case REPLICA_WAIT_FULL ->
          "No replica runs, one is asked for, and as many requests wait for it as may.";
      case REPLICA_WAIT -> "No replica was ready in time; one is asked for.";
      case CLOSING -> "This gateway is shutting down.";
    };
  }

  private static String waits(Refusal refusal) {
    StringBuilder text = new StringBuilder();
    if (refusal.waitP50Ms() >= 0) {
      text.append(": the predicted wait is ").append(refusal.waitP50Ms()).append(" ms");
    }
    if (refusal.ttftMs() >= 0) {
      text.append(text.isEmpty() ? ": " : ", then ")
          .append("the first token takes ")
          .append(refusal.ttftMs())
          .append(" ms");
    }
    return text.append('.').toString();
  }

  private static String told(Refusal refusal, String timeJson) {
    StringBuilder json = new StringBuilder("{\"reason\":\"");
    json.append(refusal.reason().label()).append('"');
    if (refusal.position() > 0) {
      json.append(",\"queue_position\":").append(refusal.position());
    }
    if (refusal.waitP50Ms() >= 0) {
      json.append(",\"predicted_wait_ms\":{\"p50\":")
          .append(refusal.waitP50Ms())
          .append(",\"p90\":")
          .append(refusal.waitP90Ms())
          .append('}');
    }
    if (refusal.ttftMs() >= 0) {
      json.append(",\"predicted_ttft_ms\":").append(refusal.ttftMs());
    }
    if (refusal.endMs() >= 0) {
      json.append(",\"predicted_end_ms\":").append(refusal.endMs());
    }
    if (refusal.leftMs() >= 0) {
      json.append(",\"left_ms\":").append(refusal.leftMs());
    }
    if (refusal.retryAfterSeconds() > 0) {
      json.append(",\"retry_after_s\":").append(refusal.retryAfterSeconds());
    }
    return json.append(",\"time_ms\":").append(timeJson).append('}').toString();
  }

  /**
   * The code is OpenAI's own: its clients do not come again at once.
   *
   * @param timeJson where the time went so far, as a JSON object
   */
  static Failure of(Quotas.Exhausted spent, String timeJson) {
    return Failure.of(
            new ApiError(429, "insufficient_quota", "insufficient_quota", null, message(spent)))
        .withRetryAfter(spent.retryAfterSeconds())
        .withTiming(told(spent, timeJson));
  }

  private static String message(Quotas.Exhausted spent) {
    if (spent.wantedTokens() == 0) {
      return spent.heldTokens() == 0
          ? "The tenant has used its " + spent.tokens() + " tokens of this " + spent.period() + "."
          : "The tenant's "
              + spent.tokens()
              + " tokens of this "
              + spent.period()
              + " are used, or held for its requests in flight.";
    }
    return "The tenant has "
        + Math.max(0, spent.tokens() - spent.usedTokens() - spent.heldTokens())
        + " of its "
        + spent.tokens()
        + " tokens of this "
        + spent.period()
        + " left, beside "
        + spent.heldTokens()
        + " that requests in flight may take; this one may take "
        + spent.wantedTokens()
        + " (its prompt and max_tokens of each choice).";
  }

  private static String told(Quotas.Exhausted spent, String timeJson) {
    String wanted =
        spent.wantedTokens() == 0
            ? ""
            : ",\"held_tokens\":"
                + spent.heldTokens()
                + ",\"wanted_tokens\":"
                + spent.wantedTokens();
    return "{\"reason\":\"insufficient_quota\",\"quota\":{\"period\":\""
        + spent.period()
        + "\",\"used_tokens\":"
        + spent.usedTokens()
        + ",\"allowed_tokens\":"
        + spent.tokens()
        + wanted
        + ",\"resets_in_s\":"
        + spent.resetSeconds()
        + "},\"retry_after_s\":"
        + spent.retryAfterSeconds()
        + ",\"time_ms\":"
        + timeJson
        + '}';
  }

  /**
   * @param retryAfterSeconds 0 where nobody knows
   */
  static Failure noReplica(String model, int retryAfterSeconds) {
    return Failure.of(ApiError.unavailable("No replica of " + model + " is ready right now."))
        .withRetryAfter(retryAfterSeconds);
  }

  /** Replicas are there, and each has as many requests as it takes. */
  static Failure full(String model, int retryAfterSeconds) {
    return Failure.of(
            ApiError.overloaded("Every replica of " + model + " has as many requests as it takes."))
        .withRetryAfter(retryAfterSeconds);
  }

  /** More requests than connections to the replica: load, not its fault. */
  static Failure noConnection(int retryAfterSeconds) {
    return Failure.of(
            new ApiError(
                503,
                "server_error",
                "no_connection_free",
                null,
                "No connection to a replica became free in time."))
        .withRetryAfter(retryAfterSeconds);
  }

  /**
   * Its workers died, or those of an equal request did.
   *
   * @param seconds until an equal one is tried again
   */
  static Failure engineFailed(int seconds) {
    return Failure.of(
            new ApiError(
                502,
                "server_error",
                "engine_failed",
                null,
                "Two workers ended while they had this request. An equal one is not tried for "
                    + seconds
                    + " s."))
        .withRetryAfter(seconds);
  }

  /**
   * Workers died of requests of its client.
   *
   * @param seconds until one is tried again
   */
  static Failure clientHeld(int seconds) {
    return Failure.of(
            new ApiError(
                429,
                "rate_limit_error",
                "client_held",
                null,
                "Workers ended while they had requests of this client only. None of this client is"
                    + " tried for "
                    + seconds
                    + " s."))
        .withRetryAfter(seconds);
  }

  /** Its replica broke, or the gateway, which is nothing that a replica did. */
  static Failure broken(EventRelay.Break how) {
    return Failure.of(
        how.own()
            ? ApiError.internal("The answer could not be passed on.")
            : ApiError.upstreamFailed("The replica failed: " + how.reason() + "."));
  }

  /** What runs, or waits, when the time for that is over. */
  static Failure stopping() {
    return Failure.of(ApiError.draining("The gateway stopped before the answer had ended."));
  }

  /**
   * An operator ended it. Clients of OpenAI do not send what was answered 410 again.
   *
   * @param timeJson where the time went so far, as a JSON object
   */
  static Failure cancelled(String timeJson) {
    ApiError error =
        new ApiError(
            410,
            "invalid_request_error",
            "cancelled",
            null,
            "An operator of this gateway cancelled the request.");
    return new Failure(Outcome.CANCELLED, error, 0, timeJson, null);
  }

  static Failure late(String what) {
    return Failure.of(ApiError.deadlineExceeded("Deadline exceeded: " + what + "."));
  }
}
