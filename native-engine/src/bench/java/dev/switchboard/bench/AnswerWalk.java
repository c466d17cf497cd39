package dev.switchboard.bench;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.Matcher;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.tokenizer.Tokens;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Answers drawn at random from a constraint's masks. Once an answer is longer than wanted, tokens
 * that close something, or that its source spells, are preferred, so that it comes to its end.
 */
final class AnswerWalk {
  private static final int WANTED_TOKENS = 150;
  private static final int MOST_TOKENS = 4 * WANTED_TOKENS;

  /** One in so many tokens ends an answer that may end, and leaves the way to the end. */
  private static final int SELDOM = 8;

  private final Tokens tokens;
  private final long[] mask;
  private final BitSet ends = new BitSet();
  private final BitSet closers = new BitSet();

  AnswerWalk(Tokens tokens, TokenVocabulary vocabulary) {
    this.tokens = tokens;
    mask = new long[vocabulary.words()];
    tokens.endOfGeneration().forEach(ends::set);
    for (int token = 0; token < tokens.size(); token++) {
      String text = latin(tokens.bytes(token));
      closers.set(token, !ends.get(token) && !text.isEmpty() && "\"}]".contains(text));
    }
  }

  /** Tokens that stand in the text. */
  BitSet spelledBy(String source) {
    String text = latin(source.getBytes(StandardCharsets.UTF_8));
    BitSet spelled = new BitSet();
    for (int token = 0; token < tokens.size(); token++) {
      spelled.set(token, !ends.get(token) && text.contains(latin(tokens.bytes(token))));
    }
    return spelled;
  }

  /** A character for each byte, so that parts of characters are found too. */
  private static String latin(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /**
   * An answer, or null when it did not end in time.
   *
   * @throws IllegalStateException when nothing may follow, or a token of the mask does not fit
   */
  @Nullable String draw(Constraint constraint, BitSet spelled, Random random) {
    Matcher matcher = constraint.matcher();
    ByteArrayOutputStream answer = new ByteArrayOutputStream();
    for (int drawn = 0; drawn < MOST_TOKENS && !matcher.isFinished(); drawn++) {
      if (!matcher.mask(mask)) {
        throw new IllegalStateException(matcher.problem() + " after " + answer);
      }
      BitSet allowed = BitSet.valueOf(mask);
      boolean isLong = drawn > WANTED_TOKENS;
      if (allowed.intersects(ends) && (isLong || random.nextInt(SELDOM) == 0)) {
        return answer.toString(StandardCharsets.UTF_8);
      }
      allowed.andNot(ends);
      int token = isLong ? closing(allowed, spelled, random) : any(allowed, random);
      if (token < 0) {
        return answer.toString(StandardCharsets.UTF_8);
      }
      if (!matcher.advance(token)) {
        throw new IllegalStateException(matcher.problem() + " after " + answer);
      }
      answer.writeBytes(tokens.bytes(token));
    }
    return matcher.isFinished() ? answer.toString(StandardCharsets.UTF_8) : null;
  }

  /** What closes an array may be text inside a string, which ends with what its pattern wants. */
  private int closing(BitSet allowed, BitSet spelled, Random random) {
    BitSet wanted = (BitSet) allowed.clone();
    wanted.and(random.nextBoolean() ? closers : spelled);
    return any(wanted.isEmpty() || random.nextInt(SELDOM) == 0 ? allowed : wanted, random);
  }

  /** One of the set, each as likely as another; -1 where it is empty. */
  private static int any(BitSet set, Random random) {
    if (set.isEmpty()) {
      return -1;
    }
    int token = set.nextSetBit(0);
    for (int skip = random.nextInt(set.cardinality()); skip > 0; skip--) {
      token = set.nextSetBit(token + 1);
    }
    return token;
  }
}
