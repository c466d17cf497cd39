package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion.VersionFlag;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.RandomGenerator;
import net.jqwik.api.Tag;
import net.jqwik.api.Tuple;
import org.jspecify.annotations.Nullable;

/**
 * Random schemas, an answer drawn at random under each one's masks, over a vocabulary of bytes and
 * one of tokens of up to 128 in turn; a validator that knows nothing of this code judges the
 * answers. A schema that is refused loses what its refusal names until it is taken, so that nearly
 * all have an answer to be judged.
 *
 * <p>The schemas are the same in every run. {@code -Dswitchboard.fuzz.schemas} says how many,
 * {@code -Dswitchboard.fuzz.seed} makes others; a schema that failed is the first of the seed that
 * its failure names.
 */
@Tag("computation")
class SchemaFuzzTest {
  private static final int SCHEMAS = Integer.getInteger("switchboard.fuzz.schemas", 10_000);
  private static final long SEED = Long.getLong("switchboard.fuzz.seed", 20_261_125L);

  /** So many more or less tell nothing of the shares that are refused or have an answer. */
  private static final int FEW = 30;

  private static final int MOST_FAILURES = 10;
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).build();
  private static final JsonSchemaFactory VALIDATORS =
      JsonSchemaFactory.getInstance(VersionFlag.V202012);

  /**
   * Formats of which the validator refuses a part: it knows some top-level domains, offsets of 18
   * hours and of a time those alone that leave the day. {@code FormatFuzzTest} judges these.
   */
  private static final Pattern REFUSED = Pattern.compile("\"format\":\"(email|time|date-time)\"");

  private static final Pattern UNIQUE =
      Pattern.compile(
          "\"uniqueItems\".*\"min(Items|Contains)\"|\"min(Items|Contains)\".*\"uniqueItems\"");

  private static final SchemaValidatorsConfig FORMATS =
      SchemaValidatorsConfig.builder().formatAssertionsEnabled(true).build();
  private static final int WANTED_TOKENS = 120;

  /** Of what refusals name, out of one schema. */
  private static final int MOST_CUTS = 30;

  private static final Answers BYTES = new Answers(TestTokenizer.bytes());
  private static final Answers RUNS = new Answers(TestTokenizer.runs());
  private static final int LONGEST_RUN = 128;

  private int judged;
  private int refused;
  private int deadEnds;

  @Example
  void everyFinishedAnswerIsValid() {
    RandomGenerator<ObjectNode> schemas = schemas().generator(SCHEMAS);
    List<String> wrong = new ArrayList<>();

    for (long seed = SEED; seed < SEED + SCHEMAS && wrong.size() < MOST_FAILURES; seed++) {
      // Of seeds that follow each other a plain Random draws nearly the same.
      Random random = new Random(new SplittableRandom(seed).nextLong());
      ObjectNode schema = schemas.next(random).value();
      String complaint = judge(schema, seed % 2 == 0 ? BYTES : RUNS, random);
      if (!complaint.isEmpty()) {
        wrong.add("seed " + seed + ": " + schema + " " + complaint);
      }
    }

    assertEquals(List.of(), wrong);
    // Of the others nearly all have no answer: a required name that may not be there, or elements
    // of which none may be what must be contained.
    assertTrue((judged + FEW) * 100L >= 93L * SCHEMAS, judged + " answers were judged");
    assertTrue(deadEnds <= FEW + SCHEMAS / 100, deadEnds + " answers could not go on");
    assertTrue((refused + FEW) * 100L >= 5L * SCHEMAS, refused + " schemas were refused at first");
    assertTrue(SCHEMAS <= FEW || RUNS.longestDrawn() == LONGEST_RUN, "no longest token was drawn");
  }

  /** What is wrong with the schema's answer, or with its refusal; empty for nothing. */
  private String judge(ObjectNode schema, Answers answers, Random random) {
    for (int cuts = 0; ; cuts++) {
      try {
        ConstraintSource source = new ConstraintSource.JsonSchema(schema.toString());
        return judge(schema, answers.sample(source, random, WANTED_TOKENS));
      } catch (Answers.DeadEnd none) {
        deadEnds++;
        // Of what may not come twice there may be less than must come.
        return UNIQUE.matcher(schema.toString()).find() ? "" : "came to a dead end: " + none;
      } catch (ConstraintException named) {
        refused += cuts == 0 ? 1 : 0;
        if (named.complaint().isEmpty()) {
          return "is refused without a word";
        }
        if (cuts == MOST_CUTS || !Loosening.of(schema, named.path())) {
          return "";
        }
      } catch (JsonProcessingException
          | AssertionError
          | StackOverflowError
          | RuntimeException broken) {
        return "broke with " + broken;
      }
    }
  }

  private String judge(ObjectNode schema, @Nullable String answer) throws JsonProcessingException {
    if (answer == null) {
      return "";
    }
    judged++;
    String complaints = complaints(schema, MAPPER.readTree(answer));
    return complaints.isEmpty() ? "" : "allowed " + answer + ": " + complaints;
  }

  private static String complaints(ObjectNode schema, JsonNode answer) {
    try {
      var complaints = VALIDATORS.getSchema(schema, FORMATS).validate(answer);
      return complaints.isEmpty() || REFUSED.matcher(schema.toString()).find()
          ? ""
          : complaints.toString();
    } catch (StackOverflowError endless) {
      // A definition that is a reference to itself says nothing, wherever it is asked for.
      return "";
    }
  }

  // ---- schemas -------------------------------------------------------------------------------

  private static Arbitrary<ObjectNode> schemas() {
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
        Tuple.of(1, merged("allOf")),
        Tuple.of(1, merged("oneOf")),
        Tuple.of(1, Arbitraries.lazy(() -> choices(depth - 1))),
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
    Arbitrary<String> value =
        Arbitraries.of(
            "\"a\"", "\"\\\"é\\n\"", "1", "-2.50", "null", "true", "[1,{}]", "{\"a\":[]}");
    Arbitrary<ObjectNode> several =
        value
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
    Arbitrary<ObjectNode> one =
        value.map(text -> MAPPER.createObjectNode().set("const", parse(text)));
    return Arbitraries.oneOf(several, one);
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

  /** Strings, or numbers, of which several things are asked at once, or one of several. */
  private static Arbitrary<ObjectNode> merged(String word) {
    return Arbitraries.oneOf(strings(), numbers("number"))
        .flatMap(
            first ->
                (first.get("type").asText().equals("string") ? strings() : numbers("number"))
                    .map(
                        second -> {
                          ObjectNode node = MAPPER.createObjectNode();
                          node.putArray(word).add(first).add(second);
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
            Arbitraries.of(1.0, 0.1, 0.01, 0.001, 3.0, 0.25, 2.5, 12.0).injectNull(0.8))
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

  /** Objects that exactly one of several requirements meets. */
  private static Arbitrary<ObjectNode> choices(int depth) {
    Arbitrary<ObjectNode> branch =
        Combinators.combine(
                Arbitraries.of("a", "ab", "b", "name").set().ofMinSize(1).ofMaxSize(2),
                schema(0).injectNull(0.7))
            .as(
                (names, property) -> {
                  ObjectNode node = MAPPER.createObjectNode();
                  names.forEach(node.withArray("required")::add);
                  if (property != null) {
                    node.putObject("properties").set("a", property);
                  }
                  return node;
                });
    return Combinators.combine(objects(depth), branch.list().ofMinSize(2).ofMaxSize(3))
        .as(
            (node, branches) -> {
              ObjectNode both = node.deepCopy();
              branches.forEach(both.withArray("oneOf")::add);
              return both;
            });
  }

  private static Arbitrary<ObjectNode> arrays(int depth) {
    return Combinators.combine(
            schema(depth).injectNull(0.2),
            schema(depth).list().ofMaxSize(2),
            Arbitraries.integers().between(0, 3).injectNull(0.6),
            Arbitraries.integers().between(2, 5).injectNull(0.5),
            Arbitraries.of(true, false, false),
            contained().injectNull(0.8))
        .as(
            (items, prefix, least, most, unique, contained) -> {
              ObjectNode node = object("type", "array");
              if (unique) {
                node.put("uniqueItems", true);
              }
              if (contained != null) {
                node.setAll(contained);
              }
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

  private static Arbitrary<ObjectNode> contained() {
    return Combinators.combine(
            schema(0),
            Arbitraries.integers().between(0, 2).injectNull(0.5),
            Arbitraries.integers().between(1, 3).injectNull(0.5))
        .as(
            (wanted, least, most) -> {
              ObjectNode node = MAPPER.createObjectNode().set("contains", wanted);
              put(node, "minContains", least);
              put(node, "maxContains", most);
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
