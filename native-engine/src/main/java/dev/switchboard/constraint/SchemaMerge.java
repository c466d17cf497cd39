package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/**
 * One schema that asks for what two ask for, where that can be said in one: bounds become the
 * narrower ones, properties of the same name are asked for both.
 */
final class SchemaMerge {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final Set<String> LARGER =
      Set.of("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum");
  private static final Set<String> SMALLER =
      Set.of("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum");

  private static final Set<String> ITEMS = Set.of("items", "prefixItems", "contains");

  private final String path;

  private final BiPredicate<String, String> matcher;

  private SchemaMerge(String path, BiPredicate<String, String> matcher) {
    this.path = path;
    this.matcher = matcher;
  }

  /**
   * @param matcher whether a pattern is found in a name
   */
  static JsonNode merge(
      JsonNode left, JsonNode right, String path, BiPredicate<String, String> matcher) {
    if (left.isBoolean()) {
      return left.booleanValue() ? right : left;
    }
    if (right.isBoolean()) {
      return right.booleanValue() ? left : right;
    }
    ObjectNode first = SchemaKeywords.of(left, path).node();
    ObjectNode second = SchemaKeywords.of(right, path).node();
    return new SchemaMerge(path, matcher).both(first, second);
  }

  private JsonNode both(ObjectNode left, ObjectNode right) {
    ObjectNode merged = NODES.objectNode();
    boolean open = isOpen(left) && isOpen(right);
    ObjectNode mineLimited = limited(left, right);
    ObjectNode yoursLimited = limited(right, left);
    requireAlikeItems(left, right);
    requireSeenItems(left, right);
    requireSeenItems(right, left);
    Set<String> names = new LinkedHashSet<>();
    left.fieldNames().forEachRemaining(names::add);
    right.fieldNames().forEachRemaining(names::add);
    for (String name : names) {
      JsonNode mine = mineLimited.get(name);
      JsonNode yours = yoursLimited.get(name);
      if (SchemaKeywords.isAnnotation(name)
          || name.equals(SchemaKeywords.UNSEEN)
          || (name.equals(SchemaKeywords.OPEN) && !open)) {
        continue;
      }
      JsonNode value =
          mine == null || yours == null ? either(mine, yours) : both(name, mine, yours);
      if (value.isMissingNode()) {
        return BooleanNode.FALSE;
      }
      merged.set(name, value);
    }
    return merged;
  }

  /** Whether names that it does not list may come, or it says nothing of names. */
  private static boolean isOpen(ObjectNode schema) {
    return schema.has(SchemaKeywords.OPEN)
        || !(schema.has("properties") || schema.has("required") || schema.has("patternProperties"));
  }

  /** The schema with what the other one's additional properties must be. */
  private ObjectNode limited(ObjectNode schema, ObjectNode other) {
    JsonNode limit = other.get("additionalProperties");
    if (limit == null && schema.has(SchemaKeywords.UNSEEN)) {
      limit = other.get("unevaluatedProperties");
    }
    if (limit == null || (limit.isBoolean() && limit.booleanValue())) {
      return schema;
    }
    ObjectNode listed = object(other, "properties");
    List<String> patterns = new ArrayList<>();
    object(other, "patternProperties").fieldNames().forEachRemaining(patterns::add);
    ObjectNode limited = NODES.objectNode();
    limited.setAll(schema);
    ObjectNode properties = NODES.objectNode();
    for (var property : object(schema, "properties").properties()) {
      String name = property.getKey();
      boolean free =
          listed.has(name) || patterns.stream().anyMatch(each -> matcher.test(each, name));
      properties.set(name, free ? property.getValue() : allOf(property.getValue(), limit));
    }
    ObjectNode byPattern = NODES.objectNode();
    for (var property : object(schema, "patternProperties").properties()) {
      String pattern = property.getKey();
      listed.fieldNames().forEachRemaining(name -> requireApart(pattern, name));
      boolean free = patterns.contains(pattern);
      byPattern.set(pattern, free ? property.getValue() : allOf(property.getValue(), limit));
    }
    putUnlessEmpty(limited, "properties", properties);
    putUnlessEmpty(limited, "patternProperties", byPattern);
    return limited;
  }

  private static void putUnlessEmpty(ObjectNode schema, String name, ObjectNode value) {
    if (!value.isEmpty()) {
      schema.set(name, value);
    }
  }

  private void requireApart(String pattern, String name) {
    if (matcher.test(pattern, name)) {
      throw refused("patternProperties", "that match another schema's properties");
    }
  }

  private ObjectNode object(ObjectNode schema, String name) {
    JsonNode value = schema.get(name);
    if (value == null) {
      return NODES.objectNode();
    }
    if (!(value instanceof ObjectNode object)) {
      throw new ConstraintException(path(name), "must be an object");
    }
    return object;
  }

  private static JsonNode either(@Nullable JsonNode mine, @Nullable JsonNode yours) {
    return mine != null ? mine : Objects.requireNonNull(yours);
  }

  private void requireAlikeItems(ObjectNode left, ObjectNode right) {
    JsonNode first = left.get("prefixItems");
    JsonNode second = right.get("prefixItems");
    boolean shifted =
        (first != null && second == null && right.has("items"))
            || (second != null && first == null && left.has("items"));
    if (shifted) {
      throw refused("prefixItems", "beside items in what holds at once");
    }
  }

