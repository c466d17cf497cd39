package dev.switchboard.chat;

import java.security.SecureRandom;

/**
 * Where a text stands in another one, in time that grows with the sum of their lengths. {@code
 * String.indexOf} takes their product where the texts are made for it ({@code 'a' * n} with {@code
 * 'b'} at the end), which no limit of steps would see.
 *
 * <p>Long texts are found by a rolling hash (Karp and Rabin, 1987) modulo 2^61 − 1. The base is
 * drawn once for each process, so that nobody can write texts whose hashes collide; what has an
 * equal hash is compared.
 */
final class TextSearch {
  /** Up to this length {@code String.indexOf} is faster whatever the texts. */
  private static final int SHORT = 16;

  private static final long PRIME = (1L << 61) - 1;
  private static final long BASE = 0x1_0000 + (new SecureRandom().nextInt() & 0x7fff_ffffL);

  private TextSearch() {}

  /** The first place at or behind {@code from}, or -1. */
  static int first(String text, String wanted, int from) {
    int last = text.length() - wanted.length();
    if (wanted.length() <= SHORT || from >= last) {
      return text.indexOf(wanted, from);
    }
    long hash = hash(wanted, 0, wanted.length());
    long window = hash(text, from, from + wanted.length());
    long highest = power(wanted.length() - 1);
    for (int at = from; ; at++) {
      if (window == hash && text.startsWith(wanted, at)) {
        return at;
      }
      if (at == last) {
        return -1;
      }
      window = minus(window, times(highest, text.charAt(at)));
      window = plus(times(window, BASE), text.charAt(at + wanted.length()));
    }
  }

  /** The last place at or before {@code from}, or -1. */
  static int last(String text, String wanted, int from) {
    int start = Math.min(from, text.length() - wanted.length());
    if (wanted.length() <= SHORT || start <= 0) {
      return text.lastIndexOf(wanted, from);
    }
    // From the right a text is its mirror image, whose hash rolls in the same way.
    long hash = mirrored(wanted, 0, wanted.length());
    long window = mirrored(text, start, start + wanted.length());
    long highest = power(wanted.length() - 1);
    for (int at = start; ; at--) {
      if (window == hash && text.startsWith(wanted, at)) {
        return at;
      }
      if (at == 0) {
        return -1;
      }
      window = minus(window, times(highest, text.charAt(at + wanted.length() - 1)));
      window = plus(times(window, BASE), text.charAt(at - 1));
    }
  }

  private static long hash(String text, int from, int to) {
    long hash = 0;
    for (int i = from; i < to; i++) {
      hash = plus(times(hash, BASE), text.charAt(i));
    }
    return hash;
  }

  private static long mirrored(String text, int from, int to) {
    long hash = 0;
    for (int i = to - 1; i >= from; i--) {
      hash = plus(times(hash, BASE), text.charAt(i));
    }
    return hash;
  }

  private static long power(int exponent) {
    long power = 1;
    for (int i = 0; i < exponent; i++) {
      power = times(power, BASE);
    }
    return power;
  }

  private static long plus(long a, long b) {
    long sum = a + b;
    return sum >= PRIME ? sum - PRIME : sum;
  }

  private static long minus(long a, long b) {
    return a >= b ? a - b : a - b + PRIME;
  }

  private static long times(long a, long b) {
    long high = Math.multiplyHigh(a, b);
    long low = a * b;
    return plus((high << 3) | (low >>> 61), low & PRIME);
  }
}
