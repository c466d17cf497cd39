package dev.switchboard.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * Reads the fields of one JSON object and names the field in every complaint. A field that is null
 * counts as absent.
 */
final class JsonFields {
  private final ObjectNode node;
  private final String path;

  private JsonFields(ObjectNode node, String path) {
    this.node = node;
    this.path = path;
  }

  /** The body itself. */
  static JsonFields root(ObjectNode node) {
    return new JsonFields(node, "");
  }

  /** The value found at a path as an object. */
  static JsonFields at(JsonNode value, String path) {
    if (value instanceof ObjectNode object) {
      return new JsonFields(object, path);
    }
    throw wrongType(path, "an object", value);
  }

  static ApiException invalid(String path, String complaint) {
    return new ApiException(ApiError.invalid(path, path + " " + complaint + "."));
  }

  static ApiException unsupported(String path, String complaint) {
    return new ApiException(ApiError.unsupported(path, path + " " + complaint + "."));
  }

  static ApiException wrongType(String path, String wanted, JsonNode found) {
    String kind =
        switch (found.getNodeType()) {
          case OBJECT -> "an object";
          case ARRAY -> "an array";
          case STRING -> "a string";
          case BOOLEAN -> "a boolean";
          case NUMBER -> "a number";
          case NULL, MISSING, BINARY, POJO -> "null";
        };
    return invalid(path, "must be " + wanted + ", but is " + kind);
  }

  String path(String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  ObjectNode node() {
    return node;
  }

  @Nullable JsonNode get(String name) {
    JsonNode value = node.get(name);
    return value == null || value.isNull() ? null : value;
  }

  boolean has(String name) {
    return get(name) != null;
  }

  JsonNode required(String name) {
    JsonNode value = get(name);
    if (value == null) {
      throw invalid(path(name), "is required");
    }
    return value;
  }

  boolean bool(String name, boolean otherwise) {
    JsonNode value = get(name);
    if (value == null) {
      return otherwise;
    }
    if (!value.isBoolean()) {
      throw wrongType(path(name), "a boolean", value);
    }
    return value.booleanValue();
  }

  @Nullable String string(String name, int minChars, int maxChars) {
    JsonNode value = get(name);
    return value == null ? null : string(value, path(name), minChars, maxChars);
  }

  String requiredString(String name, int minChars, int maxChars) {
    return string(required(name), path(name), minChars, maxChars);
  }

  static String string(JsonNode value, String path, int minChars, int maxChars) {
    if (!value.isTextual()) {
      throw wrongType(path, "a string", value);
    }
    String text = PlainJson.text(value.textValue());
    if (text.length() < minChars) {
      throw invalid(path, "must not be empty");
    }
    if (text.length() > maxChars) {
      throw invalid(path, "must have at most " + maxChars + " characters");
    }
    return text;
  }

  int integer(String name, int min, int max, int otherwise) {
    JsonNode value = get(name);
    return value == null ? otherwise : integer(value, path(name), min, max);
  }

  @Nullable Integer optionalInteger(String name, int min, int max) {
    JsonNode value = get(name);
    return value == null ? null : (Integer) integer(value, path(name), min, max);
  }

  static int integer(JsonNode value, String path, int min, int max) {
    return (int) integer(value, path, (long) min, (long) max);
  }

  /** Accepts 5.0 for 5: JSON has one kind of number, and some encoders write it so. */
  static long integer(JsonNode value, String path, long min, long max) {
    if (!value.isNumber()) {
      throw wrongType(path, "an integer", value);
    }
    double real = value.doubleValue();
    boolean whole =
        value.isIntegralNumber() || (real == Math.rint(real) && Math.abs(real) < 1L << 53);
    if (!whole) {
      throw invalid(path, "must be an integer");
    }
    boolean fits = !value.isIntegralNumber() || value.canConvertToLong();
    long number = value.isIntegralNumber() ? value.longValue() : (long) real;
    if (!fits || number < min || number > max) {
      throw invalid(path, "must be an integer from " + min + " to " + max);
    }
    return number;
  }

  @Nullable Long optionalLong(String name) {
    JsonNode value = get(name);
    return value == null ? null : (Long) integer(value, path(name), Long.MIN_VALUE, Long.MAX_VALUE);
  }

  float real(String name, float min, float max, float otherwise) {
    JsonNode value = get(name);
    return value == null ? otherwise : real(value, path(name), min, max);
  }

  /** The bounds are checked on the float that is kept: 1e-60 is 0 and no valid {@code top_p}. */
  float positive(String name, float max, float otherwise) {
    float number = real(name, 0, max, otherwise);
    if (number <= 0) {
      throw invalid(path(name), "must be above 0 and at most " + bound(max));
    }
    return number;
  }

  static float real(JsonNode value, String path, float min, float max) {
    if (!value.isNumber()) {
      throw wrongType(path, "a number", value);
    }
    float number = (float) value.doubleValue();
    if (!(number >= min && number <= max)) {
      throw invalid(path, "must be a number from " + bound(min) + " to " + bound(max));
    }
    return number + 0.0f;
  }

  private static String bound(float value) {
    return value == (int) value ? Integer.toString((int) value) : Float.toString(value);
  }

  @Nullable JsonFields object(String name) {
    JsonNode value = get(name);
    return value == null ? null : at(value, path(name));
  }

  JsonFields requiredObject(String name) {
    return at(required(name), path(name));
  }

  /** The elements of an array of at most maxSize, each read with its path; empty when absent. */
  <T> List<T> list(String name, int maxSize, BiFunction<JsonNode, String, T> reader) {
    JsonNode value = get(name);
    return value == null ? List.of() : list(value, path(name), maxSize, reader);
  }

  static <T> List<T> list(
      JsonNode value, String path, int maxSize, BiFunction<JsonNode, String, T> reader) {
    ArrayNode array = array(value, path, maxSize);
    List<T> list = new ArrayList<>(array.size());
    for (int i = 0; i < array.size(); i++) {
      list.add(reader.apply(array.get(i), path + "[" + i + "]"));
    }
    return list;
  }

  static ArrayNode array(JsonNode value, String path, int maxSize) {
    if (!(value instanceof ArrayNode array)) {
      throw wrongType(path, "an array", value);
    }
    if (array.size() > maxSize) {
      throw invalid(path, "must have at most " + maxSize + " elements");
    }
    return array;
  }
}
