package dev.switchboard.gateway.http;

import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.epoll.EpollTcpInfo;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;

/**
 * What the kernel knows of a client whose end of stream was not read yet. A gateway that is behind
 * reads a request and, right after, that its client has left; if a replica were asked each time,
 * the gateway and the replicas would stay behind. On one event loop.
 */
final class ClientSocket {
  /** {@code TCP_ESTABLISHED}: the client has neither closed nor reset the connection. */
  private static final int ESTABLISHED = 1;

  private final EpollTcpInfo info = new EpollTcpInfo();

  /**
   * Whether the client has closed at least its own direction; once that is read Vert.x closes the
   * other one too, so no answer would arrive. False where the socket is not epoll's.
   */
  boolean left(HttpConnection connection) {
    if (((ConnectionBase) connection).channel() instanceof EpollSocketChannel socket) {
      socket.tcpInfo(info);
      return info.state() != ESTABLISHED;
    }
    return false;
  }
}
