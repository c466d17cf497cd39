package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.constraint.Expression.Choice;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What exactly one branch of {@code oneOf} describes. Branches that exclude each other are written
 * as they are; others are taken type by type: of strings and numbers exactly one set, of objects
 * each without a property that another branch requires.
 *
 * <p>What one branch describes and no other would in general be the complement of a schema, which
 * has no bound; where it is needed the branches are refused.
 */
final class ExactlyOne {
  private static final Set<String> NESTING = Set.of("anyOf", "oneOf", "allOf", "$ref");

  private final JsonSchemaReader reader;
  private final SchemaKeywords keywords;
  private final SchemaOverlap overlap;
  private final CompileBudget budget;

  /** A branch, or what it has of one type. */
  private record Branch(int index, JsonNode schema) {}

  /**
   * @param keywords that have {@code oneOf}
   */
  ExactlyOne(JsonSchemaReader reader, SchemaKeywords keywords, CompileBudget budget) {
    this.reader = reader;
    this.keywords = keywords;
    this.budget = budget;
    this.overlap = new SchemaOverlap(this::target, budget);
  }

  private JsonNode target(JsonNode schema) {
    return reader.target(schema, keywords.path("oneOf"), 0);
  }

  /**
   * @param schemas the branches with what stands beside them
   */
  Expression write(List<JsonNode> schemas, int depth) {
    List<Branch> left = new ArrayList<>();
    for (JsonNode schema : schemas) {
      left.add(new Branch(left.size(), schema));
    }
    List<Expression> options = new ArrayList<>();
    while (!left.isEmpty()) {
      List<Branch> group = takeOverlapping(left);
      options.addAll(
          group.size() == 1 ? List.of(whole(group.getFirst(), depth)) : apart(group, depth));
    }
    return new Choice(options);
  }

  private List<Expression> apart(List<Branch> group, int depth) {
    try {
      return byType(group, depth);
    } catch (ConstraintException refused) {
      return negating(group, depth, refused);
    }
  }

  /** Each branch with what the others do not describe. */
  private List<Expression> negating(List<Branch> group, int depth, ConstraintException refused) {
    List<JsonNode> given = keywords.schemas("oneOf");
    List<Expression> options = new ArrayList<>();
    try {
      for (Branch mine : group) {
        ObjectNode all = keywords.node().objectNode();
        ArrayNode list = all.putArray("allOf").add(mine.schema);
        for (Branch yours : group) {
          if (yours.index != mine.index && given != null) {
            list.add(reader.negated(given.get(yours.index), keywords.path("oneOf")));
          }
        }
        options.add(whole(new Branch(mine.index, all), depth));
      }
    } catch (ConstraintException unknown) {
      throw refused;
    }
    return options;
  }

  /** Takes out the first one and all that overlap with it, through others too. */
  private List<Branch> takeOverlapping(List<Branch> left) {
    List<Branch> group = new ArrayList<>(List.of(left.removeFirst()));
    for (int i = 0; i < group.size(); i++) {
      Branch mine = group.get(i);
      for (int j = 0; j < left.size(); ) {
        if (excludes(mine, left.get(j))) {
          j++;
        } else {
          group.add(left.remove(j));
        }
      }
    }
    return group;
  }

  private boolean excludes(Branch mine, Branch yours) {
    return overlap.excludes(mine.schema, yours.schema);
  }

  private Expression whole(Branch branch, int depth) {
    String path = keywords.path("oneOf") + "[" + branch.index + "]";
    return reader.schema(branch.schema, path, depth + 1);
  }

  private ConstraintException refused(Branch one, Branch other) {
    int first = Math.min(one.index, other.index);
    int second = Math.max(one.index, other.index);
    return keywords.wrong(
        "oneOf",
        "has the schemas %d and %d, which one value may match; use anyOf".formatted(first, second));
  }

  private List<Expression> byType(List<Branch> group, int depth) {
    List<Branch> plain = new ArrayList<>();
    for (Branch branch : group) {
      JsonNode schema = target(branch.schema);
      if (schema.isObject() && (NESTING.stream().anyMatch(schema::has) || excludesSome(schema))) {
        throw refused(group.get(0), group.get(1));
      }
      if (!SchemaOverlap.isFalse(schema)) {
        plain.add(
            new Branch(branch.index, schema.isObject() ? schema : keywords.node().objectNode()));
      }
    }
    List<Expression> options = new ArrayList<>();
    for (String type : SchemaOverlap.ALL_TYPES) {
      if (plain.stream().anyMatch(branch -> writes(branch, type))) {
        List<Branch> parts =
            plain.stream().filter(b -> matches(b, type)).map(b -> of(b, type)).toList();
        options.add(ofType(type, parts, depth));
      }
    }
    return options;
  }

  private static boolean excludesSome(JsonNode schema) {
    return SchemaKeywords.INTERNAL.stream().anyMatch(schema::has);
  }

  /** Whether the branch by itself would be written with values of the type. */
  private static boolean writes(Branch branch, String type) {
    SchemaKeywords own = SchemaKeywords.of(branch.schema, "");
    return matches(branch, type)
        && (own.has("type") || own.types().isEmpty() || own.types().contains(type));
  }

