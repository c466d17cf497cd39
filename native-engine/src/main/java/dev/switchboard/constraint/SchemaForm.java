package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A schema in the words that the reader writes: what drafts before 2020-12 said otherwise, and
 * conditions ({@code if}, {@code dependencies}, {@code not}) as alternatives.
 */
final class SchemaForm {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final List<String> REWRITTEN =
      List.of(
          "additionalItems",
          "dependencies",
          "dependentRequired",
          "dependentSchemas",
          "if",
          "then",
          "else",
          "not",
          "$dynamicRef",
          "$recursiveRef");

  private final SchemaNegation negation;

  /** Schemas being rewritten inside each other: a condition may refer to what it stands in. */
  private int nesting;

  SchemaForm(SchemaNegation negation) {
    this.negation = negation;
  }

  /** The schema of what another one does not describe. */
  JsonNode negated(JsonNode schema, String path) {
    return negation.unseen(negation.of(schema, path, 0), path, 0);
  }

  ObjectNode of(ObjectNode schema, String path) {
    boolean isPlain =
        REWRITTEN.stream().noneMatch(schema::has)
            && !schema.path("items").isArray()
            && !schema.path("exclusiveMinimum").isBoolean()
            && !schema.path("exclusiveMaximum").isBoolean();
    if (isPlain) {
      return schema;
    }
    CompileBudget.checkDepth(nesting, path);
    nesting++;
    try {
      return rewritten(schema, path);
    } finally {
      nesting--;
    }
  }

  private ObjectNode rewritten(ObjectNode schema, String path) {
    ObjectNode form = NODES.objectNode();
    form.setAll(schema);
    items(form);
    exclusive(form, "exclusiveMinimum", "minimum");
    exclusive(form, "exclusiveMaximum", "maximum");
    reference(form, "$dynamicRef");
    reference(form, "$recursiveRef");
    ArrayNode conditions = NODES.arrayNode();
    conditions(form, path, conditions);
    if (!conditions.isEmpty()) {
      form.set("allOf", NODES.arrayNode().addAll(allOf(form.get("allOf"))).addAll(conditions));
    }
    return form;
  }

  private static ArrayNode allOf(@Nullable JsonNode before) {
    return before instanceof ArrayNode list ? list : NODES.arrayNode();
  }

  private static void items(ObjectNode form) {
    JsonNode more = form.remove("additionalItems");
    if (!(form.get("items") instanceof ArrayNode list)) {
      return;
    }
    form.remove("items");
    if (!list.isEmpty()) {
      form.set("prefixItems", list);
    }
    if (more != null) {
      form.set("items", more);
    }
  }

  /** A flag beside a bound, as in draft 4. */
  private static void exclusive(ObjectNode form, String name, String bound) {
    if (form.get(name) instanceof BooleanNode flag) {
      form.remove(name);
      JsonNode value = flag.booleanValue() ? form.remove(bound) : null;
      if (value != null) {
        form.set(name, value);
      }
    }
  }

  private static void reference(ObjectNode form, String name) {
    JsonNode value = form.remove(name);
    if (value != null && !form.has("$ref")) {
      form.set("$ref", value);
    }
  }

  private void conditions(ObjectNode form, String path, ArrayNode conditions) {
    for (String name : List.of("dependencies", "dependentRequired", "dependentSchemas")) {
      if (form.remove(name) instanceof ObjectNode dependencies) {
        dependencies
            .properties()
            .forEach(each -> conditions.add(dependency(each.getKey(), each.getValue())));
      }
    }
    JsonNode condition = form.remove("if");
    JsonNode then = form.remove("then");
    JsonNode otherwise = form.remove("else");
    if (condition != null && (then != null || otherwise != null)) {
      JsonNode not = negated(condition, SchemaKeywords.path(path, "if"));
      conditions.add(
          either(
              then == null ? condition : both(condition, then),
              otherwise == null ? not : both(not, otherwise)));
    }
    JsonNode forbidden = form.remove("not");
    if (forbidden != null) {
      conditions.add(negated(forbidden, SchemaKeywords.path(path, "not")));
    }
  }

  private static ObjectNode dependency(String name, JsonNode needed) {
    ObjectNode present = NODES.objectNode();
    ArrayNode required = present.putArray("required").add(name);
    JsonNode whole = present;
    if (needed.isArray()) {
      needed.forEach(required::add);
    } else if (needed.isTextual()) {
      required.add(needed);
    } else {
      whole = both(present, needed);
    }
    // Of what is no object a dependency says nothing.
    return either(SchemaNegation.without(name), whole, SchemaNegation.noneOf("object"));
  }

  static ObjectNode both(JsonNode left, JsonNode right) {
    ObjectNode all = NODES.objectNode();
    all.putArray("allOf").add(left).add(right);
    return all;
  }

  static ObjectNode either(JsonNode... options) {
    ObjectNode any = NODES.objectNode();
    ArrayNode list = any.putArray("anyOf");
    for (JsonNode option : options) {
      list.add(option);
    }
    return any;
  }
}
