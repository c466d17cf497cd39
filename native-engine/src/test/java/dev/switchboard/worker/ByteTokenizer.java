package dev.switchboard.worker;

import dev.switchboard.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** One token per byte, so that every longer character spans tokens; then control tokens. */
final class ByteTokenizer implements Tokenizer {
  static final int BOS = 256;
  static final int END = 257;
  static final int SIZE = 258;

  private final boolean addBos;
  private final List<String> controls;

  /**
   * @param more control tokens behind the two that there always are
   */
  ByteTokenizer(boolean addBos, String... more) {
    this.addBos = addBos;
    controls = List.of(more);
  }

  @Override
  public int size() {
    return SIZE + controls.size();
  }

  @Override
  public int[] encode(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return IntStream.range(0, bytes.length).map(i -> bytes[i] & 0xff).toArray();
  }

  /** Knows {@code <bos>} and {@code <end>} where all of the text is the template's. */
  @Override
  public int[] encodeTemplate(String text, int[] userSpans) {
    if (userSpans.length > 0) {
      return encode(text);
    }
    return Arrays.stream(text.split("(?=<bos>|<end>)|(?<=<bos>|<end>)"))
        .flatMapToInt(
            part -> IntStream.of(tokenId(part) < 0 ? encode(part) : new int[] {tokenId(part)}))
        .toArray();
  }

  @Override
  public @Nullable FillIn fillIn() {
    return controls.size() < 3 ? null : new FillIn(SIZE, SIZE + 1, SIZE + 2);
  }

  @Override
  public int tokenId(String token) {
    return switch (token) {
      case "<bos>" -> BOS;
      case "<end>" -> END;
      default -> controls.contains(token) ? SIZE + controls.indexOf(token) : -1;
    };
  }

  @Override
  public byte[] bytes(int token) {
    return token < BOS ? new byte[] {(byte) token} : new byte[0];
  }

  @Override
  public String piece(int token) {
    return switch (token) {
      case BOS -> "<bos>";
      case END -> "<end>";
      default -> token < SIZE ? String.valueOf((char) token) : controls.get(token - SIZE);
    };
  }

  @Override
  public boolean isControl(int token) {
    return token >= BOS;
  }

  @Override
  public int bos() {
    return BOS;
  }

  @Override
  public int eos() {
    return END;
  }

  @Override
  public boolean addBos() {
    return addBos;
  }

  @Override
  public boolean addEos() {
    return false;
  }

  @Override
  public Set<Integer> endOfGeneration() {
    return Set.of(END);
  }

  @Override
  public @Nullable String toolTemplate() {
    return null;
  }

  @Override
  public @Nullable String chatTemplate() {
    return null;
  }

  @Override
  public Detokenizer detokenizer() {
    return new Bytes();
  }

  private static final class Bytes implements Detokenizer {
    private final byte[] held = new byte[4];
    private int length;

    @Override
    public String next(int token) {
      if (token < 0) {
        throw new IllegalArgumentException("there is no token " + token);
      }
      if (token >= BOS) {
        return "";
      }
      held[length++] = (byte) token;
      return length >= wanted(held[0]) ? finish() : "";
    }

    @Override
    public String finish() {
      String text = new String(held, 0, length, StandardCharsets.UTF_8);
      length = 0;
      return text;
    }

    private static int wanted(byte first) {
      int ones = Integer.numberOfLeadingZeros(~first << 24);
      return ones < 2 ? 1 : Math.min(ones, 4);
    }
  }
}
