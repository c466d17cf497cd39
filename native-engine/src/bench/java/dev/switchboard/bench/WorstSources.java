package dev.switchboard.bench;

import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.ConstraintSource.Grammar;
import dev.switchboard.constraint.ConstraintSource.JsonSchema;
import dev.switchboard.constraint.ConstraintSource.Regex;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Sources that are small and ask for much: each was made to come close to a limit of compiling. */
final class WorstSources {
  private WorstSources() {}

  static Map<String, ConstraintSource> all() {
    Map<String, ConstraintSource> sources = attacks();
    expressions(sources);
    schemas(sources);
    choices(sources);
    sources.put("rules that may be empty", new Grammar(emptyRules()));
    sources.put(
        "4000 rules",
        new Grammar(
            "root ::= r0\n"
                + join("", 4000, i -> "r" + i + " ::= \"a\" r" + (i + 1) + " | \"c\"\n")
                + "r4000 ::= \"d\"\n"));
    return sources;
  }

  /** What servers of this kind were hit with. */
  static Map<String, ConstraintSource> attacks() {
    Map<String, ConstraintSource> sources = new LinkedHashMap<>();
    String brackets = "(".repeat(30_000) + "a" + ")".repeat(30_000);
    sources.put("30000 brackets", new Regex(brackets));
    sources.put("30000 brackets, grammar", new Grammar("root ::= " + brackets));
    sources.put("(a+)+$", new Regex("(a+)+$"));
    sources.put("foo**", new Regex("foo**"));
    sources.put(
        "100000 values",
        new JsonSchema("{\"enum\":[" + join(",", 100_000, i -> "\"v" + i + "\"") + "]}"));
    sources.put(
        "recursive $ref",
        new JsonSchema("{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"}}}"));
    sources.put("$ref to itself", new JsonSchema("{\"$ref\":\"#\"}"));
    return sources;
  }

  private static void expressions(Map<String, ConstraintSource> sources) {
    sources.put("(a?){5000}a{5000}", new Regex("(a?){5000}a{5000}"));
    sources.put(".*a.{14}", new Regex(".*a.{14}"));
    sources.put(".{0,10000}", new Regex(".{0,10000}"));
    sources.put("nested repeats", new Regex("(((a{0,99}b){0,99}c){0,99}d){0,99}"));
    sources.put("6000 words", new Regex(join("|", 6000, i -> "w" + i)));
    sources.put("1000 words, repeated", new Regex("(" + join("|", 1000, i -> "w" + i) + ")*"));
    sources.put(
        "1500 sets",
        new Regex(join("", 1500, i -> "[" + han(7 * i) + "-" + han(7 * i + 3 + i % 11) + "]*")));
  }

  private static String han(int number) {
    return Character.toString(0x4e00 + number);
  }

  private static void schemas(Map<String, ConstraintSource> sources) {
    sources.put(
        "maxItems 5000", new JsonSchema("{\"items\":{\"type\":\"integer\"},\"maxItems\":5000}"));
    sources.put("maxLength 3000", new JsonSchema("{\"type\":\"string\",\"maxLength\":3000}"));
    sources.put(
        "uri, maxLength 200",
        new JsonSchema("{\"type\":\"string\",\"format\":\"uri\",\"maxLength\":200}"));
    sources.put(
        "email and a pattern",
        new JsonSchema(
            "{\"format\":\"email\",\"pattern\":\"(a|b).*(c|d).{5}e\",\"maxLength\":400}"));
    sources.put(
        "pattern, 4000 long",
        new JsonSchema(
            "{\"pattern\":\"^([a-z]+[0-9]*)+$\",\"minLength\":2000,\"maxLength\":4000}"));
    sources.put(
        "3000 properties",
        new JsonSchema("{\"properties\":{" + join(",", 3000, i -> "\"p" + i + "\":{}") + "}}"));
    sources.put(
        "2000 branches",
        new JsonSchema(
            "{\"anyOf\":["
                + join(",", 2000, i -> "{\"properties\":{\"k\":{\"const\":" + i + "}}}")
                + "]}"));
  }

  private static void choices(Map<String, ConstraintSource> sources) {
    sources.put("multipleOf 9973", new JsonSchema("{\"multipleOf\":9973}"));
    sources.put("multipleOf 397", new JsonSchema("{\"multipleOf\":397,\"minimum\":-1e17}"));
    sources.put(
        "oneOf of steps",
        new JsonSchema(
            "{\"type\":\"number\",\"oneOf\":["
                + join(",", 12, i -> "{\"multipleOf\":" + (7 + i) + ",\"maximum\":" + 37 * i + "}")
                + "]}"));
    sources.put(
        "oneOf of patterns",
        new JsonSchema(
            "{\"type\":\"string\",\"oneOf\":[{\"pattern\":\"a.{9}$\"},{\"pattern\":\"(b|c).*d.{4}\"},"
                + "{\"maxLength\":200}]}"));
    sources.put(
        "oneOf, 300 required",
        new JsonSchema(
            "{\"oneOf\":[" + join(",", 300, i -> "{\"required\":[\"p" + i + "\"]}") + "]}"));
  }

  /** Each derives the empty text through two of the next. */
  private static String emptyRules() {
    return "root ::= r0\n"
        + join("", 3000, i -> "r" + i + " ::= \"\" | r" + (i + 1) + " r" + (i + 1) + "\n")
        + "r3000 ::= \"d\"\n";
  }

  private static String join(String between, int count, IntFunction<String> each) {
    return IntStream.range(0, count).mapToObj(each).collect(Collectors.joining(between));
  }
}
