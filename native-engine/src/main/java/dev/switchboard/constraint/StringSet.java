package dev.switchboard.constraint;

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
