package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.POJONode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The keywords of one schema, with a complaint that names the path for each that is wrong. */
final class SchemaKeywords {
  /** Say nothing about what is valid, as everybody knows. */
  private static final Set<String> ANNOTATIONS =
      Set.of(
          "title",
          "description",
          "default",
          "examples",
          "deprecated",
          "readOnly",
          "writeOnly",
          "contentEncoding",
          "contentMediaType",
          "contentSchema",
          "$comment",
          "$schema",
          "$id",
          "id",
          "$anchor",
          "$dynamicAnchor",
          "$recursiveAnchor",
          "$vocabulary",
          "$defs",
          "definitions");

  private static final Set<String> OF_OBJECTS =
      Set.of(
          "properties",
          "required",
          "additionalProperties",
          "unevaluatedProperties",
          "patternProperties",
          "propertyNames",
          "minProperties",
          "maxProperties",
          "dependencies",
          "dependentRequired",
          "dependentSchemas");
  private static final Set<String> OF_ARRAYS =
      Set.of(
          "items",
          "prefixItems",
          "additionalItems",
          "unevaluatedItems",
          "contains",
          "minContains",
          "maxContains",
          "minItems",
          "maxItems",
          "uniqueItems");
  private static final Set<String> OF_STRINGS =
      Set.of("pattern", "format", "minLength", "maxLength");
  private static final Set<String> OF_NUMBERS =
      Set.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf");
  private static final Set<String> OF_ALL =
      Set.of(
          "type",
          "enum",
          "const",
          "anyOf",
          "oneOf",
          "allOf",
          "$ref",
          "$dynamicRef",
          "$recursiveRef",
          "not",
          "if",
          "then",
          "else");

  /** Written by this package alone: what must not match, and that more names may come. */
  static final String NOT_PATTERN = "\0notPattern";

  static final String NOT_FORMAT = "\0notFormat";
  static final String NOT_STEP = "\0notMultipleOf";
  static final String NOT_VALUES = "\0notEnum";
  static final String OPEN = "\0open";

  /** What stands beside it does not see which members it speaks of. */
  static final String UNSEEN = "\0unseen";

  static final Set<String> INTERNAL =
      Set.of(NOT_PATTERN, NOT_FORMAT, NOT_STEP, NOT_VALUES, OPEN, UNSEEN);
  private static final Set<String> KNOWN = known();

  private static final List<String> TYPES =
      List.of("object", "array", "string", "number", "integer", "boolean", "null");

  /** From here on an upper bound is none: no answer has so many characters. */
  private static final int UNBOUNDED = 1 << 30;

  /** Longest path of a complaint, of which there is one for each schema. */
  private static final int PATH_CHARS = 512;

  /** More digits than any bound needs; a larger exponent would fill the memory. */
  private static final int MOST_DIGITS = 40;

  private final ObjectNode node;
  private final String path;

  private SchemaKeywords(ObjectNode node, String path) {
    this.node = node;
    this.path = path;
  }

  static SchemaKeywords of(JsonNode node, String path) {
    if (!(node instanceof ObjectNode object)) {
      throw new ConstraintException(path, "must be an object or a boolean");
    }
    return new SchemaKeywords(object, path);
  }

  private static Set<String> known() {
    Set<String> all = new HashSet<>(OF_ALL);
    List.of(OF_OBJECTS, OF_ARRAYS, OF_STRINGS, OF_NUMBERS, INTERNAL).forEach(all::addAll);
    return all;
  }

  /** Of the names that say nothing here those that nobody defines. */
  List<String> unknown() {
    List<String> found = new ArrayList<>();
    for (String name : (Iterable<String>) node::fieldNames) {
      if (isAnnotation(name) && !ANNOTATIONS.contains(name) && !name.startsWith("x-")) {
        found.add(name);
      }
    }
    return found;
  }

  /** Whatever is not known says nothing about what is valid: so does the specification. */
  static boolean isAnnotation(String name) {
    return !KNOWN.contains(name);
  }

  ObjectNode node() {
    return node;
  }

  String path() {
    return path;
  }

  /** Values that must not be. */
  List<JsonNode> excluded() {
    JsonNode values = node.get(NOT_VALUES);
    return values == null ? List.of() : values.valueStream().toList();
  }

  String path(String name) {
    return path(path, name);
  }

  /** What lies below a path; of a longer one the end, where the fault is. */
  static String path(String outer, String name) {
    String path = outer.isEmpty() ? name : outer + "." + name;
    int over = path.length() - PATH_CHARS;
    return over <= 0 ? path : "…" + path.substring(over + 1);
  }

  ConstraintException wrong(String name, String complaint) {
    return new ConstraintException(path(name), complaint);
  }

  @Nullable JsonNode get(String name) {
    return node.get(name);
  }

  boolean has(String name) {
    return node.has(name);
  }

  /**
   * The keyword that speaks of what no other one does: the second has a say only where the first is
   * not there.
   */
  private String either(String name, String unevaluated) {
    return !has(name) && has(unevaluated) ? unevaluated : name;
  }

  /** The keyword that speaks of elements behind those of {@code prefixItems}. */
  String otherItems() {
    return either("items", "unevaluatedItems");
  }

  /** The keyword that speaks of names that are neither listed nor matched. */
  String otherProperties() {
    return either("additionalProperties", "unevaluatedProperties");
  }

  /** Keywords that are neither annotations nor among the given ones. */
  Set<String> besides(Set<String> names) {
    Set<String> found = new LinkedHashSet<>();
    for (String name : (Iterable<String>) node::fieldNames) {
      if (!isAnnotation(name) && !names.contains(name)) {
        found.add(name);
      }
    }
    return found;
  }

