package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Failure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;

/** Writes the gateway's own answers. */
final class Answers {
  private static final int LINGER_MS = 500;

  private Answers() {}

  /** An error object. The connection is closed when the request's body was not read to its end. */
  static Future<Void> error(Vertx vertx, HttpServerRequest request, Failure failure) {
    HttpServerResponse response = request.response();
    if (response.ended() || response.closed() || response.headWritten()) {
      return Future.succeededFuture();
    }
    response
        .setStatusCode(failure.outcome().status())
        .putHeader("Content-Type", "application/json")
        .putHeader("X-Switchboard-Reason", reason(failure));
    if (failure.retryAfterSeconds() > 0) {
      response.putHeader("Retry-After", Integer.toString(failure.retryAfterSeconds()));
    }
    boolean unread = !request.isEnded() && hasBody(request);
    if (unread) {
      response.putHeader("Connection", "close");
    }
    Future<Void> sent = response.end(failure.toJson());
    if (unread) {
      // Closing at once would reset the connection and take the answer with it.
      request.handler(discarded -> {});
      request.resume();
      sent.onComplete(done -> vertx.setTimer(LINGER_MS, id -> request.connection().close()));
    }
    return sent;
  }

  /** A head without either header has no body, though its end was not told yet. */
  private static boolean hasBody(HttpServerRequest request) {
    String length = request.getHeader("Content-Length");
    return request.getHeader("Transfer-Encoding") != null
        || (length != null && !length.equals("0"));
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
