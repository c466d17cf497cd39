package dev.switchboard.framing;

import org.jspecify.annotations.Nullable;

/**
 * Holds a request's first line to its grammar, byte by byte: a method, a target and a version with
 * one space between (RFC 9112, section 3). Netty also splits it at other bytes, and drops control
 * characters before it. Empty lines before it are allowed (section 2.2).
 */
final class RequestLine {
  private static final int METHOD = 0;
  private static final int TARGET = 1;
  private static final int VERSION = 2;
  private static final int END = 3;
  private static final String NO_URI_CHARACTERS = "\"#<>\\^`{|}";

  /** A {@code d} stands for a digit. */
  private static final String PATTERN = "HTTP/d.d";

  private int part;
  private int length;
  private boolean wrong;
  private boolean over;

  /** The next byte; those behind the line are ignored. */
  void next(byte next) {
    if (over) {
      return;
    }
    char c = (char) (next & 0xff);
    if (c == '\n') {
      ended();
    } else if (c == '\r') {
      wrong |= part != END && !(part == METHOD && length == 0);
    } else if (c == ' ' && part < VERSION && length > 0) {
      part++;
      length = 0;
    } else {
      wrong |= !fits(c);
      length++;
    }
  }

  private void ended() {
    boolean empty = part == METHOD && length == 0;
    over = !empty;
    wrong |= !empty && part != END;
  }

  private boolean fits(char c) {
    return switch (part) {
      case METHOD -> Token.has(c);
      case TARGET -> c > ' ' && c < 0x7f && NO_URI_CHARACTERS.indexOf(c) < 0;
      case VERSION -> version(c);
      default -> false;
    };
  }

  private boolean version(char c) {
    if (length == PATTERN.length() - 1) {
      part = END;
    }
    char wanted = PATTERN.charAt(length);
    return wanted == 'd' ? c >= '0' && c <= '9' : c == wanted;
  }

  /** What is wrong with the line; null when nothing is. */
  @Nullable String complaint() {
    return wrong
        ? "A request line must be a method, a target and a version, with one space between."
        : null;
  }

  /** Another request follows. */
  void begin() {
    part = METHOD;
    length = 0;
    wrong = false;
    over = false;
  }
}
