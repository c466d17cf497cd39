package dev.switchboard.gateway.manifests;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion.VersionFlag;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Kubernetes' own schemas and those of the custom resources, read where they lie beside the
 * checkout, or where the property {@code switchboard.golden.k8s} says. The API server drops or
 * refuses what it does not know; here it is an error, but where a schema leaves a thing open.
 */
final class Schemas {
  private static final Path BESIDE = Rendered.HOME.resolve("../shared/golden").normalize();
  private static final String REF = "#/$defs/";
  private static final String META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ObjectNode components;
  private final Map<String, ObjectNode> roots = new HashMap<>();
  private final Map<String, JsonSchema> compiled = new HashMap<>();
  private final ObjectNode customResources;

  private Schemas(ObjectNode kubernetes, ObjectNode customResources) {
    this.customResources = customResources.deepCopy();
    components = (ObjectNode) kubernetes.at("/components/schemas");
    for (var each : components.properties()) {
      for (JsonNode name : each.getValue().path("x-kubernetes-group-version-kind")) {
        String group = name.path("group").asText();
        String version = name.path("version").asText();
        String api = group.isEmpty() ? version : group + "/" + version;
        roots.put(api + "/" + name.path("kind").asText(), reference(each.getKey()));
      }
    }
    for (var each : customResources.properties()) {
      ObjectNode schema = (ObjectNode) each.getValue();
      schema.withObject("/properties").set("metadata", reference(META));
      roots.put(each.getKey(), schema);
    }
    components.forEach(Schemas::close);
    roots.values().forEach(Schemas::close);
  }

  private static ObjectNode reference(String name) {
    return JSON.createObjectNode().put("$ref", REF + name);
  }

  /** Those that are there; null where there are none to be held to. */
  static @Nullable Schemas read() {
    return read(System.getProperty("switchboard.golden.k8s"), BESIDE);
  }

  /**
   * A folder that is named must have them, and so must one beside the checkout: only without either
   * there is nothing to be held to.
   */
  static @Nullable Schemas read(@Nullable String named, Path beside) {
    if (named == null && !Files.isDirectory(beside)) {
      return null;
    }
    Path folder = named == null ? beside.resolve("k8s") : Path.of(named);
    try {
      return new Schemas(
          (ObjectNode) JSON.readTree(folder.resolve("kubernetes.json").toFile()),
          (ObjectNode) JSON.readTree(folder.resolve("custom_resources.json").toFile()));
    } catch (IOException e) {
      throw new UncheckedIOException("no schemas in " + folder, e);
    }
  }

  /** Rules in CEL of a custom resource, wherever in it they stand. */
  List<String> rules(String resource) {
    return customResources.path(resource).findValues("x-kubernetes-validations").stream()
        .flatMap(JsonNode::valueStream)
        .map(rule -> rule.path("rule").asText())
        .toList();
  }

  /** What has named properties has no others. */
  private static void close(JsonNode schema) {
    if (schema instanceof ObjectNode object) {
      if (object.path("properties").isObject()
          && !object.path("x-kubernetes-preserve-unknown-fields").asBoolean()
          && !object.has("additionalProperties")) {
        object.put("additionalProperties", false);
      }
      if (object.path("$ref").isTextual()) {
        object.put("$ref", object.path("$ref").asText().replace("#/components/schemas/", REF));
      }
      object.properties().removeIf(each -> each.getKey().startsWith("x-kubernetes-"));
    }
    schema.forEach(Schemas::close);
  }

  /** What the validator says against an object; empty where it is right. */
  List<String> errors(Thing thing) {
    String key = thing.api() + "/" + thing.kind();
    ObjectNode root = roots.get(key);
    if (root == null) {
      return List.of("there is no schema of " + key);
    }
    return compiled
        .computeIfAbsent(
            key,
            name -> {
              ObjectNode whole = root.deepCopy();
              whole.set("$defs", components);
              return JsonSchemaFactory.getInstance(VersionFlag.V202012).getSchema(whole);
            })
        .validate(thing.json())
        .stream()
        .map(message -> thing + " " + message.getMessage())
        .sorted()
        .toList();
  }

  /**
   * Every field of an object by its path, with the schema that declares it. It shares nothing with
   * the validator: what no schema declares has none.
   */
  Map<String, JsonNode> typed(Thing thing) {
    Map<String, JsonNode> found = new HashMap<>();
    walk(
        "",
        thing.json(),
        roots.getOrDefault(thing.api() + "/" + thing.kind(), JSON.createObjectNode()),
        found);
    return found;
  }

  private void walk(String path, JsonNode value, JsonNode declared, Map<String, JsonNode> found) {
    JsonNode schema = resolved(declared);
    found.put(path, schema);
    if (value.isArray()) {
      for (int i = 0; i < value.size(); i++) {
        walk(path + "[" + i + "]", value.get(i), schema.path("items"), found);
      }
    } else if (value.isObject()) {
      for (var each : value.properties()) {
        JsonNode of = schema.path("properties").path(each.getKey());
        walk(
            path + "." + each.getKey(),
            each.getValue(),
            of.isMissingNode() ? schema.path("additionalProperties") : of,
            found);
      }
    }
  }

  private JsonNode resolved(JsonNode declared) {
    JsonNode schema = declared;
    while (schema.has("$ref") || schema.has("allOf")) {
      schema =
          schema.has("$ref")
              ? components.path(schema.path("$ref").asText().substring(REF.length()))
              : schema.path("allOf").get(0);
    }
    return schema;
  }

  /** Fields that nothing declares. */
  List<String> undeclared(Thing thing) {
    List<String> paths = new ArrayList<>();
    typed(thing)
        .forEach(
            (path, schema) -> {
              if (!schema.isObject() || schema.isEmpty()) {
                paths.add(thing + path);
              }
            });
    return paths;
  }
}
