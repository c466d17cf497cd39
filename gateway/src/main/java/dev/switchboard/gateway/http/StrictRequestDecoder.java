package dev.switchboard.gateway.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.LastHttpContent;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Netty's decoder without the two leniencies by which a request can be hidden from one of two
 * servers in a row: a transfer coding that is not exactly {@code chunked}, whose body Netty would
 * take for the next request, and a folded header line (RFC 9112, sections 6.1 and 5.2), which it
 * joins. What follows such a head is dropped unread.
 */
final class StrictRequestDecoder extends HttpRequestDecoder {
  /** The decoder's name in the pipeline that Vert.x builds. */
  private static final String NAME = "httpDecoder";

  private boolean inHead = true;
  private boolean atLineStart;
  private boolean folded;
  private boolean refused;

  /** Why a head is refused, in words for the client. */
  static final class RefusedHeadException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    RefusedHeadException(String message) {
      super(message);
    }
  }

  private StrictRequestDecoder(HttpConfig config) {
    super(
        new HttpDecoderConfig()
            .setMaxInitialLineLength(config.maxUriBytes())
            .setMaxHeaderSize(config.maxHeaderBytes()));
  }

  /** Takes the place of the decoder of a connection from which nothing was read yet. */
  static void install(HttpConnection connection, HttpConfig config) {
    ((ConnectionBase) connection)
        .channel()
        .pipeline()
        .replace(NAME, NAME, new StrictRequestDecoder(config));
  }

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf buffer, List<Object> out)
      throws Exception {
    if (refused) {
      buffer.skipBytes(buffer.readableBytes());
      return;
    }
    int begin = buffer.readerIndex();
    int known = out.size();
    boolean head = inHead;
    super.decode(context, buffer, out);
    if (head) {
      scan(buffer, begin, buffer.readerIndex());
    }
    for (int i = known; i < out.size() && !refused; i++) {
      if (out.get(i) instanceof HttpRequest request) {
        inHead = false;
        check(request, out, i);
      }
      if (out.get(i) instanceof LastHttpContent) {
        inHead = true;
        atLineStart = false;
      }
    }
  }

  /** A call takes no more than a head from the buffer, for the body is left to the next call. */
  private void scan(ByteBuf buffer, int from, int to) {
    for (int i = from; i < to; i++) {
      byte next = buffer.getByte(i);
      folded |= atLineStart && (next == ' ' || next == '\t');
      atLineStart = next == '\n';
    }
  }

  private void check(HttpRequest request, List<Object> out, int at) {
    String complaint = complaint(request);
    if (complaint != null && request.decoderResult().isSuccess()) {
      request.setDecoderResult(DecoderResult.failure(new RefusedHeadException(complaint)));
      out.subList(at + 1, out.size()).clear();
      refused = true;
    }
  }

  private @Nullable String complaint(HttpRequest request) {
    if (folded) {
      return "A header line must not be folded.";
    }
    List<String> codings = request.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
    boolean plain =
        codings.isEmpty()
            || (codings.size() == 1 && codings.getFirst().equalsIgnoreCase("chunked"));
    return plain ? null : "Transfer-Encoding must be chunked, and nothing else.";
  }
}
