package dev.switchboard.gateway.http;

import io.netty.channel.Channel;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;

/** Ends of connections that Vert.x's own close does not bring. */
public final class Connections {
  private Connections() {}

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