  /** What may be written: as {@code type} says, else what the other keywords are about. */
  Set<String> types() {
    JsonNode type = node.get("type");
    Set<String> found = new LinkedHashSet<>();
    if (type == null) {
      addIfAny(found, "object", OF_OBJECTS);
      addIfAny(found, "array", OF_ARRAYS);
      addIfAny(found, "string", OF_STRINGS);
      addIfAny(found, "number", OF_NUMBERS);
      if (found.isEmpty() && node.has(NOT_VALUES)) {
        found.addAll(SchemaOverlap.ALL_TYPES);
      }
      return found;
    }
    for (JsonNode word : type.isArray() ? type : List.of(type)) {
      if (!word.isTextual() || !TYPES.contains(word.textValue())) {
        throw wrong("type", "must be one of " + String.join(", ", TYPES));
      }
      found.add(word.textValue());
    }
    if (found.isEmpty()) {
      throw wrong("type", "must not be empty");
    }
    if (found.contains("number")) {
      found.remove("integer");
    }
    return found;
  }

  private void addIfAny(Set<String> found, String type, Set<String> names) {
    if (names.stream().anyMatch(node::has)) {
      found.add(type);
    }
  }

  /** How many there must be at least; 0 where nothing says. */
  int least(String name) {
    return Math.max(0, count(name));
  }

  /** How many there may be; -1 for any number. */
  int most(String name) {
    int most = count(name);
    return most >= UNBOUNDED ? -1 : most;
  }

  /** A count that is not negative and fits in an int with room for sums; -1 when absent. */
  private int count(String name) {
    JsonNode value = node.get(name);
    if (value == null) {
      return -1;
    }
    boolean whole = value.isNumber() && value.decimalValue().stripTrailingZeros().scale() <= 0;
    if (!whole || value.decimalValue().signum() < 0) {
      throw wrong(name, "must be an integer of 0 or more");
    }
    return value.decimalValue().min(BigDecimal.valueOf(UNBOUNDED)).intValue();
  }

  @Nullable BigDecimal number(String name) {
    List<BigDecimal> found = numbers(name);
    return found.isEmpty() ? null : found.getFirst();
  }

  /**
   * A bound; null where it is absent, or so far away that no number which is written reaches it, as
   * that of doubles is.
   *
   * @param sign 1 for one from below
   */
  @Nullable BigDecimal bound(String name, int sign) {
    JsonNode value = node.get(name);
    if (value != null && value.isNumber()) {
      BigDecimal number = value.decimalValue();
      boolean isFar = (long) number.precision() - number.scale() > JsonRules.MAGNITUDE + 1;
      if (isFar && number.signum() == -sign) {
        return null;
      }
    }
    return number(name);
  }

  /** A number, or several that schemas which hold at once have; empty when absent. */
  List<BigDecimal> numbers(String name) {
    JsonNode value = node.get(name);
    List<BigDecimal> found = new ArrayList<>();
    for (JsonNode each : value == null ? List.<JsonNode>of() : each(value)) {
      if (!each.isNumber()) {
        throw wrong(name, "must be a number");
      }
      found.add(checked(name, each.decimalValue().stripTrailingZeros()));
    }
    return found;
  }

  /** The number, if to write it out takes few digits. */
  BigDecimal checked(String name, BigDecimal number) {
    boolean small = Math.abs((long) number.precision() - number.scale()) <= MOST_DIGITS;
    if (!small || Math.abs((long) number.scale()) > MOST_DIGITS) {
      throw wrong(name, "must have at most " + MOST_DIGITS + " digits");
    }
    return number;
  }

  @Nullable String string(String name) {
    List<String> found = strings(name);
    return found.isEmpty() ? null : found.getFirst();
  }

  /** A string, or several that schemas which hold at once have; empty when absent. */
  List<String> strings(String name) {
    JsonNode value = node.get(name);
    List<String> found = new ArrayList<>();
    for (JsonNode each : value == null ? List.<JsonNode>of() : each(value)) {
      if (!each.isTextual()) {
        throw wrong(name, "must be a string");
      }
      found.add(each.textValue());
    }
    return found;
  }

  /** What both say, as one value. It is none of JSON's, so that no caller can write it. */
  static JsonNode several(JsonNode mine, JsonNode yours) {
    List<JsonNode> all = new ArrayList<>(each(mine));
    all.addAll(each(yours));
    return JsonNodeFactory.instance.pojoNode(new Several(all));
  }

  private record Several(List<JsonNode> values) {}

  private static List<JsonNode> each(JsonNode value) {
    return value instanceof POJONode node && node.getPojo() instanceof Several(List<JsonNode> all)
        ? all
        : List.of(value);
  }

  /** An array of schemas that is not empty; null when absent. */
  @Nullable List<JsonNode> schemas(String name) {
    JsonNode value = node.get(name);
    if (value == null) {
      return null;
    }
    if (!value.isArray() || value.isEmpty()) {
      throw wrong(name, "must be an array that is not empty");
    }
    List<JsonNode> found = new ArrayList<>();
    value.forEach(found::add);
    return found;
  }

  @Nullable ObjectNode object(String name) {
    JsonNode value = node.get(name);
    if (value == null) {
      return null;
    }
    if (!(value instanceof ObjectNode object)) {
      throw wrong(name, "must be an object");
    }
    return object;
  }

  /** The strings of an array; empty when absent. */
  Set<String> names(String name) {
    JsonNode value = node.get(name);
    Set<String> found = new LinkedHashSet<>();
    if (value == null) {
      return found;
    }
    boolean strings = value.isArray();
    for (JsonNode element : value) {
      strings &= element.isTextual();
      found.add(element.asText());
    }
    if (!strings) {
      throw wrong(name, "must be an array of strings");
    }
    return found;
  }
}
