package dev.switchboard.gateway.http;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.concurrent.ScheduledFuture;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Answers a client that has closed its own direction after its request, as {@code nc -N} does. By
 * itself Netty closes the whole connection with the client's end, so that only those get an answer
 * whose answer is made at once. Here it stays until what was asked for is answered, for a minute at
 * most.
 *
 * <p>A client that is gone ends its direction too. So this is for a listener whose answers cost
 * little; streams of events that do not end are closed with their client's end, as before. It
 * stands between the codec and the server, on connections in clear text. On the event loop of the
 * connection.
 */
public final class HalfClose extends ChannelDuplexHandler {
  private static final int MOST_SECONDS = 60;
  private static final String EVENTS = "text/event-stream";

  /** Requests that were read and are not answered to their end. */
  private int owed;

  private boolean streaming;
  private boolean ended;
  private @Nullable ScheduledFuture<?> limit;

  private HalfClose() {}

  /** Has a connection close so that was opened just now. */
  public static void install(HttpConnection connection) {
    ChannelPipeline pipeline = ((ConnectionBase) connection).channel().pipeline();
    pipeline.channel().config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true);
    pipeline.addBefore("handler", "halfClose", new HalfClose());
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest) {
      owed++;
    }
    context.fireChannelRead(message);
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (message instanceof HttpResponse head) {
      String type = head.headers().get(HttpHeaderNames.CONTENT_TYPE);
      streaming = type != null && type.startsWith(EVENTS);
    }
    boolean last = message instanceof LastHttpContent && !interim(message);
    if (!last) {
      ChannelFuture _ = context.write(message, promise);
      return;
    }
    owed--;
    ChannelFuture _ =
        context.write(message, promise.unvoid()).addListener(written -> closeIfOver(context));
  }

  /** It announces an answer, such as 100. */
  private static boolean interim(Object message) {
    return message instanceof HttpResponse head
        && head.status().code() < HttpResponseStatus.OK.code();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event instanceof ChannelInputShutdownReadComplete) {
      return;
    }
    if (!(event instanceof ChannelInputShutdownEvent)) {
      context.fireUserEventTriggered(event);
      return;
    }
    ended = true;
    if (streaming) {
      ChannelFuture _ = context.close();
      return;
    }
    limit =
        context
            .executor()
            .schedule((Runnable) () -> close(context), MOST_SECONDS, TimeUnit.SECONDS);
    closeIfOver(context);
  }

  private static void close(ChannelHandlerContext context) {
    ChannelFuture _ = context.close();
  }

  private void closeIfOver(ChannelHandlerContext context) {
    if (ended && owed <= 0) {
      close(context);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    if (limit != null) {
      limit.cancel(false);
    }
    context.fireChannelInactive();
  }
}
