package dev.switchboard.framing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpResponseDecoder;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Wherever the network cuts the bytes of an answer, it is read as the same one. */
class StrictPartsTest {
  private static final String HEAD =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

  /** Pieces whose first bytes look like line ends, colons and spaces. */
  private static final String[] CHUNKS = {
    "data: a\n\n",
    "\n",
    "\r\n",
    "\n\n:tokens 0/0:1\n\n",
    " x :y\n",
    "\r",
    "a\r",
    "0",
    "data: [DONE]\n\n"
  };

  private static final class Decoder extends HttpResponseDecoder {
    private final StrictParts parts = new StrictParts(head -> null, null);

    Decoder() {
      super(new HttpDecoderConfig().setStrictLineParsing(true));
    }

    @Override
    protected void decode(ChannelHandlerContext context, ByteBuf buffer, List<Object> out)
        throws Exception {
      if (parts.refused() || !parts.sizeIsValid(buffer, out)) {
        buffer.skipBytes(buffer.readableBytes());
        return;
      }
      int begin = buffer.readerIndex();
      int known = out.size();
      super.decode(context, buffer, out);
      parts.decoded(buffer, begin, out, known);
    }
  }

  private final StringBuilder read = new StringBuilder();
  private final EmbeddedChannel channel = new EmbeddedChannel(new Decoder());

  private void feed(String bytes) {
    channel.writeInbound(Unpooled.copiedBuffer(bytes, StandardCharsets.US_ASCII));
    for (Object part = channel.readInbound(); part != null; part = channel.readInbound()) {
      if (((HttpObject) part).decoderResult().isFailure()) {
        read.append("FAILED ").append(((HttpObject) part).decoderResult().cause().getMessage());
      }
      if (part instanceof HttpContent content) {
        read.append(content.content().toString(StandardCharsets.US_ASCII));
        content.release();
      }
      read.append(part instanceof LastHttpContent ? "|" : "");
    }
  }

  private static String answer(String[] chunks) {
    StringBuilder bytes = new StringBuilder(HEAD);
    for (String chunk : chunks) {
      bytes.append(Integer.toHexString(chunk.length())).append(";a=\"b :c\"\r\n");
      bytes.append(chunk).append("\r\n");
    }
    return bytes + "0\r\nT: v\r\n\r\n";
  }

  @Test
  void aChunkMayBeCutAnywhere() {
    String answer = answer(CHUNKS);
    StringBuilder expected = new StringBuilder();
    for (int cut = 1; cut < answer.length(); cut++) {
      feed(answer.substring(0, cut));
      feed(answer.substring(cut));
      expected.append(String.join("", CHUNKS)).append('|');
    }

    assertEquals(expected.toString(), read.toString());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 7, 11})
  void andIntoAsManyPiecesAsThereAreBytes(int most) {
    Random random = new Random(most);
    String answers = answer(CHUNKS) + answer(CHUNKS);
    for (int at = 0; at < answers.length(); ) {
      int next = Math.min(answers.length(), at + 1 + random.nextInt(most));
      feed(answers.substring(at, next));
      at = next;
    }

    assertEquals((String.join("", CHUNKS) + "|").repeat(2), read.toString());
  }

  @Test
  void aFoldedLineBehindABodyFailsWhereverItIsCut() {
    String body = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    String folded = "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n";
    for (int cut = 1; cut < folded.length(); cut++) {
      EmbeddedChannel own = new EmbeddedChannel(new Decoder());
      for (String piece : List.of(body, folded.substring(0, cut), folded.substring(cut))) {
        own.writeInbound(Unpooled.copiedBuffer(piece, StandardCharsets.US_ASCII));
      }
      boolean failed = false;
      for (Object part = own.readInbound(); part != null; part = own.readInbound()) {
        failed |= ((HttpObject) part).decoderResult().isFailure();
      }
      assertTrue(failed, "cut at " + cut);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "7\n",
        "7\r\r\n",
        "7;a\nb\r\n",
        "7 \r\n",
        "7\t\r\n",
        "7\u0000\r\n",
        "7\u000b\r\n",
        " 7\r\n",
        "7;\r\n",
        "7;a=\r\n",
        "7;a=\"b\r\n",
        "7;a b\r\n"
      })
  void aSizeLineThatIsNotOfItsGrammarFailsWhereverItIsCut(String size) {
    String answer = HEAD + size + "{\"a\":1}\r\n0\r\n\r\n";
    for (int cut = HEAD.length(); cut < answer.length(); cut++) {
      EmbeddedChannel own = new EmbeddedChannel(new Decoder());
      boolean failed = false;
      for (String piece : List.of(answer.substring(0, cut), answer.substring(cut))) {
        own.writeInbound(Unpooled.copiedBuffer(piece, StandardCharsets.US_ASCII));
      }
      for (Object part = own.readInbound(); part != null; part = own.readInbound()) {
        failed |= ((HttpObject) part).decoderResult().isFailure();
      }
      assertTrue(failed, "cut at " + cut);
    }
  }
}
