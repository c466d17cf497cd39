package dev.switchboard.gateway.http;

import io.netty.channel.Channel;
import io.vertx.core.Future;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.net.impl.ConnectionBase;

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

  /**
   * Closes one at once and drops what waits to be sent. Vert.x's close, be it called there or at
   * the channel, waits until the client has taken that: one that never reads would keep its place,
   * and what is held for it, for as long as it likes. On the event loop of the connection.
   */
  public static void cut(HttpConnection connection) {
    Channel channel = ((ConnectionBase) connection).channel();
    channel.unsafe().close(channel.voidPromise());
  }
}
