package dev.switchboard.chat;

/** Escapes in string literals, as Python reads them. */
final class StringLiteral {
  private StringLiteral() {}

  static String unescape(String literal) {
    if (literal.indexOf('\\') < 0) {
      return literal;
    }
    StringBuilder out = new StringBuilder(literal.length());
    for (int i = 0; i < literal.length(); ) {
      char c = literal.charAt(i);
      i = c == '\\' && i + 1 < literal.length() ? escape(literal, i + 1, out) : plain(c, i, out);
    }
    return out.toString();
  }

  private static int plain(char c, int at, StringBuilder out) {
    out.append(c);
    return at + 1;
  }

  /** Reads what stands behind a backslash and returns where the text goes on. */
  private static int escape(String literal, int at, StringBuilder out) {
    char c = literal.charAt(at);
    int simple = "abfnrtv\\'\"".indexOf(c);
    if (simple >= 0) {
      out.append("\u0007\b\f\n\r\t\u000b\\'\"".charAt(simple));
      return at + 1;
    }
    return switch (c) {
      case '\n' -> at + 1;
      case 'x' -> hex(literal, at, 2, out);
      case 'u' -> hex(literal, at, 4, out);
      case 'U' -> hex(literal, at, 8, out);
      case '0', '1', '2', '3', '4', '5', '6', '7' -> octal(literal, at, out);
      default -> {
        out.append('\\').append(c);
        yield at + 1;
      }
    };
  }

  private static int hex(String literal, int at, int digits, StringBuilder out) {
    int end = at + 1 + digits;
    boolean complete =
        end <= literal.length()
            && literal.substring(at + 1, end).chars().allMatch(c -> Character.digit(c, 16) >= 0);
    long code = complete ? Long.parseLong(literal.substring(at + 1, end), 16) : -1;
    if (code < 0 || code > Character.MAX_CODE_POINT) {
      throw new Fault("a string has an incomplete escape");
    }
    out.appendCodePoint((int) code);
    return end;
  }

  private static int octal(String literal, int at, StringBuilder out) {
    int end = at;
    while (end < Math.min(literal.length(), at + 3)
        && Character.digit(literal.charAt(end), 8) >= 0) {
      end++;
    }
    out.append((char) Integer.parseInt(literal.substring(at, end), 8));
    return end;
  }
}
