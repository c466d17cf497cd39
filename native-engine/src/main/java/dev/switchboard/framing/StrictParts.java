package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a strict decoder does with the parts that Netty's gave for some bytes: passes them on, or
 * lets the first that is not right fail and drops all that follows.
 */
final class StrictParts {
  /** What is wrong with a head beyond its lines; null when nothing is. */
  @FunctionalInterface
  interface HeadRule {
    @Nullable IllegalArgumentException complaint(HttpMessage head);
  }

  private final HeadRule rule;
  private final LineScan lines;
  private boolean refused;
  private boolean inMessage;
  private boolean chunked;

  /** A chunk has begun, and the line end behind it has not been read. */
  private boolean insideChunk;

  /** The last chunk has been read. */
  private boolean behindChunks;

  StrictParts(HeadRule rule, @Nullable RequestLine request) {
    this.rule = rule;
    this.lines = new LineScan(request);
  }

  /** Whether something was refused, so that nothing is read any more. */
  boolean refused() {
    return refused;
  }

  /** Whether something of a message is still to come, or what comes is not read any more. */
  boolean unread() {
    return refused || inMessage;
  }

  /**
   * Looks at the line with a chunk's size, if the buffer begins with one, before it is decoded.
   *
   * @return false when it is refused
   */
  boolean sizeIsValid(ByteBuf buffer, List<Object> out) {
    if (!chunked || insideChunk || behindChunks) {
      return true;
    }
    int begin = buffer.readerIndex();
    int end = buffer.indexOf(begin, buffer.writerIndex(), (byte) '\n');
    if (end < 0) {
      return true;
    }
    end -= end > begin && buffer.getByte(end - 1) == '\r' ? 1 : 0;
    if (ChunkSize.isValid(buffer, begin, end)) {
      behindChunks = ChunkSize.isZero(buffer, begin, end);
      return true;
    }
    out.add(new DefaultLastHttpContent());
    refuse(
        out,
        out.size() - 1,
        new RefusedHeadException(
            "A chunk's size must be hexadecimal digits, and only an extension may follow."));
    buffer.skipBytes(buffer.readableBytes());
    return false;
  }

  /**
   * Looks at what one call made of a buffer: lines, and at most one piece of a body. Before the
   * first piece of a chunk stands the line with its size, behind the last one may stand what ends
   * the chunk; wherever the network cut the bytes, a call may bring any part of these.
   *
   * @param begin where the buffer was read from
   * @param known how many parts there were before
   */
  void decoded(ByteBuf buffer, int begin, List<Object> out, int known) {
    int end = buffer.readerIndex();
    int content = contentBytes(out, known);
    int lineEnd = content == 0 ? end : contentBegins(buffer, begin, end - content);
    lines.scan(buffer, begin, lineEnd);
    for (int i = known; i < out.size(); i++) {
      if (!(out.get(i) instanceof HttpObject part)) {
        continue;
      }
      if (part.decoderResult().isFailure()) {
        refused = true;
        continue;
      }
      IllegalArgumentException complaint = complaint(part);
      if (complaint != null) {
        refuse(out, i, complaint);
        return;
      }
      passed(part);
    }
    lines.scan(buffer, lineEnd + content, end);
    int lineBegin = content == 0 ? begin : lineEnd + content;
    boolean lineEnded = end > lineBegin && buffer.getByte(end - 1) == '\n';
    if (content == 0 && !insideChunk) {
      // The line with a chunk's size, of which nothing more has come.
      insideChunk = chunked && out.size() == known && lineEnded && !behindChunks;
      return;
    }
    insideChunk = chunked && !lineEnded;
    if (chunked && lineEnded) {
      lines.begin();
    }
  }

  private int contentBegins(ByteBuf buffer, int begin, int most) {
    return !chunked || insideChunk ? begin : buffer.indexOf(begin, most, (byte) '\n') + 1;
  }

  private void passed(HttpObject part) {
    lines.forget();
    if (part instanceof HttpMessage head) {
      chunked = HttpUtil.isTransferEncodingChunked(head);
      insideChunk = false;
      behindChunks = false;
      inMessage = true;
    } else if (part instanceof LastHttpContent) {
      chunked = false;
      insideChunk = false;
      inMessage = false;
      lines.ended();
    }
  }

  private static int contentBytes(List<Object> out, int from) {
    int bytes = 0;
    for (int i = from; i < out.size(); i++) {
      bytes += out.get(i) instanceof HttpContent content ? content.content().readableBytes() : 0;
    }
    return bytes;
  }

  private @Nullable IllegalArgumentException complaint(HttpObject part) {
    String line = lines.complaint();
    if (line != null) {
      return new RefusedHeadException(line);
    }
    return part instanceof HttpMessage head ? rule.complaint(head) : null;
  }

  /** What was read so far of a body is dropped with it: nobody knows where it ends. */
  private void refuse(List<Object> out, int at, IllegalArgumentException why) {
    refused = true;
    HttpObject part = (HttpObject) out.get(at);
    HttpObject last = part instanceof HttpMessage ? part : new DefaultLastHttpContent();
    // A head goes on with the refusal; what follows it is dropped.
    int kept = part instanceof HttpMessage ? at + 1 : at;
    out.subList(kept, out.size()).forEach(ReferenceCountUtil::release);
    out.subList(at, out.size()).clear();
    last.setDecoderResult(DecoderResult.failure(why));
    out.add(last);
  }

  /** Whether a body's end can be told from a head's transfer codings. */
  static @Nullable IllegalArgumentException coding(HttpMessage head) {
    // Nearly no head has one, and a list of none would be made for each.
    if (!head.headers().contains(HttpHeaderNames.TRANSFER_ENCODING)) {
      return null;
    }
    if (head.protocolVersion().minorVersion() == 0) {
      return new RefusedHeadException("Transfer-Encoding is not part of HTTP/1.0.");
    }
    List<String> codings = head.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
    return codings.size() == 1 && codings.getFirst().equalsIgnoreCase("chunked")
        ? null
        : new RefusedHeadException("Transfer-Encoding must be chunked, and nothing else.");
  }
}
