package dev.switchboard.gateway.http;

import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.openai.ApiError;

/** What the gateway says when it cannot serve a valid request. */
final class Failures {
  private Failures() {}

  static Failure of(Admission.Shed shed) {
    String message = "Too many requests are in flight (" + shed.inFlight() + ").";
    return Failure.of(ApiError.overloaded(message)).withRetryAfter(shed.retryAfterSeconds());
  }

  static Failure of(Admission.Closing closing) {
    return Failure.of(ApiError.draining("This gateway is shutting down."))
        .withRetryAfter(closing.retryAfterSeconds());
  }

  /** The code is OpenAI's own: its clients do not come again at once. */
  static Failure of(Quotas.Exhausted spent) {
    return Failure.of(
            new ApiError(
                429,
                "insufficient_quota",
                "insufficient_quota",
                null,
                "The tenant has used its "
                    + spent.tokens()
                    + " tokens of this "
                    + spent.period()
                    + "."))
        .withRetryAfter(spent.retryAfterSeconds());
  }

  /** What all gateways together hold a tenant to. */
  static Failure rateLimited(int retryAfterSeconds) {
    return Failure.of(ApiError.rateLimited("The tenant's limit per minute is used up."))
        .withRetryAfter(retryAfterSeconds);
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

  static Failure broken(String reason) {
    return Failure.of(ApiError.upstreamFailed("The replica failed: " + reason + "."));
  }

  static Failure late(String what) {
    return Failure.of(ApiError.deadlineExceeded("Deadline exceeded: " + what + "."));
  }
}
