package dev.switchboard.constraint;

import dev.switchboard.tokenizer.Tokens;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** A vocabulary of given byte strings, then the control tokens {@code <end>} and {@code <call>}. */
public final class TestTokenizer implements Tokens {
  private final List<byte[]> tokens;

  private TestTokenizer(List<byte[]> tokens) {
    this.tokens = tokens;
  }

  /** One token for each byte. */
  public static TestTokenizer bytes() {
    List<byte[]> tokens = new ArrayList<>();
    for (int value = 0; value < 256; value++) {
      tokens.add(new byte[] {(byte) value});
    }
    return new TestTokenizer(tokens);
  }

  /** One for each byte, and longer ones as real vocabularies have them: over the ends of things. */
  public static TestTokenizer pieces() {
    TestTokenizer all = bytes();
    String pieces =
        "{\" \": \", {} [] [[ ]] }} }, {\"a ], \",\" \"\" \":\" \": true false null ru 10 12 00 -1"
            + " 0. .5 e+ a b ab name the é 日本 日 \\n"
            + " \\\" \\u00 \\ud83d \n\n"
            + " {\n"
            + " \n"
            + "} \"}\n"
            + " \"} \"] 1] 2, }] ]} aa abc";
    for (String piece : pieces.split(" ", -1)) {
      all.tokens.add(piece.getBytes(StandardCharsets.UTF_8));
    }
    for (String piece : List.of(" ", "  ", "    ", ", ", ": ", " {", " \"", "\n  ", "[ ")) {
      all.tokens.add(piece.getBytes(StandardCharsets.UTF_8));
    }
    all.tokens.add(new byte[] {(byte) 0xe6, (byte) 0x97});
    all.tokens.add(new byte[] {(byte) 0xa5, '"'});
    all.tokens.add(new byte[] {(byte) 0x9f, (byte) 0x98, (byte) 0x80, '"', ','});
    return all;
  }

  /** Pieces, and runs of up to 128 bytes, as real vocabularies have them, most of all of spaces. */
  public static TestTokenizer runs() {
    TestTokenizer all = pieces();
    List<String> runs = new ArrayList<>();
    for (int length : new int[] {33, 36, 40, 48, 64, 96, 128}) {
      for (String one : List.of(" ", "\t", "a", "b", "-", "0")) {
        runs.add(one.repeat(length));
      }
    }
    for (int spaces : new int[] {32, 48, 63, 64, 65, 80}) {
      runs.addAll(List.of("\n" + " ".repeat(spaces), "{\n" + " ".repeat(spaces) + "\""));
      runs.addAll(List.of(",\n" + " ".repeat(spaces), " ".repeat(spaces) + "\":"));
    }
    for (int letters : new int[] {32, 35, 38, 39, 40, 41}) {
      runs.addAll(List.of("a".repeat(letters) + "\"", "\"" + "a".repeat(letters)));
      runs.addAll(List.of("a".repeat(letters) + "\",\"", "b" + "a".repeat(letters) + "\"}"));
    }
    runs.addAll(List.of("é".repeat(20), "日".repeat(14), "日本".repeat(20), "😀".repeat(32)));
    runs.addAll(List.of("ab".repeat(18), "\\n".repeat(20), "\\u00e9".repeat(8), "1,".repeat(20)));
    for (String run : runs) {
      all.tokens.add(run.getBytes(StandardCharsets.UTF_8));
    }
    return all;
  }

  /** Pieces, and so many random ones of letters, signs and other scripts, whole and in parts. */
  public static TestTokenizer many(int random, int seed) {
    TestTokenizer all = pieces();
    Random source = new Random(seed);
    int[] alphabet = "aabcxyzAZ0199  _-.,:@/\"\\\n\t{}[]éß日本語한😀".codePoints().toArray();
    for (int i = 0; i < random; i++) {
      StringBuilder text = new StringBuilder();
      boolean plain = i % 2 == 0;
      for (int length = source.nextInt(i % 50 == 0 ? 40 : 8); length >= 0; length--) {
        text.appendCodePoint(alphabet[source.nextInt(plain ? 9 : alphabet.length)]);
      }
      byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
      int end = source.nextInt(9) == 0 ? bytes.length - 1 : bytes.length;
      all.tokens.add(Arrays.copyOfRange(bytes, source.nextInt(20) == 0 && end > 1 ? 1 : 0, end));
    }
    return all;
  }

  /** The given texts and nothing else. */
  public static TestTokenizer of(String... texts) {
    List<byte[]> tokens = new ArrayList<>();
    for (String text : texts) {
      tokens.add(text.getBytes(StandardCharsets.UTF_8));
    }
    return new TestTokenizer(tokens);
  }

  public int end() {
    return tokens.size();
  }

  public int call() {
    return tokens.size() + 1;
  }

  @Override
  public int size() {
    return tokens.size() + 2;
  }

  @Override
  public byte[] bytes(int token) {
    return isControl(token) ? new byte[0] : tokens.get(token);
  }

  @Override
  public String piece(int token) {
    return token == end()
        ? "<end>"
        : token == call() ? "<call>" : new String(bytes(token), StandardCharsets.UTF_8);
  }

  @Override
  public boolean isControl(int token) {
    return token >= tokens.size();
  }

  @Override
  public Set<Integer> endOfGeneration() {
    return Set.of(end());
  }

  public int tokenId(String token) {
    for (int id = 0; id < size(); id++) {
      if (piece(id).equals(token)) {
        return id;
      }
    }
    return -1;
  }
}
