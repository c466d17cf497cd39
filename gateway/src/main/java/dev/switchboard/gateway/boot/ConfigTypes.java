package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.math.BigDecimal;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Whether a value has the type that its key wants; what was meant by one that has not. */
final class ConfigTypes {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final Pattern AMOUNT = Pattern.compile("([0-9]+(?:\\.[0-9]+)?) ?([A-Za-z%]*)");
  private static final Map<String, String> MILLIS =
      Map.of("ms", "1", "s", "1000", "m", "60000", "min", "60000", "h", "3600000");
  private static final Map<String, String> BYTES =
      Map.of(
          "b",
          "1",
          "k",
          "1024",
          "kb",
          "1000",
          "kib",
          "1024",
          "m",
          "1048576",
          "mb",
          "1000000",
          "mib",
          "1048576",
          "gb",
          "1000000000",
          "gib",
          "1073741824");

  private ConfigTypes() {}

  /**
   * The value, or the one that was meant.
   *
   * @param mayBeNull whether nothing is a value too
   * @return null where nobody knows what was meant
   */
  static @Nullable JsonNode checked(
      Class<?> type,
      boolean mayBeNull,
      ConfigYaml.Scalar given,
      String path,
      List<ConfigFault> faults,
      int line) {
    JsonNode value = given.value();
    if (text(type) && value.isValueNode() && !value.isNull()) {
      return JSON.textNode(value.isTextual() ? value.asText() : given.text());
    }
    if (good(type, value) || (value.isNull() && mayBeNull)) {
      return value;
    }
    JsonNode meant = meant(type, value, path);
    faults.add(
        new ConfigFault(
            path,
            line,
            "must be " + words(type, path) + ", not " + value,
            meant == null ? ConfigShape.example(path) : "write " + ConfigShape.flow(meant)));
    return meant;
  }

  /** Text may be written without quotes, though it looks like a number or a truth. */
  private static boolean text(Class<?> type) {
    return type == String.class || type == Path.class || type.isEnum();
  }

  private static boolean good(Class<?> type, JsonNode value) {
    if (type == int.class || type == Integer.class) {
      return value.isIntegralNumber() && value.canConvertToInt();
    }
    if (type == long.class || type == Long.class) {
      return value.isIntegralNumber() && value.canConvertToLong();
    }
    if (type == double.class || type == Double.class) {
      return value.isNumber();
    }
    if (type == boolean.class || type == Boolean.class) {
      return value.isBoolean();
    }
    if (type == URI.class && value.isTextual()) {
      return url(value.asText());
    }
    return value.isTextual();
  }

  private static boolean url(String text) {
    try {
      URI _ = URI.create(text);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** The type in words. */
  static String words(Class<?> type, String path) {
    if (type == int.class || type == Integer.class) {
      return "a whole number" + unit(path) + " of at most " + Integer.MAX_VALUE;
    }
    if (type == long.class || type == Long.class) {
      return "a whole number" + unit(path);
    }
    if (type == double.class || type == Double.class) {
      return "a number" + unit(path);
    }
    if (type == boolean.class || type == Boolean.class) {
      return "true or false";
    }
    return type == URI.class ? "a URL" : "text";
  }

  private static String unit(String path) {
    String unit = ConfigReference.unit(path);
    return unit.isEmpty() ? "" : " of " + unit;
  }

  private static @Nullable JsonNode meant(Class<?> type, JsonNode value, String path) {
    String text = value.asText().strip();
    if (type == boolean.class || type == Boolean.class) {
      return switch (text.toLowerCase(Locale.ROOT)) {
        case "true", "yes", "on" -> JSON.booleanNode(true);
        case "false", "no", "off" -> JSON.booleanNode(false);
        default -> null;
      };
    }
    if (!type.isPrimitive() && !Number.class.isAssignableFrom(type)) {
      return null;
    }
    Matcher amount = AMOUNT.matcher(text);
    if (!amount.matches()) {
      return null;
    }
    BigDecimal number = scaled(amount.group(1), amount.group(2), path);
    boolean whole = type != double.class && type != Double.class;
    if (number == null || (whole && number.stripTrailingZeros().scale() > 0)) {
      return null;
    }
    return whole
        ? number.compareTo(BigDecimal.valueOf(Integer.MAX_VALUE)) > 0
                && type != long.class
                && type != Long.class
            ? null
            : JSON.numberNode(number.longValue())
        : JSON.numberNode(number.doubleValue());
  }

  /** In the unit of the key. */
  private static @Nullable BigDecimal scaled(String number, String unit, String path) {
    BigDecimal given = new BigDecimal(number);
    if (unit.isEmpty()) {
      return given;
    }
    String word = unit.toLowerCase(Locale.ROOT);
    String factor = path.endsWith("-bytes") ? BYTES.get(word) : MILLIS.get(word);
    if (word.equals("%")) {
      return given.movePointLeft(2);
    }
    if (factor == null) {
      return null;
    }
    BigDecimal scaled = given.multiply(new BigDecimal(factor));
    if (path.endsWith("-seconds")) {
      return scaled.movePointLeft(3);
    }
    return path.endsWith("-bytes") || path.endsWith("-ms") ? scaled : null;
  }
}
