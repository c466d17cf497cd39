package dev.switchboard.gateway.http;

import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.epoll.EpollTcpInfo;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;

/**
 * What the kernel knows of a socket and an event loop that is behind does not. On one event loop.
 */
final class KernelSocket {
  /** {@code TCP_ESTABLISHED}: the client has neither closed nor reset the connection. */
  private static final int ESTABLISHED = 1;

  private final EpollTcpInfo info = new EpollTcpInfo();

  /**
   * Of a client whose end of stream was not read yet: a gateway that is behind reads a request and,
   * right after, that its client has left; if a replica were asked each time, the gateway and the
   * replicas would stay behind.
   *
   * @return whether it has closed at least its own direction; once that is read Vert.x closes the
   *     other one too, so no answer would arrive. False where the socket is not epoll's
   */
  boolean left(HttpConnection connection) {
    if (((ConnectionBase) connection).channel() instanceof EpollSocketChannel socket) {
      socket.tcpInfo(info);
      return info.state() != ESTABLISHED;
    }
    return false;
  }

  /**
   * How long ago the kernel last got data of a connection, or completed it where it got none: of
   * what is read just now, how long it lay there. In milliseconds of the kernel's clock, which
   * ticks each 1 to 10 ms. 0 where the socket is not epoll's.
   */
  long unreadNanos(HttpConnection connection) {
    if (connection instanceof ConnectionBase base
        && base.channel() instanceof EpollSocketChannel socket) {
      socket.tcpInfo(info);
      return info.lastDataRecv() * 1_000_000L;
    }
    return 0;
  }
}
