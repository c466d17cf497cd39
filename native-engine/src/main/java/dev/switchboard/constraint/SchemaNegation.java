package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * A schema of what another one does not describe: one alternative for each thing it asks for, with
 * that turned round. What cannot be turned round is no alternative, so less is described; where
 * nothing can be, the first such thing is refused with its path.
 */
final class SchemaNegation {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** Below this many schemas properties are not turned round: there are enough above. */
  private static final int DEEPEST = 3;

  /** Resolves references and rewrites what drafts say differently. */
  interface Target {
    JsonNode of(JsonNode schema, String path, int depth);
  }

  private final Target target;
  private final CompileBudget budget;
  private final boolean marks;

  /**
   * @param marks whether there is something that would see what is turned round
   */
  SchemaNegation(Target target, CompileBudget budget, boolean marks) {
    this.target = target;
    this.budget = budget;
    this.marks = marks;
  }

  /**
   * The same, but that {@code unevaluatedProperties} and {@code unevaluatedItems} beside it see
   * nothing of it: what is in a {@code not} evaluates no member, however often it is turned round.
   */
  JsonNode unseen(JsonNode schema, String path, int depth) {
    if (!marks || !SchemaScope.speaksOfMembers(schema)) {
      return schema;
    }
    CompileBudget.checkDepth(depth, path);
    budget.steps(16);
    JsonNode plain = target.of(schema, path, depth);
    if (!(plain instanceof ObjectNode given)) {
      return plain;
    }
    ObjectNode marked = NODES.objectNode();
    marked.setAll(given);
    for (String name : List.of("allOf", "anyOf", "oneOf")) {
      if (given.get(name) instanceof ArrayNode branches) {
        ArrayNode list = marked.putArray(name);
        branches.forEach(each -> list.add(unseen(each, path, depth + 1)));
      }
    }
    return marked.put(SchemaKeywords.UNSEEN, true);
  }

  JsonNode of(JsonNode schema, String path, int depth) {
    CompileBudget.checkDepth(depth, path);
    budget.steps(16);
    if (schema.isBoolean()) {
      return BooleanNode.valueOf(!schema.booleanValue());
    }
    if (!(schema instanceof ObjectNode given)) {
      throw new ConstraintException(path, "must be an object or a boolean");
    }
    if (given.has("not") && SchemaKeywords.of(given, path).besides(Set.of("not")).isEmpty()) {
      return given.get("not");
    }
    JsonNode plain = target.of(schema, path, depth);
    if (plain.isBoolean()) {
      return BooleanNode.valueOf(!plain.booleanValue());
    }
    SchemaKeywords keywords = SchemaKeywords.of(plain, path);
    List<JsonNode> options = new ArrayList<>();
    ConstraintException first = null;
    for (String name : keywords.besides(Set.of())) {
      try {
        turn(keywords, name, options, depth);
      } catch (ConstraintException refused) {
        budget.step();
        first = first == null ? refused : first;
      }
    }
    options.removeIf(SchemaOverlap::isFalse);
    if (options.isEmpty()) {
      if (first != null) {
        throw first;
      }
      return BooleanNode.FALSE;
    }
    return options.size() == 1 ? options.getFirst() : anyOf(options);
  }

  private static JsonNode anyOf(List<JsonNode> options) {
    ObjectNode any = NODES.objectNode();
    any.putArray("anyOf").addAll(options);
    return any;
  }

  private void turn(SchemaKeywords keywords, String name, List<JsonNode> options, int depth) {
    JsonNode value = keywords.node().get(name);
    String path = keywords.path(name);
    switch (name) {
      case "type" -> types(keywords, options);
      case "enum" -> options.add(NODES.objectNode().set(SchemaKeywords.NOT_VALUES, value));
      case "const" ->
          options.add(
              NODES.objectNode().set(SchemaKeywords.NOT_VALUES, NODES.arrayNode().add(value)));
      case "anyOf" -> options.add(all(value, path, depth));
      case "allOf" -> anyOfAll(value, path, options, depth);
      case "minLength", "minItems", "minProperties" -> fewer(keywords, name, options);
      case "maxLength", "maxItems", "maxProperties" -> more(keywords, name, options);
      case "minimum" -> options.add(number("exclusiveMaximum", value));
      case "maximum" -> options.add(number("exclusiveMinimum", value));
      case "exclusiveMinimum" -> options.add(number("maximum", value));
      case "exclusiveMaximum" -> options.add(number("minimum", value));
      case "multipleOf" -> options.add(number(SchemaKeywords.NOT_STEP, value));
      case "pattern" -> options.add(typed("string").set(SchemaKeywords.NOT_PATTERN, value));
      case "format" -> format(keywords, options);
      case "required" -> keywords.names(name).forEach(each -> options.add(without(each)));
      case "properties" -> properties(value, path, options, depth);
      case "items" -> options.add(typed("array").set("contains", of(value, path, depth + 1)));
      case "contains" -> options.add(typed("array").set("items", of(value, path, depth + 1)));
      case SchemaKeywords.OPEN, SchemaKeywords.UNSEEN -> {}
      default -> throw new ConstraintException(path, "is not supported in what must not match");
    }
  }

