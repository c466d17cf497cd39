package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every number of a schema, an expression and a grammar at the values at which sizes and sums
 * overflow: each is compiled or refused, without an error of the JVM, in bounded memory.
 */
class HostileNumbersTest {
  /** Of the numbers those at which sums pass the largest int. */
  private static final List<String> OVERFLOWING =
      List.of("2147483645", "2147483647", "2147483648", "1e30", "1073741824");

  private static final List<String> COUNTS =
      List.of("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties");
  private static final List<String> BOUNDS =
      List.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf");

  /** Live and dead together; 16 MiB of it are what the costliest schema that is compiled takes. */
  private static final long MOST_BYTES = 256L << 20;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final ConstraintCompiler COMPILER =
      new ConstraintCompiler(new TokenVocabulary(TestTokenizer.pieces(), 400));

  static Stream<String> schemas() {
    List<String> schemas = new ArrayList<>();
    for (String number : HostileNumbers.ALL) {
      for (String name : COUNTS) {
        schemas.addAll(around("{\"%s\":%s}".formatted(name, number)));
        schemas.add("{\"type\":\"string\",\"pattern\":\"a\",\"%s\":%s}".formatted(name, number));
        schemas.add(
            "{\"prefixItems\":[{}],\"items\":{},\"type\":\"array\",\"%s\":%s}"
                .formatted(name, number));
        schemas.add("{\"prefixItems\":[{}],\"type\":\"array\",\"%s\":%s}".formatted(name, number));
        schemas.add(
            "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"null\"},\"%s\":%s}"
                .formatted(name, number));
        schemas.add("{\"properties\":{\"a\":{}},\"%s\":%s}".formatted(name, number));
        for (String inner : OVERFLOWING.contains(number) ? COUNTS : List.<String>of()) {
          schemas.add("{\"%s\":%s,\"items\":{\"%s\":%s}}".formatted(name, "1000", inner, number));
          schemas.add("{\"%s\":%s,\"%s\":%s}".formatted(name, number, inner, number));
        }
      }
      for (String name : BOUNDS) {
        schemas.addAll(around("{\"type\":\"number\",\"%s\":%s}".formatted(name, number)));
        schemas.add("{\"type\":\"integer\",\"%s\":%s}".formatted(name, number));
      }
      for (String list : List.of("{\"enum\":[%s]}", "{\"const\":%s}", "{\"enum\":[1,%s,2]}")) {
        schemas.addAll(around(list.formatted(number)));
      }
    }
    return schemas.stream();
  }

