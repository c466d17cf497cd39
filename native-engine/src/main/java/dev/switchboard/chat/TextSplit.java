package dev.switchboard.chat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Python's ways to split a string. */
final class TextSplit {
  private TextSplit() {}

  static List<Object> split(Text text, Arguments arguments, Budget budget) {
    Object separator = arguments.get(0, "sep", None.NONE);
    long most = limit(arguments);
    return separator == None.NONE
        ? words(text, most, budget)
        : splitAt(text, separator(separator), most, budget);
  }

  private static long limit(Arguments arguments) {
    long most = arguments.integer(1, "maxsplit", -1);
    return most < 0 ? Long.MAX_VALUE : most;
  }

  private static String separator(Object value) {
    Text separator = Values.requireText(value);
    if (separator.isEmpty()) {
      throw new Fault("empty separator");
    }
    return separator.value();
  }

  private static List<Object> splitAt(Text text, String separator, long most, Budget budget) {
    List<Object> parts = new ArrayList<>();
    int from = 0;
    int at = TextSearch.first(text.value(), separator, 0);
    while (at >= 0 && parts.size() < most) {
      budget.step();
      parts.add(text.slice(from, at));
      from = at + separator.length();
      at = TextSearch.first(text.value(), separator, from);
    }
    parts.add(text.slice(from, text.length()));
    budget.elements(parts.size());
    return parts;
  }

  private static List<Object> words(Text text, long most, Budget budget) {
    List<Object> words = new ArrayList<>();
    String value = text.value();
    int at = Characters.spaceEnd(value, 0);
    while (at < value.length()) {
      budget.step();
      int end = words.size() < most ? wordEnd(value, at) : value.length();
      words.add(text.slice(at, end));
      at = Characters.spaceEnd(value, end);
    }
    budget.elements(words.size());
    return words;
  }

  private static int wordEnd(String value, int from) {
    int end = from;
    while (end < value.length() && !Characters.isSpace(value.charAt(end))) {
      end++;
    }
    return end;
  }

  static List<Object> splitFromRight(Text text, Arguments arguments, Budget budget) {
    Object separator = arguments.get(0, "sep", None.NONE);
    long most = limit(arguments);
    List<Object> parts =
        separator == None.NONE
            ? wordsFromRight(text, most, budget)
            : splitAtFromRight(text, separator(separator), most, budget);
    Collections.reverse(parts);
    budget.elements(parts.size());
    return parts;
  }

  private static List<Object> splitAtFromRight(
      Text text, String separator, long most, Budget budget) {
    List<Object> parts = new ArrayList<>();
    int end = text.length();
    int at = TextSearch.last(text.value(), separator, end);
    while (at >= 0 && parts.size() < most) {
      budget.step();
      parts.add(text.slice(at + separator.length(), end));
      end = at;
      at =
          end < separator.length()
              ? -1
              : TextSearch.last(text.value(), separator, end - separator.length());
    }
    parts.add(text.slice(0, end));
    return parts;
  }

  private static List<Object> wordsFromRight(Text text, long most, Budget budget) {
    List<Object> words = new ArrayList<>();
    String value = text.value();
    int end = Characters.spaceStart(value, value.length());
    while (end > 0) {
      budget.step();
      int start = words.size() < most ? wordStart(value, end) : 0;
      words.add(text.slice(start, end));
      end = words.size() <= most && start > 0 ? Characters.spaceStart(value, start) : 0;
    }
    return words;
  }

  private static int wordStart(String value, int to) {
    int start = to;
    while (start > 0 && !Characters.isSpace(value.charAt(start - 1))) {
      start--;
    }
    return start;
  }

  static List<Object> lines(Text text, boolean keepEnds, Budget budget) {
    List<Object> lines = new ArrayList<>();
    String value = text.value();
    int start = 0;
    for (int i = 0; i < value.length(); i++) {
      if (!Characters.isLineBreak(value.charAt(i))) {
        continue;
      }
      budget.step();
      boolean pair = value.startsWith("\r\n", i);
      int end = i + (pair ? 2 : 1);
      lines.add(text.slice(start, keepEnds ? end : i));
      start = end;
      i = end - 1;
    }
    if (start < value.length()) {
      lines.add(text.slice(start, value.length()));
    }
    budget.elements(lines.size());
    return lines;
  }
}
