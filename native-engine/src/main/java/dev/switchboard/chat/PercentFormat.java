package dev.switchboard.chat;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Python's {@code format % values}. */
final class PercentFormat {
  private final Text format;
  private final Object values;
  private final Budget budget;
  private final TextBuilder out;
  private int at;
  private int used;

  private PercentFormat(Text format, Object values, Budget budget) {
    this.format = format;
    this.values = values;
    this.budget = budget;
    this.out = new TextBuilder(budget);
  }

  /** Values are a tuple, a dict for named fields, or a single value. */
  static Text format(Text format, Object values, Budget budget) {
    return new PercentFormat(format, values, budget).run();
  }

  private Text run() {
    String text = format.value();
    while (at < text.length()) {
      int percent = text.indexOf('%', at);
      int end = percent < 0 ? text.length() : percent;
      out.append(format, at, end);
      at = end;
      if (percent >= 0) {
        at++;
        field();
      }
    }
    requireAllUsed();
    return out.toText();
  }

  /** A dict or a list may stay unused. */
  private void requireAllUsed() {
    boolean unused =
        switch (values) {
          case Tuple(List<Object> items) -> used < items.size();
          case Map<?, ?> map -> false;
          case List<?> list -> false;
          default -> used == 0;
        };
    if (unused) {
      throw new Fault("not all arguments converted during string formatting");
    }
  }

  private void field() {
    Object named = name();
    FieldFormat field = new FieldFormat();
    at = field.readPercentFlags(format.value(), at);
    char conversion = charAt(at++);
    if (conversion == '%') {
      out.append("%");
      return;
    }
    Object value = named != null ? named : nextValue();
    Text shown =
        switch (conversion) {
          case 's' -> PythonText.str(value, budget);
          case 'r', 'a' -> PythonText.repr(value, budget);
          case 'c' -> value instanceof Text text ? text : character(Values.requireInteger(value));
          case 'd', 'i', 'u', 'x', 'X', 'o', 'f', 'F', 'e', 'E', 'g', 'G' ->
              field.number(value, conversion);
          default -> throw new Fault("unsupported format character '" + conversion + "'");
        };
    out.append(field.padRight("sra".indexOf(conversion) < 0, shown, budget));
  }

  static Text character(long code) {
    if (!Character.isValidCodePoint(Math.clamp(code, -1, Integer.MAX_VALUE))) {
      throw new Fault("a character code is out of range");
    }
    return Text.literal(Character.toString((int) code));
  }

  private @Nullable Object name() {
    if (charAt(at) != '(') {
      return null;
    }
    int end = format.value().indexOf(')', at);
    if (end < 0) {
      throw new Fault("incomplete format key");
    }
    Map<Object, Object> map = Values.requireMap(values);
    Object value = map.get(format.slice(at + 1, end));
    if (value == null) {
      throw new Fault("a format key has no value");
    }
    at = end + 1;
    return value;
  }

  private Object nextValue() {
    List<Object> items = values instanceof Tuple tuple ? tuple.items() : List.of(values);
    if (used >= items.size()) {
      throw new Fault("not enough arguments for format string");
    }
    return items.get(used++);
  }

  private char charAt(int index) {
    if (index >= format.length()) {
      throw new Fault("incomplete format");
    }
    return format.value().charAt(index);
  }
}
