package dev.switchboard.chat;

import java.math.BigDecimal;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Filters of numbers, defaults and JSON. */
final class ScalarFilters {
  static final Map<String, Filter> FILTERS =
      Map.ofEntries(
          Map.entry("abs", (in, value, a) -> abs(value)),
          Map.entry("attr", (in, value, a) -> attribute(value, a.text(0, "name").value())),
          Map.entry("count", (in, value, a) -> Values.length(value)),
          Map.entry("d", (in, value, a) -> otherwise(value, a)),
          Map.entry("default", (in, value, a) -> otherwise(value, a)),
          Map.entry("float", (in, value, a) -> real(value, a)),
          Map.entry("int", (in, value, a) -> integer(value, a)),
          Map.entry("length", (in, value, a) -> Values.length(value)),
          Map.entry("round", (in, value, a) -> round(value, a)),
          Map.entry("tojson", (in, value, a) -> JsonText.write(value, a, in.budget())));

  private ScalarFilters() {}

  private static Object abs(Object value) {
    boolean negative = Values.requireReal(value) < 0;
    return negative
        ? Numbers.negate(value)
        : value instanceof Boolean flag ? flag ? 1L : 0L : value;
  }

  /** Attributes only, no elements. */
  private static Object attribute(Object value, String name) {
    Object own = Attributes.ownAttribute(value, name);
    return own == null ? Undefined.attribute(value, name) : own;
  }

  private static Object otherwise(Object value, Arguments arguments) {
    boolean falseToo = arguments.flag(1, "boolean", false);
    boolean missing = value instanceof Undefined || (falseToo && !Values.isTrue(value));
    return missing ? arguments.get(0, "default_value", Text.EMPTY) : value;
  }

  private static Object real(Object value, Arguments arguments) {
    Object otherwise = arguments.get(0, "default", 0.0);
    return switch (value) {
      case Undefined undefined -> throw undefined.fault();
      case Text text -> orElse(Numbers.parseReal(text.value()), otherwise);
      case Number number -> number.doubleValue();
      case Boolean flag -> flag ? 1.0 : 0.0;
      default -> otherwise;
    };
  }

  private static Object orElse(@Nullable Object value, Object otherwise) {
    return value == null ? otherwise : value;
  }

  private static Object integer(Object value, Arguments arguments) {
    Object otherwise = arguments.get(0, "default", 0L);
    return switch (value) {
      case Undefined undefined -> throw undefined.fault();
      case Text text -> parse(text.value(), (int) arguments.integer(1, "base", 10), otherwise);
      case Double number -> truncate(number, otherwise);
      case Number number -> number;
      case Boolean flag -> flag ? 1L : 0L;
      default -> otherwise;
    };
  }

  private static Object parse(String text, int base, Object otherwise) {
    Number integer =
        base >= Character.MIN_RADIX && base <= Character.MAX_RADIX
            ? Numbers.parseInteger(text, base)
            : null;
    if (integer != null) {
      return integer;
    }
    Double real = Numbers.parseReal(text);
    return real == null ? otherwise : truncate(real, otherwise);
  }

  private static Object truncate(double number, Object otherwise) {
    if (Double.isNaN(number) || Double.isInfinite(number)) {
      return otherwise;
    }
    boolean fits = Math.abs(number) < 0x1p63;
    return fits ? (Object) (long) number : new BigDecimal(number).toBigInteger();
  }

  private static Object round(Object value, Arguments arguments) {
    long precision = arguments.integer(0, "precision", 0);
    String method = arguments.text(1, "method", Text.literal("common")).value();
    return Numbers.round(value, (int) Math.clamp(precision, -400L, 400L), method);
  }
}
