package dev.switchboard.bench;

import dev.switchboard.tokenizer.Tokens;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * A vocabulary as large as those of published models and made like them: all bytes, words with and
 * without a space before them, numbers, runs of white space and of punctuation, characters of other
 * scripts whole and in parts. Its last token ends an answer.
 */
public final class SyntheticVocabulary implements Tokens {
  static final int LEAST = 257;
  static final int MOST = 1_000_000;

  private static final String LETTERS = "eeetttaaaoooiinnsshhrrddllccuummwwffggyyppbbvkjxqz";
  private static final String PUNCTUATION = "\"\"\",,::{}[]()<>/\\\\'.;=-_+*#!?&|$%@^~`\n\t ";

  private final List<byte[]> tokens = new ArrayList<>();

  /**
   * @param size from {@link #LEAST} to {@link #MOST}
   */
  public SyntheticVocabulary(int size) {
    for (int value = 0; value < 256; value++) {
      tokens.add(new byte[] {(byte) value});
    }
    Random random = new Random(1);
    Set<String> texts = new LinkedHashSet<>();
    while (texts.size() < size - tokens.size() - 1) {
      texts.add(text(random));
    }
    texts.forEach(text -> tokens.add(text.getBytes(StandardCharsets.UTF_8)));
    tokens.add(new byte[0]);
  }

  private static String text(Random random) {
    int kind = random.nextInt(100);
    if (kind < 75) {
      String word = run(LETTERS, 1 + random.nextInt(9), random);
      String cased = random.nextInt(4) == 0 ? capitalised(word) : word;
      return (random.nextInt(2) == 0 ? " " : "") + cased;
    }
    if (kind < 78) {
      return Integer.toString(random.nextInt(1000));
    }
    if (kind < 90) {
      return run(PUNCTUATION, 2 + random.nextInt(3), random);
    }
    if (kind < 92) {
      return " ".repeat(1 + random.nextInt(64));
    }
    StringBuilder other = new StringBuilder();
    for (int i = random.nextInt(3); i >= 0; i--) {
      other.appendCodePoint(0x400 + random.nextInt(0x5000));
    }
    return other.toString();
  }

  private static String capitalised(String word) {
    return Character.toUpperCase(word.charAt(0)) + word.substring(1);
  }

  private static String run(String alphabet, int length, Random random) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append(alphabet.charAt(random.nextInt(alphabet.length())));
    }
    return text.toString();
  }

  @Override
  public int size() {
    return tokens.size();
  }

  @Override
  public byte[] bytes(int token) {
    return tokens.get(token);
  }

  @Override
  public String piece(int token) {
    return isControl(token) ? "<end>" : new String(bytes(token), StandardCharsets.UTF_8);
  }

  @Override
  public boolean isControl(int token) {
    return token == end();
  }

  private int end() {
    return tokens.size() - 1;
  }

  @Override
  public Set<Integer> endOfGeneration() {
    return Set.of(end());
  }
}
