package dev.switchboard.chat;

import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.function.UnaryOperator;

/** Upper and lower case. Lengths may change ('ß'), so text is mapped piece by piece. */
final class TextCase {
  private TextCase() {}

  static Text upper(Text text, Budget budget) {
    return map(text, s -> s.toUpperCase(Locale.ROOT), budget);
  }

  static Text lower(Text text, Budget budget) {
    return map(text, s -> s.toLowerCase(Locale.ROOT), budget);
  }

  private static Text map(Text text, UnaryOperator<String> mapping, Budget budget) {
    TextBuilder out = new TextBuilder(budget);
    mapRange(out, text, 0, text.length(), mapping);
    return out.toText();
  }

  private static void mapRange(
      TextBuilder out, Text text, int from, int to, UnaryOperator<String> mapping) {
    for (int start = from; start < to; ) {
      int end = Math.min(to, text.runEnd(start));
      out.append(mapping.apply(text.value().substring(start, end)), text.isUser(start));
      start = end;
    }
  }

  static Text capitalize(Text text, Budget budget) {
    TextBuilder out = new TextBuilder(budget);
    word(out, text, 0, text.length());
    return out.toText();
  }

  /** The first character in title case, the others in lower case. */
  private static void word(TextBuilder out, Text text, int from, int to) {
    if (from >= to) {
      return;
    }
    int first = from + Character.charCount(text.value().codePointAt(from));
    mapRange(out, text, from, first, TextCase::titleCase);
    mapRange(out, text, first, to, s -> s.toLowerCase(Locale.ROOT));
  }

  private static String titleCase(String character) {
    String upper = character.toUpperCase(Locale.ROOT);
    return upper.codePointCount(0, upper.length()) == 1
        ? Character.toString(Character.toTitleCase(character.codePointAt(0)))
        : upper.charAt(0) + upper.substring(1).toLowerCase(Locale.ROOT);
  }

  /** Python's {@code str.title()}: a word starts after anything that is no letter. */
  static Text titleWords(Text text, Budget budget) {
    return title(text, budget, c -> !Character.isLetter(c));
  }

  /** Jinja's filter {@code title}: a word starts after white space, a hyphen or a bracket. */
  static Text titleFilter(Text text, Budget budget) {
    return title(text, budget, c -> Characters.isSpace(c) || "-({[<".indexOf(c) >= 0);
  }

  private static Text title(Text text, Budget budget, IntPredicate separates) {
    TextBuilder out = new TextBuilder(budget);
    String value = text.value();
    int start = 0;
    for (int i = 0; i < value.length(); ) {
      int c = value.codePointAt(i);
      i += Character.charCount(c);
      if (separates.test(c)) {
        word(out, text, start, i);
        start = i;
      }
    }
    word(out, text, start, value.length());
    return out.toText();
  }

  static Text swap(Text text, Budget budget) {
    TextBuilder out = new TextBuilder(budget);
    String value = text.value();
    for (int i = 0; i < value.length(); ) {
      int c = value.codePointAt(i);
      int next = i + Character.charCount(c);
      boolean upper = Character.isUpperCase(c);
      mapRange(
          out, text, i, next, s -> upper ? s.toLowerCase(Locale.ROOT) : s.toUpperCase(Locale.ROOT));
      i = next;
    }
    return out.toText();
  }

  static boolean isUpper(Text text) {
    return hasCase(text) && text.value().codePoints().noneMatch(Character::isLowerCase);
  }

  static boolean isLower(Text text) {
    return hasCase(text) && text.value().codePoints().noneMatch(Character::isUpperCase);
  }

  private static boolean hasCase(Text text) {
    return text.value()
        .codePoints()
        .anyMatch(c -> Character.isUpperCase(c) || Character.isLowerCase(c));
  }
}
