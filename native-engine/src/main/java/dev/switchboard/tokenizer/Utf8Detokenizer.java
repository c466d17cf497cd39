package dev.switchboard.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Decodes the bytes of tokens as they come, holding back an incomplete character. */
final class Utf8Detokenizer implements Tokenizer.Detokenizer {
  private static final int MAX_INCOMPLETE = 3;

  private final Tokenizer tokenizer;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private byte[] held = new byte[0];

  Utf8Detokenizer(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  @Override
  public String next(int token) {
    byte[] bytes = tokenizer.bytes(token);
    return bytes.length == 0 ? "" : decode(bytes, false);
  }

  @Override
  public String finish() {
    String rest = decode(new byte[0], true);
    decoder.reset();
    return rest;
  }

  private String decode(byte[] bytes, boolean end) {
    ByteBuffer in = ByteBuffer.allocate(held.length + bytes.length).put(held).put(bytes).flip();
    CharBuffer out = CharBuffer.allocate(in.remaining() + MAX_INCOMPLETE);
    decoder.decode(in, out, end);
    held = new byte[in.remaining()];
    in.get(held);
    return out.flip().toString();
  }
}
