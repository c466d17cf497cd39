package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Netty's decoder without the leniencies by which a request can be hidden from one of two servers
 * in a row: a transfer coding that is not exactly {@code chunked}, whose body Netty would take for
 * the next request, any at all in HTTP/1.0, a folded line, which it joins, and a line that ends in
 * anything but CR LF, be it of the head, of a chunk's size or of a trailer (RFC 9112, sections 6.1,
 * 5.2 and 2.2). Nor does it take a head without exactly one valid {@code Host}, for that is another
 * way of saying two things to two readers. What follows is dropped unread.
 */
public final class StrictRequestDecoder extends HttpRequestDecoder {
  /** The decoder's name in the pipeline that Vert.x builds. */
  private static final String NAME = "httpDecoder";

  /** A body is passed on in pieces of at most so much. */
  private static final int MAX_PIECE_BYTES = 64 << 10;

  private final StrictParts parts = new StrictParts(StrictRequestDecoder::complaint);

  private StrictRequestDecoder(int maxUriBytes, int maxHeaderBytes) {
    super(
        new HttpDecoderConfig()
            .setMaxInitialLineLength(maxUriBytes)
            .setMaxHeaderSize(maxHeaderBytes)
            .setMaxChunkSize(MAX_PIECE_BYTES)
            .setStrictLineParsing(true)
            .setAllowDuplicateContentLengths(false));
  }

  /** Takes the place of the decoder of a connection from which nothing was read yet. */
  public static void install(HttpConnection connection, int maxUriBytes, int maxHeaderBytes) {
    ((ConnectionBase) connection)
        .channel()
        .pipeline()
        .replace(NAME, NAME, new StrictRequestDecoder(maxUriBytes, maxHeaderBytes));
  }

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf buffer, List<Object> out)
      throws Exception {
    if (parts.refused()) {
      buffer.skipBytes(buffer.readableBytes());
      return;
    }
    int begin = buffer.readerIndex();
    int known = out.size();
    super.decode(context, buffer, out);
    parts.decoded(buffer, begin, out, known);
  }

  private static @Nullable IllegalArgumentException complaint(HttpMessage head) {
    IllegalArgumentException coding =
        StrictParts.coding(head, head.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING));
    if (coding != null) {
      return coding;
    }
    return HostHeader.isValid(head) ? null : new RefusedHostException();
  }
}
