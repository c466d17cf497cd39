package dev.switchboard.gateway.http;

import io.vertx.core.Future;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;

/** What keeps clients that read nothing from holding anything for long. */
public final class Connections {
  /**
   * With the kernel's default a client that reads nothing is noticed only after megabytes, for its
   * socket buffer grows; a small one makes the stall visible and cheap.
   */
  public static final int SEND_BUFFER_BYTES = 32 << 10;

  private Connections() {}

  /**
   * Answers with this body. Where the request's own was not read to its end, the connection ends
   * with the answer.
   */
  public static Future<Void> answer(HttpServerRequest request, String body) {
    HttpServerResponse response = request.response();
    if (request.isEnded() || !hasBody(request)) {
      return response.end(body);
    }
    response.putHeader("Connection", "close");
    Future<Void> sent = response.end(body);
    request.handler(dropped -> {});
    request.resume();
    return sent.onComplete(done -> request.connection().close());
  }

  /** A head without either header has no body, though its end was not told yet. */
  private static boolean hasBody(HttpServerRequest request) {
    String length = request.getHeader("Content-Length");
    return request.getHeader("Transfer-Encoding") != null
        || (length != null && !length.equals("0"));
  }
}
