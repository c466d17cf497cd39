package dev.switchboard.openai;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The log-probability of one token of the text.
 *
 * @param token its text; a token that is part of a character shows U+FFFD
 * @param bytes its exact bytes
 * @param logprob NaN for a prompt's first token, which nothing predicts
 * @param top alternatives, best first; null when none were asked for
 * @param offset code points (as {@code text_offset} counts) that its reader has of the choice's
 *     text before it: a token without text counts for none
 */
public record TokenLogprob(
    String token, byte[] bytes, float logprob, @Nullable List<Alternative> top, int offset) {
  public TokenLogprob {
    top = top == null ? null : List.copyOf(top);
  }

  /** A token that could have stood there. */
  public record Alternative(String token, byte[] bytes, float logprob) {}
}