  private void anyOfAll(JsonNode parts, String path, List<JsonNode> options, int depth) {
    ConstraintException first = null;
    for (JsonNode part : parts) {
      try {
        options.add(of(part, path, depth + 1));
      } catch (ConstraintException refused) {
        budget.step();
        first = refused;
      }
    }
    if (options.isEmpty() && first != null) {
      throw first;
    }
  }

  private void properties(JsonNode properties, String path, List<JsonNode> options, int depth) {
    if (depth > DEEPEST) {
      throw new ConstraintException(path, "is too deep in what must not match");
    }
    ConstraintException first = null;
    for (var each : properties.properties()) {
      String place = SchemaKeywords.path(path, each.getKey());
      try {
        JsonNode not = of(each.getValue(), place, depth + 1);
        if (!SchemaOverlap.isFalse(not)) {
          options.add(with(each.getKey(), not));
        }
      } catch (ConstraintException refused) {
        budget.step();
        first = refused;
      }
    }
    if (options.isEmpty() && first != null) {
      throw first;
    }
  }

  private ObjectNode all(JsonNode branches, String path, int depth) {
    ObjectNode all = NODES.objectNode();
    ArrayNode list = all.putArray("allOf");
    branches.forEach(each -> list.add(of(each, path, depth + 1)));
    return all;
  }

  private static ObjectNode typed(String type) {
    return NODES.objectNode().put("type", type);
  }

  private static ObjectNode number(String name, JsonNode value) {
    return typed("number").set(name, value);
  }

  private static void types(SchemaKeywords keywords, List<JsonNode> options) {
    Set<String> types = keywords.types();
    boolean whole = types.contains("integer");
    Set<String> others = new LinkedHashSet<>(SchemaOverlap.ALL_TYPES);
    others.removeAll(types);
    if (whole) {
      others.remove("number");
      options.add(number(SchemaKeywords.NOT_STEP, NODES.numberNode(1)));
    }
    options.add(ofTypes(others));
  }

  private static JsonNode ofTypes(Set<String> types) {
    if (types.isEmpty()) {
      return BooleanNode.FALSE;
    }
    ObjectNode schema = NODES.objectNode();
    types.forEach(schema.putArray("type")::add);
    return schema;
  }

  /** All types but one. */
  static JsonNode noneOf(String type) {
    Set<String> others = new LinkedHashSet<>(SchemaOverlap.ALL_TYPES);
    others.remove(type);
    return ofTypes(others);
  }

  private static String typeOf(String name) {
    return name.endsWith("Length") ? "string" : name.endsWith("Items") ? "array" : "object";
  }

  private static void fewer(SchemaKeywords keywords, String name, List<JsonNode> options) {
    int least = keywords.least(name);
    if (least > 0) {
      options.add(typed(typeOf(name)).put("max" + name.substring(3), least - 1));
    }
  }

  private static void more(SchemaKeywords keywords, String name, List<JsonNode> options) {
    int most = keywords.most(name);
    if (most >= 0) {
      options.add(typed(typeOf(name)).put("min" + name.substring(3), most + 1));
    }
  }

  private static void format(SchemaKeywords keywords, List<JsonNode> options) {
    for (String word : keywords.strings("format")) {
      StringFormat format = StringFormat.of(word);
      if (format != null) {
        throw keywords.wrong("format", "is not supported in what must not match");
      }
    }
    // An unknown format says nothing, so nothing fails it.
    options.add(BooleanNode.FALSE);
  }

  /** An object without the name. */
  static ObjectNode without(String name) {
    ObjectNode schema = typed("object");
    schema.putObject("properties").put(name, false);
    return schema.put(SchemaKeywords.OPEN, true);
  }

  private static ObjectNode with(String name, JsonNode value) {
    ObjectNode schema = typed("object");
    schema.putObject("properties").set(name, value);
    schema.putArray("required").add(name);
    return schema.put(SchemaKeywords.OPEN, true);
  }
}
