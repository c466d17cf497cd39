package dev.switchboard.framing;

/** The characters of a token (RFC 9110, section 5.6.2). */
final class Token {
  private static final String OTHERS = "!#$%&'*+-.^_`|~";

  private Token() {}

  static boolean has(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || OTHERS.indexOf(c) >= 0;
  }
}
