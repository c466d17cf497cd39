package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;

/**
 * Holds the line with a chunk's size to its grammar (RFC 9112, section 7.1): hexadecimal digits,
 * and perhaps extensions. Netty's decoder takes any byte up to 0x20 behind the digits, and fails in
 * an unexpected way at one from 0x80 on.
 */
final class ChunkSize {
  private final ByteBuf buffer;
  private final int end;
  private int at;

  private ChunkSize(ByteBuf buffer, int begin, int end) {
    this.buffer = buffer;
    this.at = begin;
    this.end = end;
  }

  /**
   * @param end of the line, without what ends it
   */
  static boolean isValid(ByteBuf buffer, int begin, int end) {
    return new ChunkSize(buffer, begin, end).matches();
  }

  /** Whether a valid line says that no chunk follows. */
  static boolean isZero(ByteBuf buffer, int begin, int end) {
    int at = begin;
    while (at < end && buffer.getByte(at) == '0') {
      at++;
    }
    return at > begin && (at == end || Character.digit(buffer.getByte(at), 16) < 0);
  }

  private boolean matches() {
    int begin = at;
    while (Character.digit(peek(), 16) >= 0) {
      at++;
    }
    boolean valid = at > begin;
    while (valid && at < end) {
      valid = extension();
    }
    return valid;
  }

  private boolean extension() {
    spaces();
    if (!take(';')) {
      return false;
    }
    spaces();
    if (!token()) {
      return false;
    }
    int named = at;
    spaces();
    if (!take('=')) {
      at = named;
      return true;
    }
    spaces();
    return take('"') ? quoted() : token();
  }

  private void spaces() {
    while (peek() == ' ' || peek() == '\t') {
      at++;
    }
  }

  private boolean token() {
    int begin = at;
    while (Token.has(peek())) {
      at++;
    }
    return at > begin;
  }

  /** What follows an opening quotation mark, to the closing one. */
  private boolean quoted() {
    while (at < end) {
      if (take('"')) {
        return true;
      }
      boolean escaped = take('\\');
      char c = peek();
      boolean text = c == '\t' || (c >= ' ' && c != 0x7f);
      if (!text || (escaped && at >= end)) {
        return false;
      }
      at++;
    }
    return false;
  }

  private boolean take(char wanted) {
    boolean there = at < end && peek() == wanted;
    at += there ? 1 : 0;
    return there;
  }

  /** NUL at the end of the line. */
  private char peek() {
    return at < end ? (char) (buffer.getByte(at) & 0xff) : 0;
  }
}
