package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import java.nio.charset.StandardCharsets;

/**
 * Tells a client that begins with HTTP/2 (RFC 9113, section 3.4) that HTTP/1.1 is required, in
 * frames that it can read: an answer in HTTP/1.1 is a broken frame to it. For the first bytes of
 * one connection.
 */
final class Http2Refusal {
  private static final byte[] PREFACE =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

  private static final byte[] WHY =
      "This listener speaks HTTP/1.1.".getBytes(StandardCharsets.US_ASCII);
  private static final int FRAME_SETTINGS = 4;
  private static final int FRAME_GOAWAY = 7;
  private static final int HTTP_1_1_REQUIRED = 13;

  private boolean ruledOut;
  private boolean refused;

  boolean isRuledOut() {
    return ruledOut;
  }

  /** Whether the connection began with HTTP/2, and ends. */
  boolean isRefused() {
    return refused;
  }

  /**
   * Looks at the first bytes: false while they may be the preface, and from then on if they are.
   */
  boolean rulesOut(ChannelHandlerContext context, ByteBuf buffer) {
    if (refused) {
      buffer.skipBytes(buffer.readableBytes());
      return false;
    }
    int known = Math.min(buffer.readableBytes(), PREFACE.length);
    for (int i = 0; i < known; i++) {
      if (buffer.getByte(buffer.readerIndex() + i) != PREFACE[i]) {
        ruledOut = true;
        return true;
      }
    }
    if (known == PREFACE.length) {
      refused = true;
      buffer.skipBytes(buffer.readableBytes());
      ChannelFuture _ = context.writeAndFlush(answer()).addListener(ChannelFutureListener.CLOSE);
    }
    return false;
  }

  /** The server's preface, which is an empty SETTINGS frame, then GOAWAY. */
  private static ByteBuf answer() {
    ByteBuf bytes = Unpooled.buffer();
    head(bytes, 0, FRAME_SETTINGS);
    head(bytes, 2 * Integer.BYTES + WHY.length, FRAME_GOAWAY);
    return bytes.writeInt(0).writeInt(HTTP_1_1_REQUIRED).writeBytes(WHY);
  }

  /** Length, type, no flags, and the connection itself as stream. */
  private static void head(ByteBuf bytes, int length, int type) {
    bytes.writeMedium(length).writeByte(type).writeByte(0).writeInt(0);
  }
}
