package dev.switchboard.chat;

import java.util.Arrays;

/**
 * A string that knows which of its characters came from users. Every operation carries that along,
 * so that the prompt can tell a control token written by the template from the same letters written
 * by a user.
 *
 * <p>Indexes are UTF-16 unless a name says code points; Python counts code points, and the callers
 * that serve Python's semantics convert.
 */
final class Text {
  private static final int[] NO_SPANS = {};

  static final Text EMPTY = new Text("", NO_SPANS, false);

  private final String value;

  /** Half-open ranges [start, end) from users, flattened, ascending, never touching. */
  private final int[] userSpans;

  /** Whether it is HTML already (the filter {@code safe}): plain text added to it is escaped. */
  private final boolean markup;

  private final int codePoints;

  Text(String value, int[] userSpans, boolean markup) {
    this.value = value;
    this.userSpans = userSpans;
    this.markup = markup;
    this.codePoints = value.codePointCount(0, value.length());
  }

  /** Text the template or the server wrote. */
  static Text literal(String value) {
    return value.isEmpty() ? EMPTY : new Text(value, NO_SPANS, false);
  }

  /** Text a user wrote. */
  static Text user(String value) {
    return value.isEmpty() ? EMPTY : new Text(value, new int[] {0, value.length()}, false);
  }

  String value() {
    return value;
  }

  int[] userSpans() {
    return userSpans;
  }

  boolean isMarkup() {
    return markup;
  }

  Text asMarkup() {
    return new Text(value, userSpans, true);
  }

  boolean isEmpty() {
    return value.isEmpty();
  }

  int length() {
    return value.length();
  }

  int codePoints() {
    return codePoints;
  }

  /** Whether some code points take two chars, so that indexes need counting. */
  boolean hasSurrogates() {
    return codePoints != value.length();
  }

  /** UTF-16 index of a code point. */
  int offset(int codePoint) {
    return hasSurrogates() ? value.offsetByCodePoints(0, codePoint) : codePoint;
  }

  boolean isUser(int index) {
    int span = spanEndingAfter(index);
    return span < userSpans.length && userSpans[span] <= index;
  }

  /** Where the characters from index on change from user to template or back. */
  int runEnd(int index) {
    int span = spanEndingAfter(index);
    if (span >= userSpans.length) {
      return value.length();
    }
    return userSpans[span] <= index ? userSpans[span + 1] : userSpans[span];
  }

  /** Position in userSpans of the first span that ends after index. */
  int spanEndingAfter(int index) {
    int low = 0;
    int high = userSpans.length >> 1;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (userSpans[2 * middle + 1] > index) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return 2 * low;
  }

  Text slice(int from, int to) {
    if (from >= to) {
      return EMPTY;
    }
    if (from == 0 && to == value.length()) {
      return this;
    }
    int[] spans = new int[userSpans.length];
    int count = 0;
    for (int i = spanEndingAfter(from); i < userSpans.length && userSpans[i] < to; i += 2) {
      spans[count++] = Math.max(userSpans[i], from) - from;
      spans[count++] = Math.min(userSpans[i + 1], to) - from;
    }
    return new Text(value.substring(from, to), Arrays.copyOf(spans, count), markup);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Text text && text.value.equals(value);
  }

  @Override
  public int hashCode() {
    return value.hashCode();
  }

  @Override
  public String toString() {
    return value;
  }
}
