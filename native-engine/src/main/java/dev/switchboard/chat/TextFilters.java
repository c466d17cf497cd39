package dev.switchboard.chat;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.LinkedHashMap;
import java.util.Map;

/** Filters that take a string, or anything printed as one. */
final class TextFilters {
  @FunctionalInterface
  private interface OfText {
    Object apply(Text text, Arguments arguments, Budget budget);
  }

  static final Map<String, Filter> FILTERS =
      Map.ofEntries(
          filter("capitalize", (t, a, b) -> TextCase.capitalize(t, b)),
          filter("center", (t, a, b) -> TextLayout.pad(t, a, b, TextLayout.Side.BOTH)),
          filter("e", (t, a, b) -> t.isMarkup() ? t : Markup.escape(t, b).asMarkup()),
          filter("escape", (t, a, b) -> t.isMarkup() ? t : Markup.escape(t, b).asMarkup()),
          filter("forceescape", (t, a, b) -> Markup.escape(t, b).asMarkup()),
          filter("format", TextFilters::format),
          filter("indent", (t, a, b) -> TextLayout.indent(t, a, b)),
          filter("lower", (t, a, b) -> TextCase.lower(t, b)),
          filter("replace", TextFilters::replace),
          filter("safe", (t, a, b) -> t.asMarkup()),
          filter("string", (t, a, b) -> t),
          filter("striptags", (t, a, b) -> Markup.withoutTags(t, b)),
          filter("title", (t, a, b) -> TextCase.titleFilter(t, b)),
          filter("trim", TextFilters::trim),
          filter("truncate", (t, a, b) -> TextLayout.truncate(t, a, b)),
          filter("upper", (t, a, b) -> TextCase.upper(t, b)),
          filter("urlencode", (t, a, b) -> encodeUrl(t, b)),
          filter("wordcount", (t, a, b) -> TextLayout.wordCount(t)),
          Map.entry(
              "wordwrap",
              (in, value, a) -> TextWrap.wrap(Values.requireText(value), a, in.budget())));

  private TextFilters() {}

  private static Map.Entry<String, Filter> filter(String name, OfText filter) {
    return Map.entry(
        name,
        (interpreter, value, arguments) -> {
          Budget budget = interpreter.budget();
          return filter.apply(PythonText.str(value, budget), arguments, budget);
        });
  }

  private static Object trim(Text text, Arguments arguments, Budget budget) {
    return TextMethods.strip(text, arguments, budget, true, true);
  }

  private static Object replace(Text text, Arguments arguments, Budget budget) {
    Text old = PythonText.str(arguments.required(0, "old"), budget);
    Text with = PythonText.str(arguments.required(1, "new"), budget);
    return TextMethods.replace(text, old, with, arguments.integer(2, "count", -1), budget);
  }

  private static Object format(Text text, Arguments arguments, Budget budget) {
    if (arguments.named().isEmpty()) {
      return PercentFormat.format(text, new Tuple(arguments.positional()), budget);
    }
    Map<Object, Object> named = new LinkedHashMap<>();
    arguments.named().forEach((name, value) -> named.put(Text.literal(name), value));
    return PercentFormat.format(text, named, budget);
  }

  private static Text encodeUrl(Text text, Budget budget) {
    TextBuilder out = new TextBuilder(budget);
    String value = text.value();
    for (int i = 0; i < value.length(); ) {
      int next = i + Character.charCount(value.codePointAt(i));
      out.append(encodeUrl(value.substring(i, next)), text.isUser(i));
      i = next;
    }
    return out.toText();
  }

  private static String encodeUrl(String character) {
    char c = character.charAt(0);
    boolean plain = c < 0x80 && (Character.isLetterOrDigit(c) || "_.-~/".indexOf(c) >= 0);
    if (plain) {
      return character;
    }
    StringBuilder out = new StringBuilder();
    for (byte b : character.getBytes(UTF_8)) {
      out.append('%').append(String.format("%02X", b & 0xff));
    }
    return out.toString();
  }
}
