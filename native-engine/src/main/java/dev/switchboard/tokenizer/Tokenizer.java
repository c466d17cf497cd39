package dev.switchboard.tokenizer;

import org.jspecify.annotations.Nullable;

/** Text to a model's tokens and back. */
public interface Tokenizer extends Tokens {

  /**
   * Token ids of plain text. Control tokens spelled out in it stay text; nothing is added before or
   * after.
   *
   * @return ids, empty for empty text
   */
  int[] encode(String text);

  /**
   * Token ids of a rendered chat template: control tokens spelled out in the text become their ids,
   * except inside the given spans, which came from users.
   *
   * @param userSpans half-open [start, end) char ranges of text that must stay plain text,
   *     flattened, ascending
   */
  int[] encodeTemplate(String text, int[] userSpans);

  /** The tokens that a text with a hole is written with, or null when there are none. */
  @Nullable FillIn fillIn();

  /**
   * Tokens that stand before what comes before a hole, what comes behind it, and what fills it: in
   * this order.
   */
  record FillIn(int prefix, int suffix, int middle) {}

  /** Id of a whole token as written in the vocabulary, or -1. */
  int tokenId(String token);

  /** Beginning of sequence, or -1. */
  int bos();

  /** End of sequence, or -1. */
  int eos();

  /** Whether this model wants BOS before a prompt that was not rendered from a template. */
  boolean addBos();

  /** Whether EOS is added after it too (encoders). */
  boolean addEos();

  /** The model's own chat template in Jinja, or null. */
  @Nullable String chatTemplate();

  /** The one that it has for conversations with tools, where that is another, or null. */
  @Nullable String toolTemplate();

  /**
   * A detokenizer for one stream; not thread-safe. It shows tokens as they continue a text: a
   * leading space of the first one is kept.
   */
  Detokenizer detokenizer();

  /**
   * A whole text back from its tokens, without the space {@link #encode} may have put before it.
   */
  default String decode(int[] tokens) {
    Detokenizer detokenizer = detokenizer();
    StringBuilder text = new StringBuilder();
    for (int token : tokens) {
      text.append(detokenizer.next(token));
    }
    return text.append(detokenizer.finish()).toString();
  }

  /** Turns tokens into text piece by piece and never splits a UTF-8 character. */
  interface Detokenizer {
    /** Text that became complete with this token; may be empty. */
    String next(int token);

    /** What is left at the end; incomplete bytes become U+FFFD. */
    String finish();
  }
}
