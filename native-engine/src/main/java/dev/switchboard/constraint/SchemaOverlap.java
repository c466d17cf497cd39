package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Whether two schemas surely have no value in common: they are of different types, list different
 * values, need a property that the other forbids, or need one on which they exclude each other.
 */
final class SchemaOverlap {
  private static final int DEPTH = 8;
  static final List<String> ALL_TYPES =
      List.of("object", "array", "string", "number", "boolean", "null");

  private final UnaryOperator<JsonNode> resolve;
  private final CompileBudget budget;

  SchemaOverlap(UnaryOperator<JsonNode> resolve, CompileBudget budget) {
    this.resolve = resolve;
    this.budget = budget;
  }

  boolean excludes(JsonNode left, JsonNode right) {
    return excludes(left, right, 0);
  }

  private boolean excludes(JsonNode left, JsonNode right, int depth) {
    budget.steps(48);
    if (isFalse(left) || isFalse(right)) {
      return true;
    }
    if (depth > DEPTH || !left.isObject() || !right.isObject()) {
      return false;
    }
    SchemaKeywords mine = SchemaKeywords.of(resolve.apply(left), "");
    SchemaKeywords yours = SchemaKeywords.of(resolve.apply(right), "");
    if (listsValues(mine) && listsValues(yours)) {
      return noneInCommon(values(mine), values(yours));
    }
    Set<String> first = types(mine);
    Set<String> second = types(yours);
    return first.stream().noneMatch(second::contains)
        || (first.equals(Set.of("object"))
            && second.equals(Set.of("object"))
            && (needsForbidden(mine, yours)
                || needsForbidden(yours, mine)
                || differInProperty(mine, yours, depth)));
  }

  private boolean noneInCommon(List<JsonNode> mine, List<JsonNode> yours) {
    budget.pairs(mine.size(), yours.size());
    return mine.stream().noneMatch(value -> contains(yours, value));
  }

  static boolean isFalse(JsonNode schema) {
    return schema.isBoolean() && !schema.booleanValue();
  }

  static boolean listsValues(SchemaKeywords keywords) {
    return keywords.has("enum") || keywords.has("const");
  }

  /** Types of values that may be valid, with integer among number. */
  static Set<String> types(SchemaKeywords keywords) {
    if (listsValues(keywords)) {
      return Set.copyOf(values(keywords).stream().map(SchemaOverlap::typeOf).toList());
    }
    if (!keywords.has("type")) {
      return Set.copyOf(ALL_TYPES);
    }
    return Set.copyOf(
        keywords.types().stream().map(t -> t.equals("integer") ? "number" : t).toList());
  }

  private static boolean needsForbidden(SchemaKeywords needing, SchemaKeywords forbidding) {
    JsonNode additional = forbidding.get("additionalProperties");
    if (additional == null || !isFalse(additional)) {
      return false;
    }
    JsonNode properties = forbidding.get("properties");
    return needing.names("required").stream()
        .anyMatch(name -> properties == null || !properties.has(name));
  }

  private boolean differInProperty(SchemaKeywords mine, SchemaKeywords yours, int depth) {
    Set<String> needed = mine.names("required");
    needed.retainAll(yours.names("required"));
    for (String name : needed) {
      JsonNode first = mine.node().path("properties").path(name);
      JsonNode second = yours.node().path("properties").path(name);
      if (excludes(first, second, depth + 1)) {
        return true;
      }
    }
    return false;
  }

  /** The values that {@code enum} and {@code const} leave. */
  static List<JsonNode> values(SchemaKeywords keywords) {
    List<JsonNode> values = new ArrayList<>();
    JsonNode constant = keywords.get("const");
    JsonNode listed = keywords.get("enum");
    if (listed == null) {
      return constant == null ? values : List.of(constant);
    }
    if (!listed.isArray() || listed.isEmpty()) {
      throw keywords.wrong("enum", "must be an array that is not empty");
    }
    for (JsonNode value : listed) {
      if (constant == null || isSame(value, constant)) {
        values.add(value);
      }
    }
    return values;
  }

  static boolean contains(List<JsonNode> values, JsonNode wanted) {
    return values.stream().anyMatch(value -> isSame(value, wanted));
  }

  static boolean isSame(JsonNode left, JsonNode right) {
    return (left.isNumber() && right.isNumber())
        ? left.decimalValue().compareTo(right.decimalValue()) == 0
        : left.equals(right);
  }

  static boolean isOfType(JsonNode value, Set<String> types) {
    boolean whole = value.isNumber() && value.decimalValue().stripTrailingZeros().scale() <= 0;
    return types.contains(typeOf(value)) || (whole && types.contains("integer"));
  }

  private static String typeOf(JsonNode value) {
    return switch (value.getNodeType()) {
      case OBJECT -> "object";
      case ARRAY -> "array";
      case STRING -> "string";
      case NUMBER -> "number";
      case BOOLEAN -> "boolean";
      case NULL, MISSING, BINARY, POJO -> "null";
    };
  }
}