  private static boolean matches(Branch branch, String type) {
    return SchemaOverlap.types(SchemaKeywords.of(branch.schema, "")).contains(type);
  }

  /** The branch with values of one type only. */
  private Branch of(Branch branch, String type) {
    budget.walk(branch.schema);
    SchemaKeywords own = SchemaKeywords.of(branch.schema, "");
    boolean whole = type.equals("number") && own.has("type") && own.types().contains("integer");
    ObjectNode part = own.node().deepCopy();
    part.put("type", whole ? "integer" : type);
    return new Branch(branch.index, part);
  }

  private Expression ofType(String type, List<Branch> parts, int depth) {
    List<Branch> left = new ArrayList<>(parts);
    List<Expression> options = new ArrayList<>();
    while (!left.isEmpty()) {
      List<Branch> group = takeOverlapping(left);
      options.add(
          group.size() == 1 ? whole(group.getFirst(), depth) : overlapping(type, group, depth));
    }
    return new Choice(options);
  }

  private Expression overlapping(String type, List<Branch> parts, int depth) {
    return switch (type) {
      case "string" -> reader.strings(strings(parts));
      case "number" -> numbers(parts.stream().map(this::numbers).toList());
      case "boolean" -> Expression.choice(truth(true, parts), truth(false, parts));
      case "null" -> Expression.NOTHING;
      case "object" -> objects(parts, depth);
      default -> throw refused(parts.get(0), parts.get(1));
    };
  }

  private Expression numbers(List<NumberSet> sets) {
    return reader.distinct().noteNumbers(NumberMachine.write(sets, budget), sets);
  }

  private SchemaKeywords keywords(Branch branch) {
    return SchemaKeywords.of(branch.schema, keywords.path("oneOf") + "[" + branch.index + "]");
  }

  /** The values that a branch lists; empty where it lists none. */
  private List<JsonNode> values(Branch branch) {
    SchemaKeywords own = keywords(branch);
    if (!SchemaOverlap.listsValues(own)) {
      return List.of();
    }
    reader.requireOnlyValues(own);
    return SchemaOverlap.values(own).stream()
        .filter(value -> SchemaOverlap.isOfType(value, own.types()))
        .toList();
  }

  private List<StringSet> strings(List<Branch> parts) {
    // Only a part of each format is written, so what has no format cannot be told.
    if (parts.stream().anyMatch(part -> part.schema.has("format"))) {
      throw refused(parts.get(0), parts.get(1));
    }
    return parts.stream().map(this::strings).toList();
  }

  private StringSet strings(Branch part) {
    SchemaKeywords own = keywords(part);
    if (SchemaOverlap.listsValues(own)) {
      List<String> texts = values(part).stream().map(JsonNode::textValue).toList();
      return new StringSet(List.of(RegexNfa.of(texts, budget)), 0, -1);
    }
    return reader.strings(own);
  }

  private NumberSet numbers(Branch part) {
    SchemaKeywords own = keywords(part);
    if (SchemaOverlap.listsValues(own)) {
      List<BigDecimal> values =
          values(part).stream()
              .map(value -> own.checked("enum", value.decimalValue().stripTrailingZeros()))
              .toList();
      return new NumberSet(null, null, List.of(), values);
    }
    return reader.numbers(own, own.types().contains("integer"));
  }

  private Expression truth(boolean value, List<Branch> parts) {
    long matching =
        parts.stream()
            .filter(
                part ->
                    !SchemaOverlap.listsValues(keywords(part))
                        || values(part).contains(BooleanNode.valueOf(value)))
            .count();
    return matching == 1 ? text(Boolean.toString(value)) : Expression.NOTHING;
  }

  // ---- objects -------------------------------------------------------------------------------

  private Expression objects(List<Branch> parts, int depth) {
    List<Expression> options = new ArrayList<>();
    for (Branch mine : parts) {
      budget.walk(mine.schema);
      ObjectNode alone = mine.schema.deepCopy();
      boolean possible = true;
      for (Branch yours : parts) {
        possible &=
            yours.index == mine.index || excludes(mine, yours) || without(yours, mine, alone);
      }
      if (possible) {
        options.add(whole(new Branch(mine.index, alone), depth));
      }
    }
    return new Choice(options);
  }

  /**
   * Forbids one branch a name that another requires; false where all that it has is the other's.
   */
  private boolean without(Branch yours, Branch mine, ObjectNode alone) {
    budget.steps(48);
    Set<String> needed = keywords(yours).names("required");
    needed.removeAll(keywords(mine).names("required"));
    if (!needed.isEmpty()) {
      if (!alone.has("properties")
          && !alone.has("required")
          && !alone.has("additionalProperties")) {
        alone.put("additionalProperties", true);
      }
      alone.withObject("/properties").put(needed.iterator().next(), false);
      return true;
    }
    for (String name : keywords(yours).besides(Set.of("required"))) {
      if (!yours.schema.path(name).equals(mine.schema.path(name))) {
        throw refused(mine, yours);
      }
    }
    return false;
  }
}
