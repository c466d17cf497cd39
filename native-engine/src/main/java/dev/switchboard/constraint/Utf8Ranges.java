package dev.switchboard.constraint;

/**
 * Writes a range of characters as sequences of byte ranges: characters of one encoded length whose
 * bytes but the first few are free are one sequence.
 */
final class Utf8Ranges {
  /** Last characters of one, two, three and four bytes. */
  private static final int[] LAST = {0x7f, 0x7ff, 0xffff, 0x10ffff};

  private Utf8Ranges() {}

  /** Takes sequences of byte ranges: low and high bytes side by side. */
  @FunctionalInterface
  interface Sink {
    void sequence(int[] lows, int[] highs);
  }

  static void write(CodePoints set, Sink sink) {
    for (int i = 0; i < set.ranges(); i++) {
      int low = set.low(i);
      for (int last : LAST) {
        int high = Math.min(set.high(i), last);
        if (low <= high) {
          split(low, high, sink);
          low = high + 1;
        }
      }
    }
  }

  /** A range of one encoded length, cut where the bytes before the last ones change. */
  private static void split(int low, int high, Sink sink) {
    for (int free = 1; free < length(high); free++) {
      int mask = (1 << (6 * free)) - 1;
      if ((low & ~mask) == (high & ~mask)) {
        continue;
      }
      if ((low & mask) != 0) {
        split(low, low | mask, sink);
        split((low | mask) + 1, high, sink);
        return;
      }
      if ((high & mask) != mask) {
        split(low, (high & ~mask) - 1, sink);
        split(high & ~mask, high, sink);
        return;
      }
    }
    sink.sequence(encode(low), encode(high));
  }

  private static int length(int codePoint) {
    int length = 1;
    while (codePoint > LAST[length - 1]) {
      length++;
    }
    return length;
  }

  static int[] encode(int codePoint) {
    int length = length(codePoint);
    int[] bytes = new int[length];
    int rest = codePoint;
    for (int i = length - 1; i > 0; i--) {
      bytes[i] = 0x80 | (rest & 0x3f);
      rest >>= 6;
    }
    int[] firsts = {0, 0xc0, 0xe0, 0xf0};
    bytes[0] = firsts[length - 1] | rest;
    return bytes;
  }
}
