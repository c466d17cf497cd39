package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.ReferenceCountUtil;
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

  private final LineScan lines = new LineScan();
  private boolean refused;

  /** Why a head is refused, in words for the client. */
  public static final class RefusedHeadException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    RefusedHeadException(String message) {
      super(message);
    }
  }

  /** There is not exactly one valid {@code Host}. */
  public static final class RefusedHostException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    RefusedHostException() {
      super("A request must have exactly one valid Host header.");
    }
  }

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
    if (refused) {
      buffer.skipBytes(buffer.readableBytes());
      return;
    }
    int begin = buffer.readerIndex();
    int known = out.size();
    super.decode(context, buffer, out);
    // A call takes one line or more from the buffer, and after them at most one piece of a body.
    lines.scan(buffer, begin, buffer.readerIndex() - contentBytes(out, known));
    check(out, known);
  }

  private static int contentBytes(List<Object> out, int from) {
    int bytes = 0;
    for (int i = from; i < out.size(); i++) {
      bytes += out.get(i) instanceof HttpContent content ? content.content().readableBytes() : 0;
    }
    return bytes;
  }

  private void check(List<Object> out, int from) {
    for (int i = from; i < out.size(); i++) {
      if (!(out.get(i) instanceof HttpObject part) || part.decoderResult().isFailure()) {
        continue;
      }
      String complaint = part instanceof HttpRequest head ? complaint(head) : lines.complaint();
      if (complaint != null) {
        refuse(out, i, new RefusedHeadException(complaint));
        return;
      }
      if (part instanceof HttpRequest head && !HostHeader.isValid(head)) {
        refuse(out, i, new RefusedHostException());
        return;
      }
      lines.forget();
    }
  }

  /** What was read so far of a body is dropped with it: nobody knows where it ends. */
  private void refuse(List<Object> out, int at, IllegalArgumentException why) {
    refused = true;
    for (int i = at; i < out.size(); i++) {
      ReferenceCountUtil.release(i == at && out.get(i) instanceof HttpRequest ? null : out.get(i));
    }
    HttpObject part = (HttpObject) out.get(at);
    out.subList(at, out.size()).clear();
    HttpObject last = part instanceof HttpRequest ? part : new DefaultLastHttpContent();
    last.setDecoderResult(DecoderResult.failure(why));
    out.add(last);
  }

  private @Nullable String complaint(HttpRequest request) {
    String found = lines.complaint();
    if (found != null) {
      return found;
    }
    List<String> codings = request.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
    if (!codings.isEmpty() && request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) < 0) {
      return "Transfer-Encoding is not part of HTTP/1.0.";
    }
    boolean plain =
        codings.isEmpty()
            || (codings.size() == 1 && codings.getFirst().equalsIgnoreCase("chunked"));
    return plain ? null : "Transfer-Encoding must be chunked, and nothing else.";
  }
}
