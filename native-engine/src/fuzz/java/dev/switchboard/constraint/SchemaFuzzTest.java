package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion.VersionFlag;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import org.jspecify.annotations.Nullable;

/**
 * Random schemas, an answer drawn at random under each one's masks, over a vocabulary of bytes and
 * one of longer tokens in turn; a validator that knows nothing of this code judges the answers.
 */
class SchemaFuzzTest {
  private static final JsonMapper MAPPER = new JsonMapper();
  private static final JsonSchemaFactory VALIDATORS =
      JsonSchemaFactory.getInstance(VersionFlag.V202012);
  private static final SchemaValidatorsConfig FORMATS =
      SchemaValidatorsConfig.builder().formatAssertionsEnabled(true).build();
  private static final int WANTED_TOKENS = 120;
  private static final Answers BYTES = new Answers(TestTokenizer.bytes());
  private static final Answers PIECES = new Answers(TestTokenizer.pieces());

  private static int finished;
  private static int refused;

  @Property(tries = 10_000, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.BOUNDED)
  void everyFinishedAnswerIsValid(@ForAll("schemas") ObjectNode schema, @ForAll int seed)
      throws JsonProcessingException {
    Answers answers = seed % 2 == 0 ? BYTES : PIECES;
    ConstraintSource source = new ConstraintSource.JsonSchema(schema.toString());
    String answer;
    try {
      answer = answers.sample(source, new Random(seed), WANTED_TOKENS);
    } catch (ConstraintException named) {
      refused++;
      assertTrue(!named.complaint().isEmpty());
      return;
    }
    if (answer != null) {
      finished++;
      JsonNode value = MAPPER.readTree(answer);
      JsonSchema judge = VALIDATORS.getSchema(schema, FORMATS);
      assertEquals(Set.of(), judge.validate(value), () -> schema + " allowed " + answer);
    }
  }

  /** Or the property would say little. */
  @AfterContainer
  static void mostSchemasHaveAnswers() {
    assertTrue(finished > 7_000, finished + " answers ended, " + refused + " schemas were refused");
    assertTrue(refused > 50, refused + " schemas were refused");
  }

  // ---- schemas -------------------------------------------------------------------------------

  @Provide
  Arbitrary<ObjectNode> schemas() {
    return Combinators.combine(schema(3), schema(1), Arbitraries.integers().between(0, 5))
        .as(
            (root, definition, kind) -> {
              ObjectNode whole = root.deepCopy();
              // So that references always lead somewhere and end somewhere.
              ObjectNode node = object("type", "object");
              node.putObject("properties").set("value", definition);
              ((ObjectNode) node.get("properties")).putObject("next").put("$ref", "#/$defs/node");
              whole.putObject("$defs").set("node", kind == 0 ? definition : node);
              return whole;
            });
  }

  private static Arbitrary<ObjectNode> schema(int depth) {
    List<Arbitrary<ObjectNode>> leaves =
        List.of(strings(), numbers("integer"), numbers("number"), values(), words(), references());
    if (depth == 0) {
      return Arbitraries.oneOf(leaves);
    }
    return Arbitraries.frequencyOf(
        Tuple.of(8, Arbitraries.oneOf(leaves)),
        Tuple.of(1, merged()),
        Tuple.of(8, Arbitraries.lazy(() -> objects(depth - 1))),
        Tuple.of(4, Arbitraries.lazy(() -> arrays(depth - 1))),
        Tuple.of(4, Arbitraries.lazy(() -> combined(depth - 1))));
  }

  private static ObjectNode object(String name, String value) {
    return MAPPER.createObjectNode().put(name, value);
  }

  private static Arbitrary<ObjectNode> words() {
    return Arbitraries.of("null", "boolean", "string", "object", "array", "any", "both")
        .map(
            word ->
                switch (word) {
                  case "any" -> MAPPER.createObjectNode().put("title", "anything");
                  case "both" -> {
                    ObjectNode both = MAPPER.createObjectNode();
                    both.putArray("type").add("null").add("boolean");
                    yield both;
                  }
                  default -> object("type", word);
                });
  }

  private static Arbitrary<ObjectNode> references() {
    return Arbitraries.just(object("$ref", "#/$defs/node"));
  }

  private static Arbitrary<ObjectNode> values() {
    return Arbitraries.of(
            "\"a\"", "\"\\\"é\\n\"", "1", "-2.50", "null", "true", "[1,{}]", "{\"a\":[]}")
        .list()
        .ofMinSize(1)
        .ofMaxSize(4)
        .map(
            texts -> {
              ObjectNode node = MAPPER.createObjectNode();
              ArrayNode values = node.putArray("enum");
              texts.forEach(text -> values.add(parse(text)));
              return node;
            });
  }

  private static JsonNode parse(String text) {
    try {
      return MAPPER.readTree(text);
    } catch (JsonProcessingException broken) {
      throw new IllegalStateException(broken);
    }
  }

