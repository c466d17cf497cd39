package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;
import java.util.concurrent.TimeUnit;

/**
 * Closes a connection so that a client can read its last answer though it has not sent its request
 * to the end: a kernel answers bytes that come after a close by a reset, which takes the answer
 * with it (RFC 9112, section 9.6). So only our direction is closed at first, and what comes is
 * dropped until the client closes its own, for so long and so much at most. Where all of the
 * request was read the close is a plain one.
 *
 * <p>It stands next to the socket, before TLS: what is dropped is not decrypted. On the event loop
 * of the connection.
 */
public final class LingeringClose extends ChannelDuplexHandler {
  private static final long MOST_BYTES = 128L << 20;
  private static final int SILENT_MS = 1000;
  private static final int MOST_MS = 5000;

  private final StrictRequestDecoder decoder;
  private boolean lingering;
  private long dropped;
  private long droppedBefore = -1;

  private LingeringClose(StrictRequestDecoder decoder) {
    this.decoder = decoder;
  }

  /** Has a connection close so whose decoder, and whose TLS, stand already. */
  public static void install(HttpConnection connection) {
    ChannelPipeline pipeline = ((ConnectionBase) connection).channel().pipeline();
    StrictRequestDecoder decoder = pipeline.get(StrictRequestDecoder.class);
    if (decoder != null) {
      pipeline.addFirst("lingeringClose", new LingeringClose(decoder));
    }
  }

  /**
   * Closes a connection at once. Its own close waits until all that was written has gone out, which
   * for a client that does not read is never. On the event loop.
   */
  public static void now(HttpConnection connection) {
    Channel channel = ((ConnectionBase) connection).channel();
    channel.unsafe().close(channel.voidPromise());
  }

  @Override
  public void close(ChannelHandlerContext context, ChannelPromise promise) {
    if (!lingering && !(decoder.unread() && context.channel().isActive())) {
      ChannelFuture _ = context.close(promise);
      return;
    }
    ChannelFuture _ = context.channel().closeFuture().addListener(done -> promise.trySuccess());
    if (!lingering) {
      lingering = true;
      linger(context);
    }
  }

  private void linger(ChannelHandlerContext context) {
    Future<?> end =
        context.executor().schedule((Runnable) () -> end(context), MOST_MS, TimeUnit.MILLISECONDS);
    Future<?> watch =
        context
            .executor()
            .scheduleAtFixedRate(() -> look(context), SILENT_MS, SILENT_MS, TimeUnit.MILLISECONDS);
    ChannelFuture _ =
        context
            .channel()
            .closeFuture()
            .addListener(
                done -> {
                  end.cancel(false);
                  watch.cancel(false);
                });
    // What waits to be written goes first.
    ChannelFuture _ =
        context
            .writeAndFlush(Unpooled.EMPTY_BUFFER)
            .addListener(written -> halfClose(context, written.isSuccess()));
  }

  private static void halfClose(ChannelHandlerContext context, boolean written) {
    if (!written || !(context.channel() instanceof DuplexChannel channel)) {
      end(context);
      return;
    }
    ChannelFuture _ =
        channel
            .shutdownOutput()
            .addListener(
                shut -> {
                  if (!shut.isSuccess()) {
                    end(context);
                  }
                });
    channel.config().setAutoRead(true);
  }

  private void look(ChannelHandlerContext context) {
    if (dropped == droppedBefore) {
      end(context);
    }
    droppedBefore = dropped;
  }

  private static void end(ChannelHandlerContext context) {
    ChannelFuture _ = context.close();
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (!lingering) {
      context.fireChannelRead(message);
      return;
    }
    dropped += message instanceof ByteBuf bytes ? bytes.readableBytes() : 0;
    ReferenceCountUtil.release(message);
    if (dropped > MOST_BYTES) {
      end(context);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (lingering) {
      end(context);
    } else {
      context.fireExceptionCaught(cause);
    }
  }
}
