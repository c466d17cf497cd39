package dev.switchboard.chat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;
import java.util.function.IntPredicate;
import java.util.function.ToIntBiFunction;
import org.jspecify.annotations.Nullable;

/** Python's string methods. */
final class TextMethods {
  @FunctionalInterface
  private interface Method {
    Object apply(Text text, Arguments arguments, Budget budget);
  }

  private static final Map<String, Filter> METHODS =
      Map.ofEntries(
          method("capitalize", (t, a, b) -> TextCase.capitalize(t, b)),
          method("casefold", (t, a, b) -> TextCase.lower(t, b)),
          method("center", (t, a, b) -> TextLayout.pad(t, a, b, TextLayout.Side.BOTH)),
          method("count", (t, a, b) -> count(t, a)),
          method("endswith", (t, a, b) -> matchesAny(t, a, b, String::endsWith)),
          method("expandtabs", (t, a, b) -> TextLayout.expandTabs(t, a, b)),
          method("find", (t, a, b) -> find(t, a, TextMethods::first)),
          method("format", (t, a, b) -> BraceFormat.format(t, a, b)),
          method("index", (t, a, b) -> index(t, a, TextMethods::first)),
          method("isalnum", (t, a, b) -> all(t, Character::isLetterOrDigit)),
          method("isalpha", (t, a, b) -> all(t, Character::isLetter)),
          method("isascii", (t, a, b) -> t.value().chars().allMatch(c -> c < 0x80)),
          method("isdecimal", (t, a, b) -> all(t, Character::isDigit)),
          method("isdigit", (t, a, b) -> all(t, Character::isDigit)),
          method("islower", (t, a, b) -> TextCase.isLower(t)),
          method("isnumeric", (t, a, b) -> all(t, Character::isDigit)),
          method("isspace", (t, a, b) -> all(t, Characters::isSpace)),
          method("isupper", (t, a, b) -> TextCase.isUpper(t)),
          method("join", (t, a, b) -> join(t, a.required(0, "iterable"), b)),
          method("ljust", (t, a, b) -> TextLayout.pad(t, a, b, TextLayout.Side.RIGHT)),
          method("lower", (t, a, b) -> TextCase.lower(t, b)),
          method("lstrip", (t, a, b) -> strip(t, a, b, true, false)),
          method("partition", (t, a, b) -> partition(t, a.text(0, "sep"), false)),
          method("removeprefix", (t, a, b) -> removePrefix(t, a.text(0, "prefix"))),
          method("removesuffix", (t, a, b) -> removeSuffix(t, a.text(0, "suffix"))),
          method("replace", (t, a, b) -> replace(t, a, b)),
          method("rfind", (t, a, b) -> find(t, a, TextMethods::last)),
          method("rindex", (t, a, b) -> index(t, a, TextMethods::last)),
          method("rjust", (t, a, b) -> TextLayout.pad(t, a, b, TextLayout.Side.LEFT)),
          method("rpartition", (t, a, b) -> partition(t, a.text(0, "sep"), true)),
          method("rsplit", (t, a, b) -> TextSplit.splitFromRight(t, a, b)),
          method("rstrip", (t, a, b) -> strip(t, a, b, false, true)),
          method("split", (t, a, b) -> TextSplit.split(t, a, b)),
          method("splitlines", (t, a, b) -> TextSplit.lines(t, a.flag(0, "keepends", false), b)),
          method("startswith", (t, a, b) -> matchesAny(t, a, b, String::startsWith)),
          method("strip", (t, a, b) -> strip(t, a, b, true, true)),
          method("swapcase", (t, a, b) -> TextCase.swap(t, b)),
          method("title", (t, a, b) -> TextCase.titleWords(t, b)),
          method("upper", (t, a, b) -> TextCase.upper(t, b)),
          method("zfill", (t, a, b) -> TextLayout.zeroFill(t, a.integer(0, "width", 0), b)));

  private TextMethods() {}

  private static Map.Entry<String, Filter> method(String name, Method method) {
    return Map.entry(
        name,
        (interpreter, value, arguments) -> {
          Text text = (Text) value;
          interpreter.budget().chars(text.length());
          return method.apply(text, arguments, interpreter.budget());
        });
  }

  static @Nullable Filter find(String name) {
    return METHODS.get(name);
  }

  /** What the arguments {@code start} and {@code end} leave of a text. */
  private record Part(String text, long start) {
    /** Null when the part would end before it starts, where not even the empty string is found. */
    static @Nullable Part of(Text whole, Arguments arguments) {
      long size = whole.codePoints();
      long start = bound(arguments.integer(1, "start", 0), size);
      long end = Math.min(size, bound(arguments.integer(2, "end", size), size));
      return start > end
          ? null
          : new Part(
              whole.value().substring(whole.offset((int) start), whole.offset((int) end)), start);
    }

    private static long bound(long index, long size) {
      return index < 0 ? Math.max(0, index + size) : index;
    }
  }

  private static int first(String text, String wanted) {
    return TextSearch.first(text, wanted, 0);
  }

  private static int last(String text, String wanted) {
    return TextSearch.last(text, wanted, text.length());
  }

