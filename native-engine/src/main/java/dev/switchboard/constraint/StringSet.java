package dev.switchboard.constraint;

import java.util.ArrayList;
import java.util.List;

/**
 * Strings that one schema describes.
 *
 * @param expressions that all match
 * @param least fewest characters
 * @param most -1 for any number
 */
record StringSet(List<RegexNfa> expressions, int least, int most) {
  boolean hasLength(int length) {
    return length >= least && !isTooLong(length);
  }

  boolean isTooLong(int length) {
    return most >= 0 && length > most;
  }

  /** Strings that both have. */
  StringSet and(StringSet other) {
    List<RegexNfa> all = new ArrayList<>(expressions);
    all.addAll(other.expressions);
    int shorter = most < 0 ? other.most : other.most < 0 ? most : Math.min(most, other.most);
    return new StringSet(List.copyOf(all), Math.max(least, other.least), shorter);
  }

  /** Whether the text is one of them. */
  boolean has(String text, CompileBudget budget) {
    return hasLength(text.codePointCount(0, text.length()))
        && expressions.stream().allMatch(each -> each.matches(text, budget));
  }

  /** From so many characters on it makes no difference how many they are. */
  int counted() {
    return most < 0 ? least : most + 1;
  }
}
