package dev.switchboard.chat;

import java.util.Arrays;

/** Builds a {@link Text} within the limits. */
final class TextBuilder {
  private final Budget budget;
  private final StringBuilder chars = new StringBuilder();
  private int[] spans = {};
  private int spanCount;

  TextBuilder(Budget budget) {
    this.budget = budget;
  }

  int length() {
    return chars.length();
  }

  /** Text of the template. */
  TextBuilder append(String text) {
    reserve(text.length());
    chars.append(text);
    return this;
  }

  TextBuilder append(Text text) {
    return append(text, 0, text.length());
  }

  TextBuilder append(Text text, int from, int to) {
    if (from >= to) {
      return this;
    }
    reserve(to - from);
    int shift = chars.length() - from;
    int[] theirs = text.userSpans();
    for (int i = text.spanEndingAfter(from); i < theirs.length && theirs[i] < to; i += 2) {
      addSpan(Math.max(theirs[i], from) + shift, Math.min(theirs[i + 1], to) + shift);
    }
    chars.append(text.value(), from, to);
    return this;
  }

  TextBuilder append(String text, boolean user) {
    if (user && !text.isEmpty()) {
      addSpan(chars.length(), chars.length() + text.length());
    }
    return append(text);
  }

  TextBuilder repeat(Text text, long times) {
    budget.length(Math.max(times, 0) * text.length());
    for (long i = 0; i < times; i++) {
      append(text);
    }
    return this;
  }

  private void reserve(int more) {
    budget.chars(more);
    budget.length((long) chars.length() + more);
  }

  private void addSpan(int start, int end) {
    if (spanCount > 0 && spans[spanCount - 1] == start) {
      spans[spanCount - 1] = end;
      return;
    }
    if (spanCount == spans.length) {
      spans = Arrays.copyOf(spans, Math.max(8, 2 * spanCount));
    }
    spans[spanCount++] = start;
    spans[spanCount++] = end;
  }

  Text toText() {
    if (chars.isEmpty()) {
      return Text.EMPTY;
    }
    return new Text(chars.toString(), Arrays.copyOf(spans, spanCount), false);
  }
}
