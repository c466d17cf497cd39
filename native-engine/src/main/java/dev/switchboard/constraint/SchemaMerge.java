package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
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

  private final String path;

  private SchemaMerge(String path) {
    this.path = path;
  }

  static JsonNode merge(JsonNode left, JsonNode right, String path) {
    if (left.isBoolean()) {
      return left.booleanValue() ? right : left;
    }
    if (right.isBoolean()) {
      return right.booleanValue() ? left : right;
    }
    ObjectNode first = SchemaKeywords.of(left, path).node();
    ObjectNode second = SchemaKeywords.of(right, path).node();
    return new SchemaMerge(path).both(first, second);
  }

  private ObjectNode both(ObjectNode left, ObjectNode right) {
    requireAlikeAdditions(left, right);
    ObjectNode merged = NODES.objectNode();
    Set<String> names = new LinkedHashSet<>();
    left.fieldNames().forEachRemaining(names::add);
    right.fieldNames().forEachRemaining(names::add);
    for (String name : names) {
      JsonNode mine = left.get(name);
      JsonNode yours = right.get(name);
      if (SchemaKeywords.isAnnotation(name)) {
        continue;
      }
      merged.set(
          name, mine == null || yours == null ? either(mine, yours) : both(name, mine, yours));
    }
    return merged;
  }

  private static JsonNode either(@Nullable JsonNode mine, @Nullable JsonNode yours) {
    return mine != null ? mine : Objects.requireNonNull(yours);
  }

  /** What one forbids beyond its properties, the other's properties would need. */
  private void requireAlikeAdditions(ObjectNode left, ObjectNode right) {
    Set<String> mine = names(left.get("properties"));
    Set<String> yours = names(right.get("properties"));
    boolean forbids =
        (limitsAdditions(left) && !mine.containsAll(yours))
            || (limitsAdditions(right) && !yours.containsAll(mine));
    if (forbids) {
      throw refused("additionalProperties", "beside other properties in what holds at once");
    }
    JsonNode first = left.get("prefixItems");
    JsonNode second = right.get("prefixItems");
    boolean shifted =
        (first != null && second == null && right.has("items"))
            || (second != null && first == null && left.has("items"));
    if (shifted) {
      throw refused("prefixItems", "beside items in what holds at once");
    }
  }

  private ConstraintException refused(String name, String what) {
    return new ConstraintException(path(name), what + " is not supported");
  }

  private String path(String name) {
    return SchemaKeywords.path(path, name);
  }

  private static boolean limitsAdditions(ObjectNode schema) {
    JsonNode additions = schema.get("additionalProperties");
    return additions != null && !(additions.isBoolean() && additions.booleanValue());
  }

  private static Set<String> names(@Nullable JsonNode properties) {
    Set<String> names = new LinkedHashSet<>();
    if (properties != null) {
      properties.fieldNames().forEachRemaining(names::add);
    }
    return names;
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
      case "required", "allOf" -> united(mine, yours);
      case "pattern", "format", "multipleOf" -> SchemaKeywords.several(mine, yours);
      case "enum" -> common(mine, yours);
      case "properties" -> properties(mine, yours);
      case "items", "additionalProperties" -> allOf(mine, yours);
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
    if (common.isEmpty()) {
      throw new ConstraintException(path("type"), "differs in schemas that hold at once");
    }
    return common;
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

  private static ArrayNode common(JsonNode mine, JsonNode yours) {
    List<JsonNode> found = new ArrayList<>();
    mine.forEach(found::add);
    Set<JsonNode> others = new HashSet<>();
    yours.forEach(others::add);
    found.removeIf(value -> !others.contains(value));
    return NODES.arrayNode().addAll(found);
  }

  private ObjectNode properties(JsonNode mine, JsonNode yours) {
    if (!(mine instanceof ObjectNode first) || !yours.isObject()) {
      throw new ConstraintException(path("properties"), "must be an object");
    }
    ObjectNode all = first.deepCopy();
    for (var property : yours.properties()) {
      JsonNode other = all.get(property.getKey());
      JsonNode schema = property.getValue();
      all.set(property.getKey(), other == null ? schema : allOf(other, schema));
    }
    return all;
  }

  private static JsonNode allOf(JsonNode mine, JsonNode yours) {
    if (mine.equals(yours)) {
      return mine;
    }
    ArrayNode both = NODES.arrayNode().add(mine).add(yours);
    return NODES.objectNode().set("allOf", both);
  }
}