  private static Object count(Text text, Arguments arguments) {
    Text wanted = arguments.text(0, "sub");
    Part part = Part.of(text, arguments);
    if (part == null) {
      return 0L;
    }
    if (wanted.isEmpty()) {
      return part.text().codePointCount(0, part.text().length()) + 1L;
    }
    long count = 0;
    int step = wanted.length();
    for (int at = first(part.text(), wanted.value()); at >= 0; count++) {
      at = TextSearch.first(part.text(), wanted.value(), at + step);
    }
    return count;
  }

  private static long find(
      Text text, Arguments arguments, ToIntBiFunction<String, String> indexOf) {
    String wanted = arguments.text(0, "sub").value();
    Part part = Part.of(text, arguments);
    int at = part == null ? -1 : indexOf.applyAsInt(part.text(), wanted);
    return part == null || at < 0 ? -1 : part.start() + part.text().codePointCount(0, at);
  }

  private static Object index(
      Text text, Arguments arguments, ToIntBiFunction<String, String> indexOf) {
    long at = find(text, arguments, indexOf);
    if (at < 0) {
      throw new Fault("substring not found");
    }
    return at;
  }

  private static Object all(Text text, IntPredicate predicate) {
    return !text.isEmpty() && text.value().codePoints().allMatch(predicate);
  }

  /** The argument is one string or a tuple of them. */
  private static Object matchesAny(
      Text text, Arguments arguments, Budget budget, BiPredicate<String, String> matches) {
    Object wanted = arguments.required(0, "prefix");
    List<Object> all = wanted instanceof Text ? List.of(wanted) : Values.iterate(wanted, budget);
    Part part = Part.of(text, arguments);
    for (Object each : all) {
      String one = Values.requireText(each).value();
      budget.chars(Math.min(one.length(), text.length()));
      if (part != null && matches.test(part.text(), one)) {
        return true;
      }
    }
    return false;
  }

  private static Object join(Text separator, Object items, Budget budget) {
    TextBuilder out = new TextBuilder(budget);
    boolean first = true;
    for (Object item : Values.iterate(items, budget)) {
      out.append(first ? Text.EMPTY : separator).append(Values.requireText(item));
      first = false;
    }
    return out.toText();
  }

  static Text strip(Text text, Arguments arguments, Budget budget, boolean left, boolean right) {
    Object chars = arguments.get(0, "chars", None.NONE);
    if (chars == None.NONE) {
      return strip(text, Characters::isSpace, left, right);
    }
    String set = Values.requireText(chars).value();
    budget.chars(set.length());
    BitSet stripped = new BitSet();
    set.codePoints().forEach(stripped::set);
    return strip(text, stripped::get, left, right);
  }

  private static Text strip(Text text, IntPredicate strips, boolean left, boolean right) {
    String value = text.value();
    int start = 0;
    int end = value.length();
    while (left && start < end && strips.test(value.codePointAt(start))) {
      start += Character.charCount(value.codePointAt(start));
    }
    while (right && end > start && strips.test(value.codePointBefore(end))) {
      end -= Character.charCount(value.codePointBefore(end));
    }
    return text.slice(start, end);
  }

  private static Object partition(Text text, Text separator, boolean last) {
    if (separator.isEmpty()) {
      throw new Fault("empty separator");
    }
    String value = text.value();
    int at = last ? last(value, separator.value()) : first(value, separator.value());
    if (at < 0) {
      return last ? Tuple.of(Text.EMPTY, Text.EMPTY, text) : Tuple.of(text, Text.EMPTY, Text.EMPTY);
    }
    int end = at + separator.length();
    return Tuple.of(text.slice(0, at), separator, text.slice(end, text.length()));
  }

  private static Object removePrefix(Text text, Text prefix) {
    return text.value().startsWith(prefix.value())
        ? text.slice(prefix.length(), text.length())
        : text;
  }

  private static Object removeSuffix(Text text, Text suffix) {
    return text.value().endsWith(suffix.value())
        ? text.slice(0, text.length() - suffix.length())
        : text;
  }

  private static Object replace(Text text, Arguments arguments, Budget budget) {
    long count = arguments.integer(2, "count", -1);
    return replace(text, arguments.text(0, "old"), arguments.text(1, "new"), count, budget);
  }

  /** Count below 0 replaces all. */
  static Text replace(Text text, Text old, Text with, long count, Budget budget) {
    if (old.isEmpty()) {
      return interleave(text, with, count, budget);
    }
    TextBuilder out = new TextBuilder(budget);
    int from = 0;
    int at = first(text.value(), old.value());
    for (long left = count; at >= 0 && left != 0; left--) {
      out.append(text, from, at).append(with);
      from = at + old.length();
      at = TextSearch.first(text.value(), old.value(), from);
    }
    return out.append(text, from, text.length()).toText();
  }

  /** What replacing the empty string does: the new one goes around every character. */
  private static Text interleave(Text text, Text with, long count, Budget budget) {
    TextBuilder out = new TextBuilder(budget);
    List<Object> characters = new ArrayList<>(Values.iterate(text, budget));
    characters.add(Text.EMPTY);
    long left = count < 0 ? Long.MAX_VALUE : count;
    for (Object character : characters) {
      if (left-- > 0) {
        out.append(with);
      }
      out.append((Text) character);
    }
    return out.toText();
  }
}
