package dev.switchboard.gateway.http;

import dev.switchboard.framing.StrictRequestDecoder;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.epoll.EpollTcpInfo;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.concurrent.Future;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.net.impl.ConnectionBase;
import java.util.concurrent.TimeUnit;

/**
 * Lets a client shut down its writing side behind its last request and still read the answer, as
 * {@code nc -N}, BusyBox's wget and tools that speak HTTP/1.0 do.
 *
 * <p>On the wire that is what a client sends that closes its socket, so it cannot be allowed to
 * everybody: whoever leaves would keep its place until its answer begins. It is allowed to who said
 * that this is its last request, by {@code Connection: close} or by HTTP/1.0, without TLS. One of
 * those that has left is noticed by the first bytes that are sent to it, or, where none are, once
 * its kernel has forgotten the socket (a minute on Linux) and says so to a keep-alive probe.
 *
 * <p>On the event loop of the connection.
 */
final class HalfClose extends ChannelInboundHandlerAdapter {
  private static final String NAME = "halfClose";
  private static final int LOOK_MS = 1000;
  private static final int PROBE_SECONDS = 10;

  /** {@code TCP_CLOSE}: the peer has reset the connection, or answers no probe. */
  private static final int CLOSED = 7;

  private final StrictRequestDecoder decoder;
  private final EpollTcpInfo info = new EpollTcpInfo();

  private HalfClose(StrictRequestDecoder decoder) {
    this.decoder = decoder;
  }

  /** Called with each request's head. */
  static void requestBegins(HttpServerRequest request) {
    if (isLast(request)
        && !request.isSSL()
        && ((ConnectionBase) request.connection()).channel() instanceof EpollSocketChannel socket
        && socket.pipeline().get(NAME) == null) {
      StrictRequestDecoder decoder = socket.pipeline().get(StrictRequestDecoder.class);
      if (decoder != null) {
        socket.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true);
        socket.pipeline().addFirst(NAME, new HalfClose(decoder));
      }
    }
  }

  private static boolean isLast(HttpServerRequest request) {
    boolean old = request.version() == HttpVersion.HTTP_1_0;
    return request.headers().contains("Connection", "close", true)
        || (old && !request.headers().contains("Connection", "keep-alive", true));
  }

  /** Whether a connection's client may have shut down its side and still want its answer. */
  static boolean isAllowed(HttpConnection connection) {
    return ((ConnectionBase) connection).channel().pipeline().get(NAME) != null;
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event != ChannelInputShutdownEvent.INSTANCE
        || !(context.channel() instanceof EpollSocketChannel socket)) {
      context.fireUserEventTriggered(event);
      return;
    }
    if (decoder.unread()) {
      // Its request has no end, so there is no answer.
      ChannelFuture _ = context.close();
      return;
    }
    watch(context, socket);
  }

  private void watch(ChannelHandlerContext context, EpollSocketChannel socket) {
    socket.config().setOption(ChannelOption.SO_KEEPALIVE, true);
    socket.config().setOption(EpollChannelOption.TCP_KEEPIDLE, PROBE_SECONDS);
    socket.config().setOption(EpollChannelOption.TCP_KEEPINTVL, PROBE_SECONDS);
    Future<?> looks =
        context
            .executor()
            .scheduleAtFixedRate(() -> look(socket), LOOK_MS, LOOK_MS, TimeUnit.MILLISECONDS);
    ChannelFuture _ = socket.closeFuture().addListener(closed -> looks.cancel(false));
  }

  private void look(EpollSocketChannel socket) {
    socket.tcpInfo(info);
    if (info.state() == CLOSED) {
      ChannelFuture _ = socket.close();
    }
  }
}
