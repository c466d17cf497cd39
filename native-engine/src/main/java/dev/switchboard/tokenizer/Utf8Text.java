package dev.switchboard.tokenizer;

import java.util.Arrays;

/**
 * A text as UTF-8, with char ranges of it turned into byte ranges. A surrogate without its partner
 * becomes U+FFFD.
 *
 * @param bytes at least size bytes
 * @param spans half-open byte ranges, flattened, ascending
 */
record Utf8Text(byte[] bytes, int size, int[] spans) {
  private static final int REPLACEMENT = 0xFFFD;

  static Utf8Text of(String text, int[] charSpans) {
    checkSpans(charSpans, text.length());
    byte[] bytes = new byte[Math.multiplyExact(text.length(), 3)];
    int[] spans = new int[charSpans.length];
    int size = 0;
    int span = 0;
    for (int i = 0; i < text.length(); ) {
      while (span < spans.length && charSpans[span] <= i) {
        spans[span++] = size;
      }
      int codePoint = text.codePointAt(i);
      i += Character.charCount(codePoint);
      size = put(isSurrogate(codePoint) ? REPLACEMENT : codePoint, bytes, size);
    }
    Arrays.fill(spans, span, spans.length, size);
    return new Utf8Text(bytes, size, spans);
  }

  private static void checkSpans(int[] spans, int length) {
    int last = 0;
    for (int bound : spans) {
      if (bound < last || bound > length) {
        throw new IllegalArgumentException("spans must ascend within the text");
      }
      last = bound;
    }
    if (spans.length % 2 != 0) {
      throw new IllegalArgumentException("a span has a start and an end");
    }
  }

  private static boolean isSurrogate(int codePoint) {
    return codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
  }

  /** Writes a code point that is no surrogate; returns where the next one goes. */
  static int put(int codePoint, byte[] out, int at) {
    if (codePoint < 0x80) {
      out[at] = (byte) codePoint;
      return at + 1;
    }
    if (codePoint < 0x800) {
      out[at] = (byte) (0xC0 | (codePoint >> 6));
      out[at + 1] = (byte) (0x80 | (codePoint & 0x3F));
      return at + 2;
    }
    if (codePoint < 0x10000) {
      out[at] = (byte) (0xE0 | (codePoint >> 12));
      out[at + 1] = (byte) (0x80 | ((codePoint >> 6) & 0x3F));
      out[at + 2] = (byte) (0x80 | (codePoint & 0x3F));
      return at + 3;
    }
    out[at] = (byte) (0xF0 | (codePoint >> 18));
    out[at + 1] = (byte) (0x80 | ((codePoint >> 12) & 0x3F));
    out[at + 2] = (byte) (0x80 | ((codePoint >> 6) & 0x3F));
    out[at + 3] = (byte) (0x80 | (codePoint & 0x3F));
    return at + 4;
  }

  /** Length of the character that starts with this byte. */
  static int length(byte first) {
    int high = first & 0xFF;
    return high < 0xC0 ? 1 : high < 0xE0 ? 2 : high < 0xF0 ? 3 : 4;
  }
}
