package dev.switchboard.tokenizer;

/** Unicode character classes as tokenizers' expressions mean them. */
final class Characters {
  private static final int MARKS =
      (1 << Character.NON_SPACING_MARK)
          | (1 << Character.COMBINING_SPACING_MARK)
          | (1 << Character.ENCLOSING_MARK);
  private static final int PUNCTUATION =
      (1 << Character.CONNECTOR_PUNCTUATION)
          | (1 << Character.DASH_PUNCTUATION)
          | (1 << Character.START_PUNCTUATION)
          | (1 << Character.END_PUNCTUATION)
          | (1 << Character.INITIAL_QUOTE_PUNCTUATION)
          | (1 << Character.FINAL_QUOTE_PUNCTUATION)
          | (1 << Character.OTHER_PUNCTUATION);
  private static final int SYMBOLS =
      (1 << Character.MATH_SYMBOL)
          | (1 << Character.CURRENCY_SYMBOL)
          | (1 << Character.MODIFIER_SYMBOL)
          | (1 << Character.OTHER_SYMBOL);
  private static final int CONTROLS =
      (1 << Character.CONTROL)
          | (1 << Character.FORMAT)
          | (1 << Character.PRIVATE_USE)
          | (1 << Character.SURROGATE);

  private Characters() {}

  private static boolean is(int codePoint, int classes) {
    return ((1 << Character.getType(codePoint)) & classes) != 0;
  }

  static boolean isMark(int codePoint) {
    return is(codePoint, MARKS);
  }

  static boolean isPunctuation(int codePoint) {
    return is(codePoint, PUNCTUATION);
  }

  static boolean isSymbol(int codePoint) {
    return is(codePoint, SYMBOLS);
  }

  static boolean isControl(int codePoint) {
    return is(codePoint, CONTROLS);
  }

  /** Unicode's White_Space property. */
  static boolean isWhiteSpace(int c) {
    return (c >= 0x09 && c <= 0x0D)
        || c == 0x20
        || c == 0x85
        || c == 0xA0
        || c == 0x1680
        || (c >= 0x2000 && c <= 0x200A)
        || c == 0x2028
        || c == 0x2029
        || c == 0x202F
        || c == 0x205F
        || c == 0x3000;
  }
}
