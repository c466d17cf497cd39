package dev.switchboard.constraint;

/** Where in JSON a text is, as one number: inside a string or not, and how many brackets deep. */
final class JsonScan {
  static final int STRING = 1;

  /** Behind a backslash. */
  static final int ESCAPED = 2;

  /** One bracket. */
  static final int DEEPER = 4;

  private JsonScan() {}

  /** After a symbol. What closes more than was opened is negative. */
  static int next(int scan, int symbol) {
    if ((scan & ESCAPED) != 0) {
      return scan - ESCAPED;
    }
    if ((scan & STRING) != 0) {
      return symbol == '\\' ? scan + ESCAPED : symbol == '"' ? scan - STRING : scan;
    }
    return switch (symbol) {
      case '"' -> scan + STRING;
      case '[', '{' -> scan + DEEPER;
      case ']', '}' -> scan - DEEPER;
      default -> scan;
    };
  }

  static boolean isSpace(int symbol) {
    return symbol == ' ' || symbol == '\n' || symbol == '\t' || symbol == '\r';
  }

  /** Whether a symbol stands behind an element that no bracket inside it is open of. */
  static boolean endsElement(int scan, int symbol) {
    return scan == 0 && (symbol == ',' || symbol == ']' || isSpace(symbol));
  }
}
