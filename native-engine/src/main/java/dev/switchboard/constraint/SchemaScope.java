package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Set;

/**
 * What {@code unevaluatedProperties} and {@code unevaluatedItems} of a schema can see: what stands
 * beside and inside it, but not what stands in another schema that holds at once.
 */
final class SchemaScope {
  private static final List<String> IN_PLACE = List.of("$ref", "allOf", "anyOf", "oneOf");

  private static final Set<String> OF_MEMBERS =
      Set.of(
          "properties",
          "patternProperties",
          "additionalProperties",
          "unevaluatedProperties",
          "prefixItems",
          "items",
          "contains",
          "unevaluatedItems");

  private SchemaScope() {}

  /** Whether anything in it depends on what is evaluated. */
  static boolean sees(JsonNode root) {
    return root.findValue("unevaluatedProperties") != null
        || root.findValue("unevaluatedItems") != null;
  }

  /** Whether it may evaluate what another schema does not. */
  static boolean speaksOfMembers(JsonNode schema) {
    return IN_PLACE.stream().anyMatch(schema::has) || OF_MEMBERS.stream().anyMatch(schema::has);
  }

  /**
   * The same schema in words that mean the same when it is merged with others.
   *
   * @throws ConstraintException where what it sees is only known once its branches are
   */
  static JsonNode closed(JsonNode schema, String path) {
    JsonNode members = closed(schema, "unevaluatedProperties", "additionalProperties", path);
    return closed(members, "unevaluatedItems", "items", path);
  }

  private static JsonNode closed(JsonNode schema, String unevaluated, String own, String path) {
    if (!(schema instanceof ObjectNode object) || !object.has(unevaluated)) {
      return schema;
    }
    for (String name : IN_PLACE) {
      if (object.has(name)) {
        throw new ConstraintException(
            SchemaKeywords.path(path, unevaluated),
            "beside " + name + " is not supported in one of several schemas that hold at once");
      }
    }
    ObjectNode closed = object.objectNode();
    closed.setAll(object);
    JsonNode rest = closed.remove(unevaluated);
    if (!closed.has(own)) {
      closed.set(own, rest);
    }
    return closed;
  }
}
