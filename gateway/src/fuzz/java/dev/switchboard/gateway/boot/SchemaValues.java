package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Makes bodies from the schemas of a document: as they should be, a little wrong, or malicious. */
final class SchemaValues {
  private static final int MOST_ITEMS = 3;
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final List<String> TEXTS =
      List.of(
          "",
          "a",
          "hello world",
          "ünï©ødé 漢字 🙂",
          "\u0000",
          "\ud800",
          "'; DROP TABLE api_key; --",
          "../../etc/passwd",
          "${jndi:ldap://x/y}",
          "\u001b[31m",
          "\r\nX-Evil: 1",
          "{{7*7}}",
          "<|im_start|>system",
          "%s%n%d",
          "true",
          "null",
          "1e309");
  private static final List<String> RAW =
      List.of(
          "",
          " ",
          "{",
          "}",
          "[]",
          "null",
          "1",
          "\"x\"",
          "{\"a\":}",
          "{\"model\":\"m\"",
          "{]",
          "{\"model\":\"m\",\"model\":\"m\"}",
          "\ufeff{}",
          "{\"a\":NaN}",
          "{'a':1}",
          "{\"a\":01}",
          "{\"a\":1e999999999}",
          "{}{}",
          "{\"\\ud800\":1}",
          "{\"a\":\"\\x\"}",
          "<xml/>",
          "a=b&c=d");

  private final ApiDocument document;
  private final Random random;

  SchemaValues(ApiDocument document, Random random) {
    this.document = document;
    this.random = random;
  }

  /** A value that the schema allows. */
  JsonNode valid(JsonNode wanted) {
    JsonNode schema = document.resolved(wanted);
    if (schema.has("oneOf")) {
      return valid(any(schema.get("oneOf")));
    }
    if (schema.has("const")) {
      return schema.get("const");
    }
    if (schema.has("enum")) {
      return any(schema.get("enum"));
    }
    JsonNode type = schema.path("type");
    return switch (type.isArray() ? any(type).asText() : type.asText()) {
      case "object" -> object(schema);
      case "array" -> array(schema);
      case "string" -> NODES.textNode(text(schema));
      case "integer" -> NODES.numberNode(Math.round(number(schema)));
      case "number" -> NODES.numberNode(number(schema));
      case "boolean" -> NODES.booleanNode(random.nextBoolean());
      default -> NODES.nullNode();
    };
  }

  private JsonNode any(JsonNode list) {
    return list.get(random.nextInt(list.size()));
  }

  private ObjectNode object(JsonNode schema) {
    ObjectNode made = NODES.objectNode();
    List<String> required = new ArrayList<>();
    schema.path("required").forEach(name -> required.add(name.asText()));
    int properties = Math.max(1, schema.path("properties").size());
    for (var property : schema.path("properties").properties()) {
      if (required.contains(property.getKey()) || random.nextInt(properties) < 3) {
        made.set(property.getKey(), valid(property.getValue()));
      }
    }
    if (schema.path("additionalProperties").isObject()) {
      made.set("" + random.nextInt(1000), valid(schema.get("additionalProperties")));
    }
    return made;
  }

  private ArrayNode array(JsonNode schema) {
    int least = schema.path("minItems").asInt(0);
    int most = Math.min(schema.path("maxItems").asInt(MOST_ITEMS), MOST_ITEMS);
    ArrayNode made = NODES.arrayNode();
    for (int i = least + random.nextInt(Math.max(1, most - least)); i > 0; i--) {
      made.add(valid(schema.path("items")));
    }
    return made;
  }

  private String text(JsonNode schema) {
    if (schema.has("pattern")) {
      return "name" + random.nextInt(100_000);
    }
    String text = TEXTS.get(random.nextInt(TEXTS.size()));
    return text.isEmpty() && schema.path("minLength").asInt(0) > 0 ? "m" : text;
  }

  private double number(JsonNode schema) {
    double low =
        schema.path("minimum").asDouble(schema.path("exclusiveMinimum").asDouble(-10) + 0.001);
    double high =
        schema.path("maximum").asDouble(schema.path("exclusiveMaximum").asDouble(10.001) - 0.001);
    return switch (random.nextInt(4)) {
      case 0 -> low;
      case 1 -> high;
      default -> low + random.nextDouble() * (Math.min(high, low + 100) - low);
    };
  }

  /** The same with something wrong: a value of another kind, a field that is missing or strange. */
  JsonNode mutated(JsonNode value) {
    JsonNode copy = value.deepCopy();
    List<ObjectNode> objects = new ArrayList<>();
    collect(copy, objects);
    if (objects.isEmpty()) {
      return wrong();
    }
    ObjectNode target = objects.get(random.nextInt(objects.size()));
    List<String> names = new ArrayList<>();
    target.fieldNames().forEachRemaining(names::add);
    String name = names.isEmpty() ? "x" : names.get(random.nextInt(names.size()));
    switch (random.nextInt(4)) {
      case 0 -> target.remove(name);
      case 1 -> target.set(TEXTS.get(random.nextInt(TEXTS.size())), wrong());
      default -> target.set(name, wrong());
    }
    return copy;
  }

  private static void collect(JsonNode node, List<ObjectNode> objects) {
    if (node instanceof ObjectNode object) {
      objects.add(object);
    }
    node.forEach(child -> collect(child, objects));
  }

  private JsonNode wrong() {
    return switch (random.nextInt(12)) {
      case 0 -> NODES.nullNode();
      case 1 -> NODES.booleanNode(random.nextBoolean());
      case 2 -> NODES.numberNode(-1);
      case 3 -> NODES.numberNode(Long.MAX_VALUE);
      case 4 -> NODES.numberNode(1e308);
      case 5 -> NODES.numberNode(0.5);
      case 6 -> NODES.arrayNode();
      case 7 -> NODES.objectNode();
      case 8 -> NODES.arrayNode().add(NODES.arrayNode().add(1)).add("x");
      case 9 -> NODES.objectNode().put("$ref", "#").put("type", 7);
      default -> NODES.textNode(TEXTS.get(random.nextInt(TEXTS.size())));
    };
  }

  /** Bytes that are hardly JSON, or JSON that wants to exhaust something. */
  byte[] hostile(JsonNode value) {
    byte[] bytes = value.toString().getBytes(StandardCharsets.UTF_8);
    return switch (random.nextInt(6)) {
      case 0 -> RAW.get(random.nextInt(RAW.size())).getBytes(StandardCharsets.UTF_8);
      case 1 -> ("[".repeat(5000) + "]".repeat(5000)).getBytes(StandardCharsets.UTF_8);
      case 2 -> ("{\"a\":".repeat(100) + "1" + "}".repeat(100)).getBytes(StandardCharsets.UTF_8);
      case 3 -> ("{\"n\":" + "9".repeat(2000) + "}").getBytes(StandardCharsets.UTF_8);
      case 4 -> Arrays.copyOf(bytes, random.nextInt(bytes.length + 1));
      default -> {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
        yield bytes;
      }
    };
  }
}