  private void requireSeenItems(ObjectNode schema, ObjectNode other) {
    boolean speaks = ITEMS.stream().anyMatch(schema::has);
    if (schema.has(SchemaKeywords.UNSEEN) && speaks && other.has("unevaluatedItems")) {
      throw refused("unevaluatedItems", "beside what a not says of items");
    }
  }

  private ConstraintException refused(String name, String what) {
    return new ConstraintException(path(name), what + " is not supported");
  }

  private String path(String name) {
    return SchemaKeywords.path(path, name);
  }

  private JsonNode both(String name, JsonNode mine, JsonNode yours) {
    if (mine.equals(yours)) {
      return mine;
    }
    if (LARGER.contains(name) || SMALLER.contains(name)) {
      return narrower(name, mine, yours);
    }
    return switch (name) {
      case "type" -> types(mine, yours);
      case "required", "allOf", SchemaKeywords.NOT_VALUES -> united(mine, yours);
      case "pattern",
          "format",
          "multipleOf",
          SchemaKeywords.NOT_PATTERN,
          SchemaKeywords.NOT_FORMAT,
          SchemaKeywords.NOT_STEP ->
          SchemaKeywords.several(mine, yours);
      case "enum" -> common(mine, yours);
      case "const" -> SchemaOverlap.isSame(mine, yours) ? mine : MissingNode.getInstance();
      case "properties", "patternProperties" -> properties(name, mine, yours);
      case "items",
          "additionalProperties",
          "unevaluatedProperties",
          "unevaluatedItems",
          "propertyNames" ->
          allOf(mine, yours);
      case "uniqueItems" -> BooleanNode.valueOf(mine.asBoolean() || yours.asBoolean());
      case "prefixItems" -> prefixes(mine, yours);
      case "anyOf", "oneOf" -> spread(name, mine, yours);
      default -> throw refused(name, "in several schemas that hold at once");
    };
  }

  private JsonNode narrower(String name, JsonNode mine, JsonNode yours) {
    if (!mine.isNumber() || !yours.isNumber()) {
      throw new ConstraintException(path(name), "must be a number");
    }
    boolean larger = mine.decimalValue().compareTo(yours.decimalValue()) > 0;
    return larger == LARGER.contains(name) ? mine : yours;
  }

  private JsonNode types(JsonNode mine, JsonNode yours) {
    Set<String> left = words(mine);
    Set<String> right = words(yours);
    ArrayNode common = NODES.arrayNode();
    for (String type : left) {
      boolean whole = type.equals("number") && right.contains("integer");
      if (whole && !right.contains("number")) {
        common.add("integer");
      } else if (right.contains(type) || (type.equals("integer") && right.contains("number"))) {
        common.add(type);
      }
    }
    return common.isEmpty() ? MissingNode.getInstance() : common;
  }

  private static Set<String> words(JsonNode type) {
    Set<String> words = new LinkedHashSet<>();
    if (type.isArray()) {
      type.forEach(word -> words.add(word.asText()));
    } else {
      words.add(type.asText());
    }
    return words;
  }

  private static ArrayNode united(JsonNode mine, JsonNode yours) {
    Set<JsonNode> all = new LinkedHashSet<>();
    mine.forEach(all::add);
    yours.forEach(all::add);
    return NODES.arrayNode().addAll(all);
  }

  private static JsonNode common(JsonNode mine, JsonNode yours) {
    List<JsonNode> found = new ArrayList<>();
    mine.forEach(found::add);
    Set<JsonNode> others = new HashSet<>();
    yours.forEach(others::add);
    found.removeIf(value -> !others.contains(value));
    return found.isEmpty() ? MissingNode.getInstance() : NODES.arrayNode().addAll(found);
  }

  private ObjectNode properties(String name, JsonNode mine, JsonNode yours) {
    if (!(mine instanceof ObjectNode first) || !yours.isObject()) {
      throw new ConstraintException(path(name), "must be an object");
    }
    ObjectNode all = first.deepCopy();
    for (var property : yours.properties()) {
      JsonNode other = all.get(property.getKey());
      JsonNode schema = property.getValue();
      all.set(property.getKey(), other == null ? schema : allOf(other, schema));
    }
    return all;
  }

  /** The longer list's rest is asked for alone, so it needs that nothing is said of the rest. */
  private JsonNode prefixes(JsonNode mine, JsonNode yours) {
    if (!mine.isArray() || mine.size() != yours.size()) {
      throw refused("prefixItems", "of different length in schemas that hold at once");
    }
    ArrayNode all = NODES.arrayNode();
    for (int i = 0; i < mine.size(); i++) {
      all.add(allOf(mine.get(i), yours.get(i)));
    }
    return all;
  }

  /** Each alternative of one with the other's alternatives inside. */
  private JsonNode spread(String name, JsonNode mine, JsonNode yours) {
    if (!mine.isArray()) {
      throw new ConstraintException(path(name), "must be an array that is not empty");
    }
    ArrayNode all = NODES.arrayNode();
    mine.forEach(each -> all.add(allOf(each, NODES.objectNode().set(name, yours))));
    return all;
  }

  private static JsonNode allOf(JsonNode mine, JsonNode yours) {
    if (mine.equals(yours) || SchemaOverlap.isFalse(mine)) {
      return mine;
    }
    if (SchemaOverlap.isFalse(yours) || (mine.isBoolean() && mine.booleanValue())) {
      return yours;
    }
    ArrayNode both = NODES.arrayNode().add(mine).add(yours);
    return NODES.objectNode().set("allOf", both);
  }
}
