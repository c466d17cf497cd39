package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.AsciiString;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Netty's decoder without the leniencies by which a request can be hidden from one of two servers
 * in a row: a transfer coding that is not exactly {@code chunked}, whose body Netty would take for
 * the next request, any at all in HTTP/1.0, a folded line, which it joins, and a line that ends in
 * anything but CR LF, be it of the head, of a chunk's size or of a trailer (RFC 9112, sections 6.1,
 * 5.2 and 2.2). The request line and the lines with chunks' sizes are held to their grammars. Nor
 * does it take a head without exactly one valid {@code Host}, a URL of another host, or two fields
 * of which there may be one, for these are other ways of saying two things to two readers. What
 * follows is dropped unread.
 */
public final class StrictRequestDecoder extends HttpRequestDecoder {
  /** The decoder's name in the pipeline that Vert.x builds. */
  private static final String NAME = "httpDecoder";

  /** A body is passed on in pieces of at most so much. */
  private static final int MAX_PIECE_BYTES = 64 << 10;

  /** Of two of them one reader would take the first and another one the last. */
  private static final List<AsciiString> SINGLE =
      List.of(HttpHeaderNames.AUTHORIZATION, HttpHeaderNames.CONTENT_TYPE, HttpHeaderNames.ORIGIN);

  private final Http2Refusal http2 = new Http2Refusal();
  private final StrictParts parts =
      new StrictParts(StrictRequestDecoder::complaint, new RequestLine());

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
    if (!http2.isRuledOut() && !http2.rulesOut(context, buffer)) {
      return;
    }
    if (!parts.sizeIsValid(buffer, out)) {
      return;
    }
    int begin = buffer.readerIndex();
    int known = out.size();
    super.decode(context, buffer, out);
    parts.decoded(buffer, begin, out, known);
  }

  /** Whether something of a request has not been read, or will not be. */
  public boolean unread() {
    return parts.unread() || http2.isRefused();
  }

  private static @Nullable IllegalArgumentException complaint(HttpMessage head) {
    HttpVersion version = head.protocolVersion();
    if (!version.equals(HttpVersion.HTTP_1_1) && !version.equals(HttpVersion.HTTP_1_0)) {
      // What the refusal is answered in.
      head.setProtocolVersion(HttpVersion.HTTP_1_1);
      return new RefusedVersionException();
    }
    IllegalArgumentException coding = StrictParts.coding(head);
    if (coding != null) {
      return coding;
    }
    if (!HostHeader.isValid(head)) {
      return new RefusedHostException();
    }
    for (AsciiString name : SINGLE) {
      if (head.headers().contains(name) && head.headers().getAll(name).size() > 1) {
        return new RefusedHeadException("There must be at most one " + name + " header.");
      }
    }
    return head instanceof HttpRequest request && !RequestTarget.isValid(request)
        ? new RefusedHeadException("The target must be a path, or a URL of the same host as Host.")
        : null;
  }
}
