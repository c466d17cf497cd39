package dev.switchboard.chat;

/** What Python says about characters where Java says something else. */
final class Characters {
  private Characters() {}

  /** Python's {@code str.isspace()}. */
  static boolean isSpace(int c) {
    if (c < 0x80) {
      return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31);
    }
    return c == 0x85 || Character.isSpaceChar(c);
  }

  /** Where {@code str.splitlines()} splits. */
  static boolean isLineBreak(char c) {
    return (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
  }

  /** Python's {@code str.isprintable()} for one character. */
  static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      case Character.SPACE_SEPARATOR -> c == ' ';
      default -> true;
    };
  }

  static boolean isWord(int c) {
    return c == '_' || Character.isLetterOrDigit(c);
  }

  static int spaceEnd(String text, int from) {
    int end = from;
    while (end < text.length() && isSpace(text.charAt(end))) {
      end++;
    }
    return end;
  }

  static int spaceStart(String text, int to) {
    int start = to;
    while (start > 0 && isSpace(text.charAt(start - 1))) {
      start--;
    }
    return start;
  }

  static String strip(String text) {
    int start = spaceEnd(text, 0);
    return text.substring(start, Math.max(start, spaceStart(text, text.length())));
  }
}
