package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Failure;
import io.vertx.core.Future;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;

/** Writes the gateway's own answers. */
final class Answers {
  /** By that name llm-d says why it did not serve a request. */
  private static final String DROPPED = "x-llm-d-request-dropped-reason";

  private Answers() {}

  /** Whether a request was in order and is not served all the same. */
  private static boolean dropped(int status) {
    return status == 429 || status == 503 || status == 504;
  }

  /** An error object. The connection is closed when the request's body was not read to its end. */
  static Future<Void> error(HttpServerRequest request, Failure failure) {
    HttpServerResponse response = request.response();
    if (response.ended() || response.closed() || response.headWritten()) {
      return Future.succeededFuture();
    }
    response
        .setStatusCode(failure.error().status())
        .putHeader("Content-Type", "application/json")
        .putHeader("X-Switchboard-Reason", reason(failure));
    if (dropped(failure.error().status())) {
      response.putHeader(DROPPED, reason(failure));
    }
    if (failure.retryAfterSeconds() > 0) {
      response.putHeader("Retry-After", Integer.toString(failure.retryAfterSeconds()));
    }
    return Connections.answer(request, failure.toJson());
  }

  static String reason(Failure failure) {
    if (failure.limit() != null) {
      return failure.limit();
    }
    String code = failure.error().code();
    return code != null ? code : failure.outcome().label();
  }

  static void json(HttpServerResponse response, String body) {
    response.putHeader("Content-Type", "application/json").end(body);
  }
}
