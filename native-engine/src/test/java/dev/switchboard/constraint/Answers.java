package dev.switchboard.constraint;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** What constraints over a vocabulary let through, tried in both directions. */
public final class Answers {
  private final TestTokenizer tokenizer;
  private final ConstraintCompiler compiler;
  private final long[] mask;
  private int longestDrawn;

  public Answers(TestTokenizer tokenizer) {
    this.tokenizer = tokenizer;
    TokenVocabulary vocabulary = new TokenVocabulary(tokenizer, tokenizer.size());
    compiler = new ConstraintCompiler(vocabulary);
    mask = new long[vocabulary.words()];
  }

  /** Nothing may follow. */
  static final class DeadEnd extends AssertionError {
    private static final long serialVersionUID = 1;

    DeadEnd(String message) {
      super(message);
    }
  }

  public ConstraintCompiler compiler() {
    return compiler;
  }

  /** Bytes of the longest token of all answers that were sampled. */
  public int longestDrawn() {
    return longestDrawn;
  }

  /** Whether the text is a whole answer; asks the masks and the matcher, which must agree. */
  boolean accepts(ConstraintSource source, String text) {
    Matcher matcher = compiler.compile(source).matcher();
    for (byte next : text.getBytes(StandardCharsets.UTF_8)) {
      boolean allowed = matcher.mask(mask) && isSet(next & 0xff);
      if (matcher.advance(next & 0xff) != allowed) {
        throw new AssertionError("mask and matcher differ on " + text);
      }
      if (!allowed) {
        return false;
      }
    }
    boolean mayEnd = matcher.mask(mask) && isSet(tokenizer.end());
    if (mayEnd != matcher.isComplete()) {
      throw new AssertionError("the end token is not allowed where the answer is whole");
    }
    return mayEnd;
  }

  private boolean isSet(int token) {
    return (mask[token / Long.SIZE] >>> token & 1) != 0;
  }

  /**
   * Samples an answer with tokens drawn from the masks, steered to its end once it is longer than
   * wanted.
   *
   * @return null when it did not end within four times the wanted length
   */
  public @Nullable String sample(ConstraintSource source, Random random, int wantedTokens) {
    Matcher matcher = compiler.compile(source).matcher();
    ByteArrayOutputStream answer = new ByteArrayOutputStream();
    for (int tokens = 0; tokens < 4 * wantedTokens; tokens++) {
      if (matcher.isFinished()) {
        return answer.toString(StandardCharsets.UTF_8);
      }
      if (!matcher.mask(mask)) {
        throw new DeadEnd(matcher.problem() + " after " + answer);
      }
      boolean ends = isSet(tokenizer.end()) && (tokens > wantedTokens || random.nextInt(8) == 0);
      int token = ends ? tokenizer.end() : draw(random, tokens > wantedTokens ? source : null);
      if (!matcher.advance(token)) {
        throw new AssertionError(matcher.problem() + " after " + answer);
      }
      if (token == tokenizer.end()) {
        return answer.toString(StandardCharsets.UTF_8);
      }
      longestDrawn = Math.max(longestDrawn, tokenizer.bytes(token).length);
      answer.writeBytes(tokenizer.bytes(token));
    }
    return null;
  }

  /**
   * Any allowed token but the end.
   *
   * @param closing the source of an answer that should come to its end, by tokens that close
   *     something or stand in the source, whose patterns want what they spell; null for others
   */
  private int draw(Random random, @Nullable ConstraintSource closing) {
    int count = 0;
    int drawn = tokenizer.end();
    int closer = -1;
    for (int token = 0; token < tokenizer.size(); token++) {
      if (isSet(token) && token != tokenizer.end()) {
        drawn = random.nextInt(++count) == 0 ? token : drawn;
        String text = tokenizer.piece(token);
        closer = "\"}]".contains(text) && (closer < 0 || random.nextBoolean()) ? token : closer;
      }
    }
    if (closing == null) {
      return drawn;
    }
    // What closes an array may be text inside a string, which ends with what its pattern wants.
    return closer >= 0 && random.nextBoolean() ? closer : spelled(random, closing, drawn);
  }

  /** Mostly an allowed token that the source spells, where there is one. */
  private int spelled(Random random, ConstraintSource source, int otherwise) {
    String text = latin(source.toString().getBytes(StandardCharsets.UTF_8));
    int count = 0;
    int drawn = otherwise;
    for (int token = 0; token < tokenizer.end(); token++) {
      if (isSet(token) && text.contains(latin(tokenizer.bytes(token)))) {
        drawn = random.nextInt(++count) == 0 ? token : drawn;
      }
    }
    return random.nextInt(8) == 0 ? otherwise : drawn;
  }

  /** A character for each byte, so that parts of characters are found too. */
  private static String latin(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
