package dev.switchboard.constraint;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Schemas inside a schema that have an {@code $id}, as where several are bundled into one. A
 * reference by a place ({@code #/$defs/x}) in such a one is meant from there; here it becomes one
 * from the whole schema. One that leads nowhere from there stays: whoever wrote it meant the whole.
 */
final class SchemaResources {
  private static final String ID = "$id";

  /** Keywords whose values are no schemas. */
  private static final Set<String> VALUES =
      Set.of("const", "default", "enum", "example", "examples");

  /** Keywords whose members have names that somebody chose. */
  private static final Set<String> NAMES =
      Set.of(
          "properties",
          "patternProperties",
          "$defs",
          "definitions",
          "dependentSchemas",
          "dependencies");

  private final CompileBudget budget;

  /** Whether an {@code $id} beside a {@code $ref} says nothing: up to draft 7. */
  private final boolean referencesStandAlone;

  private final ArrayDeque<Part> open = new ArrayDeque<>();

  private SchemaResources(JsonNode root, CompileBudget budget) {
    this.budget = budget;
    referencesStandAlone = root.path("$schema").asText("").contains("/draft-0");
    open.add(new Part(root, null, "", null, false));
  }

  /**
   * @param resource the innermost schema around it with a name; null where that is the whole one
   * @param names whether its members' names are no keywords
   */
  private record Part(
      JsonNode node, @Nullable Part parent, String name, @Nullable Part resource, boolean names) {}

  /** Changes the references of a schema that was just read. */
  static void resolve(JsonNode root, CompileBudget budget) {
    SchemaResources resources = new SchemaResources(root, budget);
    while (!resources.open.isEmpty()) {
      resources.next(resources.open.removeFirst());
    }
  }

  private void next(Part part) {
    budget.step();
    if (part.node instanceof ObjectNode schema) {
      Part resource = part.names || !isResource(schema, part) ? part.resource : part;
      if (resource != null && !part.names) {
        rewrite(schema, "$ref", resource);
        rewrite(schema, "$dynamicRef", resource);
      }
      for (var each : schema.properties()) {
        String name = each.getKey();
        if (part.names || !VALUES.contains(name)) {
          boolean names = !part.names && NAMES.contains(name);
          open.add(new Part(each.getValue(), part, name, resource, names));
        }
      }
    } else if (part.node.isArray()) {
      for (int i = 0; i < part.node.size(); i++) {
        open.add(new Part(part.node.get(i), part, Integer.toString(i), part.resource, false));
      }
    }
  }

  private boolean isResource(ObjectNode schema, Part part) {
    String id = schema.path(ID).asText("");
    boolean ignored = referencesStandAlone && schema.has("$ref");
    return part.parent != null && !id.isEmpty() && !id.startsWith("#") && !ignored;
  }

  private void rewrite(ObjectNode schema, String keyword, Part resource) {
    JsonNode given = schema.path(keyword);
    if (!given.isTextual()) {
      return;
    }
    String inside = given.textValue().isEmpty() ? "#" : given.textValue();
    boolean place = inside.equals("#") || inside.startsWith("#/");
    if (place && leadsSomewhere(resource.node, inside.substring(1))) {
      schema.put(keyword, "#" + pointer(resource) + inside.substring(1));
    }
  }

  private static boolean leadsSomewhere(JsonNode resource, String pointer) {
    try {
      String decoded = URLDecoder.decode(pointer.replace("+", "%2B"), StandardCharsets.UTF_8);
      return !resource.at(JsonPointer.compile(decoded)).isMissingNode();
    } catch (IllegalArgumentException broken) {
      return false;
    }
  }

  /** Where it is, as a reference spells it. Its length is asked for before it is written. */
  private String pointer(Part resource) {
    ArrayDeque<String> names = new ArrayDeque<>();
    for (Part part = resource; part.parent != null; part = part.parent) {
      budget.steps(part.name.length() + 1L);
      names.addFirst(part.name);
    }
    StringBuilder pointer = new StringBuilder();
    for (String name : names) {
      String token = name.replace("~", "~0").replace("/", "~1");
      pointer.append('/').append(URLEncoder.encode(token, StandardCharsets.UTF_8));
    }
    return pointer.toString().replace("+", "%20");
  }
}