  private static Arbitrary<ObjectNode> strings() {
    Arbitrary<String> pattern =
        Arbitraries.of(
            "^[a-c]+$", "b", "^(ab|\"c)*$", "[^x]{2}", "^\\d{2}-\\w", "é|日$", "^a?[\\\\/]");
    Arbitrary<String> format =
        Arbitraries.of(
            "date", "time", "date-time", "uuid", "email", "hostname", "ipv4", "ipv6", "uri");
    return Combinators.combine(
            pattern.injectNull(0.6),
            format.injectNull(0.8),
            Arbitraries.integers().between(0, 4).injectNull(0.6),
            Arbitraries.integers().between(4, 40).injectNull(0.6))
        .as(
            (expression, word, least, most) -> {
              ObjectNode node = object("type", "string");
              if (expression != null) {
                node.put("pattern", expression);
              } else if (word != null) {
                node.put("format", word);
              }
              put(node, "minLength", least);
              put(node, "maxLength", word != null && expression == null ? null : most);
              return node;
            });
  }

  /** Strings, or numbers, of which several things are asked at once. */
  private static Arbitrary<ObjectNode> merged() {
    return Arbitraries.oneOf(strings(), numbers("number"))
        .flatMap(
            first ->
                (first.get("type").asText().equals("string") ? strings() : numbers("number"))
                    .map(
                        second -> {
                          ObjectNode node = MAPPER.createObjectNode();
                          node.putArray("allOf").add(first).add(second);
                          return node;
                        }));
  }

  private static void put(ObjectNode node, String name, @Nullable Integer value) {
    if (value != null) {
      node.put(name, value);
    }
  }

  private static Arbitrary<ObjectNode> numbers(String type) {
    Arbitrary<Double> bound =
        Arbitraries.of(
            -1000.25, -10.0, -1.0, -0.5, 0.0, 0.001, 0.5, 1.0, 7.0, 10.0, 99.99, 12345.0);
    return Combinators.combine(
            bound.injectNull(0.4),
            bound.injectNull(0.4),
            Arbitraries.of(true, false),
            Arbitraries.of(true, false),
            Arbitraries.of(1.0, 0.1, 0.01, 0.1, 0.01, 0.001, 3.0).injectNull(0.85))
        .as(
            (first, second, openFirst, openSecond, step) -> {
              ObjectNode node = object("type", type);
              Double least =
                  first != null && second != null ? Double.valueOf(Math.min(first, second)) : first;
              Double most =
                  first != null && second != null
                      ? Double.valueOf(Math.max(first, second))
                      : second;
              if (least != null) {
                node.put(openFirst ? "exclusiveMinimum" : "minimum", least);
              }
              if (most != null) {
                node.put(openSecond ? "exclusiveMaximum" : "maximum", most);
              }
              if (step != null) {
                node.put("multipleOf", step);
              }
              return node;
            });
  }

  private static Arbitrary<ObjectNode> objects(int depth) {
    Arbitrary<String> name = Arbitraries.of("a", "ab", "b", "name", "é", "x y", "\"q\"");
    return Combinators.combine(
            Arbitraries.maps(name, schema(depth)).ofMaxSize(4),
            name.set().ofMaxSize(2),
            Arbitraries.integers().between(0, 9),
            schema(0),
            Arbitraries.integers().between(0, 2).injectNull(0.95),
            Arbitraries.integers().between(1, 4).injectNull(0.95))
        .as(
            (properties, required, additions, additional, least, most) -> {
              ObjectNode node = object("type", "object");
              if (!properties.isEmpty()) {
                node.putObject("properties").setAll(properties);
              }
              if (!required.isEmpty()) {
                required.forEach(node.withArray("required")::add);
              }
              if (additions < 3) {
                node.put("additionalProperties", additions > 0);
              } else if (additions < 5) {
                node.set("additionalProperties", additional);
              }
              put(node, "minProperties", least);
              put(node, "maxProperties", most);
              return node;
            });
  }

  private static Arbitrary<ObjectNode> arrays(int depth) {
    return Combinators.combine(
            schema(depth).injectNull(0.2),
            schema(depth).list().ofMaxSize(2),
            Arbitraries.integers().between(0, 3).injectNull(0.6),
            Arbitraries.integers().between(2, 5).injectNull(0.5))
        .as(
            (items, prefix, least, most) -> {
              ObjectNode node = object("type", "array");
              if (items != null) {
                node.set("items", items);
              }
              if (!prefix.isEmpty()) {
                prefix.forEach(node.withArray("prefixItems")::add);
              }
              put(node, "minItems", least);
              put(node, "maxItems", most);
              return node;
            });
  }

  private static Arbitrary<ObjectNode> combined(int depth) {
    return Combinators.combine(
            Arbitraries.of("anyOf", "anyOf", "anyOf", "anyOf", "anyOf", "oneOf", "allOf"),
            schema(depth).list().ofMinSize(1).ofMaxSize(3),
            schema(0).injectNull(0.9))
        .as(
            (word, schemas, base) -> {
              ObjectNode node = base == null ? MAPPER.createObjectNode() : base.deepCopy();
              schemas.forEach(node.withArray(word)::add);
              return node;
            });
  }
}
