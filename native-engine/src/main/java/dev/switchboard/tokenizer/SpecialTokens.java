package dev.switchboard.tokenizer;

import java.util.BitSet;

/**
 * Finds the tokens that are cut out of a text before it is tokenized: user-defined ones always,
 * control tokens only where the text is not a user's. The leftmost match wins, of those the
 * longest.
 */
final class SpecialTokens {
  private final Vocabulary vocabulary;
  private final int[] longestByFirstByte = new int[256];
  private final BitSet lengths = new BitSet();

  SpecialTokens(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    TokenTable table = vocabulary.table();
    for (int id = 0; id < table.size(); id++) {
      int length = table.byteLength(id);
      if (isSpecial(vocabulary.kind(id)) && length > 0 && length <= TokenTable.MAX_MATCH_BYTES) {
        int first = table.firstByte(id) & 0xFF;
        longestByFirstByte[first] = Math.max(longestByFirstByte[first], length);
        lengths.set(length);
      }
    }
  }

  private static boolean isSpecial(TokenKind kind) {
    return switch (kind) {
      case CONTROL, UNKNOWN, USER_DEFINED -> true;
      case NORMAL, UNDEFINED, UNUSED, BYTE -> false;
    };
  }

  /** Receives a text's parts in order. */
  interface Parts {
    void text(int from, int to);

    void token(int id);
  }

  void split(Utf8Text text, Parts parts) {
    int textStart = 0;
    int span = 0;
    int[] spans = text.spans();
    for (int at = 0; at < text.size(); ) {
      while (span < spans.length && spans[span + 1] <= at) {
        span += 2;
      }
      int controlEnd = span == spans.length ? text.size() : Math.max(at, spans[span]);
      int id = longestAt(text, at, controlEnd);
      if (id == Vocabulary.NONE) {
        at++;
        continue;
      }
      if (at > textStart) {
        parts.text(textStart, at);
      }
      parts.token(id);
      at += vocabulary.table().byteLength(id);
      textStart = at;
    }
    if (text.size() > textStart) {
      parts.text(textStart, text.size());
    }
  }

  /** The longest special token at a position; a control token must end by {@code controlEnd}. */
  private int longestAt(Utf8Text text, int at, int controlEnd) {
    byte[] bytes = text.bytes();
    int longest = Math.min(longestByFirstByte[bytes[at] & 0xFF], text.size() - at);
    int found = Vocabulary.NONE;
    long hash = TokenTable.hashStart();
    for (int length = 1; length <= longest; length++) {
      hash = TokenTable.hashNext(hash, bytes[at + length - 1]);
      if (lengths.get(length)) {
        int id = vocabulary.table().find(hash, bytes, at, at + length);
        if (id != Vocabulary.NONE && mayStand(id, at + length <= controlEnd)) {
          found = id;
        }
      }
    }
    return found;
  }

  private boolean mayStand(int id, boolean controlAllowed) {
    return switch (vocabulary.kind(id)) {
      case USER_DEFINED -> true;
      case CONTROL, UNKNOWN -> controlAllowed;
      case NORMAL, UNDEFINED, UNUSED, BYTE -> false;
    };
  }
}