  /** The schema alone, inside others, and where schemas are merged and told apart. */
  private static List<String> around(String schema) {
    return List.of(
        schema,
        "{\"items\":%s,\"minItems\":1000}".formatted(schema),
        "{\"properties\":{\"a\":%s},\"required\":[\"a\"]}".formatted(schema),
        "{\"allOf\":[%s,{\"type\":[\"array\",\"string\",\"number\"]}]}".formatted(schema),
        "{\"oneOf\":[%s,{\"type\":\"number\",\"minimum\":0}]}".formatted(schema),
        "{\"oneOf\":[%s,{\"type\":\"string\",\"maxLength\":3}]}".formatted(schema),
        "{\"anyOf\":[%s,{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":%s}}".formatted(schema, schema));
  }

  @ParameterizedTest
  @MethodSource("repeats")
  void aRepeatOfAnExpressionOrAGrammarIsCompiledOrRefused(String count) {
    String nested = "((((a{%1$s}){%1$s}){%1$s}){%1$s}){%1$s}".formatted(count);

    requireQuick(new ConstraintSource.Regex("a{%s}".formatted(count)));
    requireQuick(new ConstraintSource.Regex("(a|[^b]{%s})*".formatted(count)));
    requireQuick(new ConstraintSource.Regex("(){%s}".formatted(count)));
    requireQuick(new ConstraintSource.Regex(nested));
    requireQuick(new ConstraintSource.JsonSchema("{\"pattern\":\"%s\"}".formatted(nested)));
    requireQuick(new ConstraintSource.Grammar("root ::= \"a\"{%s}".formatted(count)));
    requireQuick(new ConstraintSource.Grammar("root ::= (\"\"){%s}".formatted(count)));
    requireQuick(
        new ConstraintSource.Grammar(
            "root ::= a{%1$s}\na ::= b{%1$s}\nb ::= (\"x\" | c){%1$s}\nc ::= [a-z]{%1$s}"
                .formatted(count)));
  }

  static Stream<String> repeats() {
    Stream<String> whole = HostileNumbers.ALL.stream().filter(number -> number.matches("-?[0-9]+"));
    return Stream.concat(whole, Stream.of("10000", "99999999999999999999999"))
        .flatMap(number -> Stream.of(number, "0," + number, number + ",", "3," + number));
  }

  @Test
  void aNumberOfASchemaIsCompiledOrRefused() {
    schemas().map(ConstraintSource.JsonSchema::new).forEach(HostileNumbersTest::requireQuick);
  }

  @Test
  void aBoundAboveWhatAnyAnswerHasIsNone() {
    for (String number : List.of("2147483645", "2147483647", "9223372036854775807", "1e30")) {
      Answers answers = new Answers(TestTokenizer.pieces());

      assertTrue(answers.accepts(schema("{\"maxItems\":%s}".formatted(number)), "[1, 2]"));
      assertTrue(
          answers.accepts(
              schema("{\"pattern\":\"^a\",\"maxLength\":%s}".formatted(number)), "\"ab\""));
      assertTrue(answers.accepts(schema("{\"maxProperties\":%s}".formatted(number)), "{}"));
    }
  }

  private static ConstraintSource schema(String text) {
    return new ConstraintSource.JsonSchema(text);
  }

  /** What is said of the source; empty when it is compiled. */
  static String requireQuick(ConstraintSource source) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    String said = said(source);
    long bytes = THREADS.getCurrentThreadAllocatedBytes() - before;
    String text = source.toString();
    String shown = text.substring(0, Math.min(200, text.length()));
    assertTrue(bytes < MOST_BYTES, () -> shown + " took " + (bytes >> 20) + " MiB: " + said);
    return said;
  }

  /** Anything else that is thrown fails the test. */
  private static String said(ConstraintSource source) {
    try {
      COMPILER.automaton(source);
      return "";
    } catch (ConstraintException refused) {
      return String.valueOf(refused.complaint());
    }
  }

  // ---- sources whose size, not whose numbers, asks for much -------------------------------------

  @Test
  void aSetOfManyRangesIsRefusedBeforeItTakesLong() {
    StringBuilder set = new StringBuilder();
    for (int c = 0x10000; set.length() < 1_000_000; c += 2) {
      set.appendCodePoint(c);
    }

    assertEquals(
        "is too complex to compile", requireQuick(new ConstraintSource.Regex("[" + set + "]")));
    assertTrue(
        requireQuick(new ConstraintSource.Grammar("root ::= [" + set + "]")).contains("complex"));
  }

  @Test
  void anExpressionOfAMillionCharactersIsRefused() {
    assertTrue(requireQuick(new ConstraintSource.Regex("a".repeat(1 << 20))).contains("too large"));
  }

  @Test
  void rulesThatStandManyTimesInEachOtherAreRefused() {
    String many = "| b ".repeat(40_000).substring(2);
    String grammar =
        "root ::= a{2}\na ::= " + many + "\nb ::= " + "|\"x\"".repeat(60_000).substring(1);

    assertTrue(requireQuick(new ConstraintSource.Grammar(grammar)).contains("is too "));
  }

  @Test
  void longNamesBesideAdditionalPropertiesAreRefused() {
    StringBuilder properties = new StringBuilder();
    for (int i = 0; i < 900; i++) {
      properties.append(i == 0 ? "" : ",").append("\"%04d%s\":{}".formatted(i, "x".repeat(1000)));
    }

    String said =
        requireQuick(
            schema("{\"additionalProperties\":true,\"properties\":{%s}}".formatted(properties)));

    assertTrue(said.contains("too large"), said);
  }

  @Test
  void pathsOfDeepSchemasTakeNoMemoryOfTheirOwn() {
    StringBuilder deep = new StringBuilder();
    String name = "n".repeat(1000);
    for (int i = 0; i < 50; i++) {
      deep.append("{\"properties\":{\"").append(name).append("\":");
    }
    deep.append("{\"properties\":{");
    for (int i = 0; i < 20_000; i++) {
      deep.append(i == 0 ? "" : ",").append("\"p%d\":{\"items\":{}}".formatted(i));
    }
    deep.append("}}").append("}}".repeat(50));

    requireQuick(schema(deep.toString()));
  }

  @Test
  void manyBranchesBesideManyPropertiesAreRefused() {
    String branches = ",{\"minItems\":1}".repeat(20_000).substring(1);
    StringBuilder properties = new StringBuilder();
    for (int i = 0; i < 20_000; i++) {
      properties.append(i == 0 ? "" : ",").append("\"p%d\":{}".formatted(i));
    }
    for (String kind : List.of("anyOf", "oneOf", "allOf")) {
      String said =
          requireQuick(
              schema("{\"properties\":{%s},\"%s\":[%s]}".formatted(properties, kind, branches)));

      assertTrue(said.contains("too complex"), said);
    }
  }

  @Test
  void longListsOfValuesAreComparedWithinTheBudget() {
    StringBuilder values = new StringBuilder("0");
    for (int i = 1; i < 30_000; i++) {
      values.append(',').append(i);
    }
    String list = "{\"enum\":[%s]}".formatted(values);

    String said =
        requireQuick(schema("{\"oneOf\":[%s,%s]}".formatted(list, list.replace("[0", "[-7"))));

    assertTrue(said.contains("too complex"), said);
  }
}
