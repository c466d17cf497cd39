package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.channel.CombinedChannelDuplexHandler;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestEncoder;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseDecoder;
import io.netty.handler.codec.http.LastHttpContent;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The same strictness towards servers: an answer whose end two readers could see in different
 * places would leave its rest to the next request on the connection. So a length beside a coding,
 * which Netty resolves, fails here, as does an upgrade that nobody asked for. An answer with more
 * bytes behind it fails too, for those would be there before the next request; bytes that come
 * later, while none is awaited, close the connection. For clients that send one request at a time,
 * and neither HEAD nor CONNECT.
 */
public final class StrictResponseDecoder extends HttpResponseDecoder {
  /** The codec's name in the pipeline that Vert.x builds. */
  private static final String NAME = "codec";

  private static final int MAX_LINE_BYTES = 4096;
  private static final int MAX_HEADER_BYTES = 16 << 10;
  private static final int MAX_PIECE_BYTES = 64 << 10;
  private static final int SWITCHING_PROTOCOLS = 101;
  private static final int LEAST_STATUS = 100;
  private static final int OK = 200;
  private static final int MOST_STATUS = 599;

  private final StrictParts parts = new StrictParts(this::complaint, null);
  private boolean lengthBesideCoding;
  private boolean awaited;
  private boolean interim;

  private StrictResponseDecoder() {
    super(
        new HttpDecoderConfig()
            .setMaxInitialLineLength(MAX_LINE_BYTES)
            .setMaxHeaderSize(MAX_HEADER_BYTES)
            .setMaxChunkSize(MAX_PIECE_BYTES)
            .setStrictLineParsing(true)
            .setAllowDuplicateContentLengths(false));
  }

  /** Takes the place of the codec of a connection on which nothing was sent yet. */
  public static void install(HttpConnection connection) {
    ChannelPipeline pipeline = ((ConnectionBase) connection).channel().pipeline();
    StrictResponseDecoder decoder = new StrictResponseDecoder();
    pipeline.replace(
        NAME, NAME, new CombinedChannelDuplexHandler<>(decoder, decoder.new Encoder()));
  }

  /** Knows when an answer is awaited. */
  private final class Encoder extends HttpRequestEncoder {
    @Override
    public void write(ChannelHandlerContext context, Object part, ChannelPromise written)
        throws Exception {
      awaited |= part instanceof HttpRequest;
      super.write(context, part, written);
    }
  }

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf buffer, List<Object> out)
      throws Exception {
    if (parts.refused()) {
      buffer.skipBytes(buffer.readableBytes());
      return;
    }
    if (!awaited && buffer.isReadable()) {
      buffer.skipBytes(buffer.readableBytes());
      ChannelFuture _ = context.close();
      return;
    }
    if (!parts.sizeIsValid(buffer, out)) {
      return;
    }
    int begin = buffer.readerIndex();
    int known = out.size();
    super.decode(context, buffer, out);
    parts.decoded(buffer, begin, out, known);
    if (!out.isEmpty() && out.getLast() instanceof LastHttpContent end) {
      ended(buffer, out, end);
    }
  }

  private void ended(ByteBuf buffer, List<Object> out, LastHttpContent end) {
    if (interim) {
      return;
    }
    awaited = false;
    if (buffer.isReadable() && end.decoderResult().isSuccess()) {
      buffer.skipBytes(buffer.readableBytes());
      LastHttpContent failed = new DefaultLastHttpContent(end.content());
      failed.setDecoderResult(
          DecoderResult.failure(new RefusedHeadException("There is more than one answer.")));
      out.set(out.size() - 1, failed);
    }
  }

  @Override
  protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
    lengthBesideCoding = true;
  }

  private @Nullable IllegalArgumentException complaint(HttpMessage head) {
    if (lengthBesideCoding) {
      return new RefusedHeadException("A length stands beside a transfer coding.");
    }
    int status = ((HttpResponse) head).status().code();
    interim = status < OK;
    if (status < LEAST_STATUS || status > MOST_STATUS || status == SWITCHING_PROTOCOLS) {
      return new RefusedHeadException("The status is none that was asked for.");
    }
    if (head.protocolVersion().majorVersion() != 1) {
      return new RefusedHeadException("The answer is not HTTP/1.1.");
    }
    return StrictParts.coding(head);
  }
}
