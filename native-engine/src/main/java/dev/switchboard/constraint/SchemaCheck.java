package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Whether a schema describes a value that the source itself has: one of an {@code enum}, or the
 * name of a property. Keywords that cannot be asked for here are refused.
 */
final class SchemaCheck {
  private final JsonSchemaReader reader;
  private final CompileBudget budget;

  SchemaCheck(JsonSchemaReader reader, CompileBudget budget) {
    this.reader = reader;
    this.budget = budget;
  }

  boolean describes(JsonNode schema, JsonNode value, String path, int depth) {
    CompileBudget.checkDepth(depth, path);
    budget.steps(8);
    if (schema.isBoolean()) {
      return schema.booleanValue();
    }
    JsonNode plain = reader.target(schema, path, depth);
    if (plain.isBoolean()) {
      return plain.booleanValue();
    }
    SchemaKeywords keywords = SchemaKeywords.of(plain, path);
    int inner = depth + 1;
    return isTyped(keywords, value)
        && isListed(keywords, value)
        && branches(keywords, "allOf").allMatch(s -> describes(s, value, path, inner))
        && (!keywords.has("anyOf")
            || branches(keywords, "anyOf").anyMatch(s -> describes(s, value, path, inner)))
        && (!keywords.has("oneOf")
            || branches(keywords, "oneOf").filter(s -> describes(s, value, path, inner)).count()
                == 1)
        && byType(keywords, value, inner);
  }

  private static Stream<JsonNode> branches(SchemaKeywords keywords, String name) {
    List<JsonNode> found = keywords.schemas(name);
    return found == null ? Stream.empty() : found.stream();
  }

  private static boolean isTyped(SchemaKeywords keywords, JsonNode value) {
    return !keywords.has("type") || SchemaOverlap.isOfType(value, keywords.types());
  }

  private boolean isListed(SchemaKeywords keywords, JsonNode value) {
    JsonNode excluded = keywords.get(SchemaKeywords.NOT_VALUES);
    budget.pairs(1, keywords.node().path("enum").size());
    budget.pairs(1, excluded == null ? 0 : excluded.size());
    return (!SchemaOverlap.listsValues(keywords)
            || SchemaOverlap.contains(SchemaOverlap.values(keywords), value))
        && (excluded == null || !SchemaOverlap.contains(excluded.valueStream().toList(), value));
  }

  private boolean byType(SchemaKeywords keywords, JsonNode value, int depth) {
    return switch (value.getNodeType()) {
      case STRING -> text(keywords, value.textValue());
      case NUMBER -> number(keywords, value.decimalValue());
      case ARRAY -> array(keywords, value, depth);
      case OBJECT -> object(keywords, value, depth);
      case BOOLEAN, NULL, MISSING, BINARY, POJO -> true;
    };
  }

  private boolean text(SchemaKeywords keywords, String value) {
    List<StringSet> sets = reader.stringSets(keywords);
    return sets.getFirst().has(value, budget)
        && sets.subList(1, sets.size()).stream().noneMatch(set -> set.has(value, budget));
  }

  private boolean number(SchemaKeywords keywords, BigDecimal value) {
    NumberSet set = reader.numbers(keywords, false);
    if (!set.steps().isEmpty() || keywords.has(SchemaKeywords.NOT_STEP)) {
      // Dividing writes it out.
      keywords.checked("enum", value.stripTrailingZeros());
    }
    return set.has(value)
        && keywords.numbers(SchemaKeywords.NOT_STEP).stream()
            .noneMatch(step -> value.remainder(step).signum() == 0);
  }

  private boolean array(SchemaKeywords keywords, JsonNode value, int depth) {
    for (String name : List.of("contains", "uniqueItems")) {
      if (keywords.has(name)) {
        throw keywords.wrong(name, "beside arrays of an enum is not supported");
      }
    }
    int most = keywords.most("maxItems");
    boolean fits = value.size() >= keywords.least("minItems") && (most < 0 || value.size() <= most);
    JsonNode prefix = keywords.get("prefixItems");
    JsonNode items = keywords.get(keywords.otherItems());
    for (int i = 0; i < value.size() && fits; i++) {
      JsonNode schema = prefix != null && i < prefix.size() ? prefix.get(i) : items;
      fits = schema == null || describes(schema, value.get(i), keywords.path("items"), depth);
    }
    return fits;
  }

  private boolean object(SchemaKeywords keywords, JsonNode value, int depth) {
    int most = keywords.most("maxProperties");
    boolean fits =
        value.size() >= keywords.least("minProperties")
            && (most < 0 || value.size() <= most)
            && keywords.names("required").stream().allMatch(value::has);
    for (Map.Entry<String, JsonNode> member : value.properties()) {
      fits = fits && member(keywords, member.getKey(), member.getValue(), depth);
    }
    return fits;
  }

  private boolean member(SchemaKeywords keywords, String name, JsonNode value, int depth) {
    String path = keywords.path("properties");
    JsonNode names = keywords.get("propertyNames");
    if (names != null && !describes(names, TextNode.valueOf(name), path, depth)) {
      return false;
    }
    JsonNode own = keywords.node().path("properties").get(name);
    List<JsonNode> matching = reader.matching(keywords, name);
    JsonNode additional = keywords.get(keywords.otherProperties());
    @Nullable JsonNode rest = own == null && matching.isEmpty() ? additional : null;
    return (own == null || describes(own, value, path, depth))
        && (rest == null || describes(rest, value, path, depth))
        && matching.stream().allMatch(schema -> describes(schema, value, path, depth));
  }
}
