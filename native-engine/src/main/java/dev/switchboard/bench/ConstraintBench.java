package dev.switchboard.bench;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.Matcher;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What a constrained token costs on the engine's thread: taking the token before and writing the
 * mask, while answers are drawn at random under it.
 */
@Command(
    name = "bench constraint",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what a mask costs per token, in microseconds.",
      "Answers are drawn at random; 'first' is the first answers of a constraint just compiled,",
      "'steady' those after them."
    })
final class ConstraintBench implements Callable<Integer> {
  private static final int LONGEST_ANSWER = 400;
  private static final String PERSON =
      """
      {"type":"object","properties":{
        "name":{"type":"string"},"email":{"type":"string","format":"email"},
        "age":{"type":"integer","minimum":0,"maximum":150},"score":{"type":"number"},
        "role":{"enum":["admin","editor","viewer"]},
        "tags":{"type":"array","items":{"type":"string","maxLength":40}},
        "friends":{"type":"array","items":{"$ref":"#"}}},
       "required":["name","age","role","tags"],"additionalProperties":false}""";
  private static final String ARITHMETIC =
      """
      root ::= sum
      sum ::= product (("+" | "-") product)*
      product ::= atom ("*" atom)*
      atom ::= [0-9]+ | "(" sum ")" | [a-z]+
      """;

  @Option(
      names = "--model",
      paramLabel = "FILE.gguf",
      description = "its vocabulary, instead of one that is made up")
  private @Nullable Path model;

  @Option(
      names = "--vocabulary",
      defaultValue = "128000",
      description = "tokens of the made-up vocabulary (128000)")
  private int size;

  @Option(names = "--tokens", defaultValue = "20000", description = "tokens per constraint (20000)")
  private int tokens;

  private final PrintStream out = System.out;

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ConstraintBench()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    Tokenizer tokenizer = tokenizer();
    long begin = System.nanoTime();
    TokenVocabulary vocabulary = new TokenVocabulary(tokenizer, tokenizer.size());
    out.printf(
        Locale.ROOT,
        "%d tokens; vocabulary prepared in %.0f ms%n%n",
        tokenizer.size(),
        (System.nanoTime() - begin) / 1e6);
    out.printf(
        "%-22s %10s %10s %9s %9s %9s %9s %9s%n",
        "constraint", "compile ms", "first p50", "p99", "max", "steady p50", "p99", "max");
    // The first constraint pays for what every later one finds compiled.
    measure("", new ConstraintSource.JsonSchema(PERSON), vocabulary);
    for (Map.Entry<String, ConstraintSource> each : sources().entrySet()) {
      out.println(measure(each.getKey(), each.getValue(), vocabulary));
    }
    return 0;
  }

  private Tokenizer tokenizer() throws IOException {
    Path file = model;
    if (file == null) {
      return new SyntheticVocabulary(size);
    }
    try (GgufFile gguf = GgufFile.open(file)) {
      return Tokenizers.from(gguf);
    }
  }

  private static Map<String, ConstraintSource> sources() {
    Map<String, ConstraintSource> sources = new LinkedHashMap<>();
    sources.put("json_object", new ConstraintSource.JsonObject());
    sources.put("schema: person", new ConstraintSource.JsonSchema(PERSON));
    sources.put("schema: long string", new ConstraintSource.JsonSchema("{\"type\":\"string\"}"));
    sources.put(
        "schema: maxLength 500",
        new ConstraintSource.JsonSchema("{\"type\":\"string\",\"maxLength\":500}"));
    sources.put("regex: words", new ConstraintSource.Regex("([A-Za-z]+[ ,.]){1,200}"));
    sources.put("grammar: arithmetic", new ConstraintSource.Grammar(ARITHMETIC));
    return sources;
  }

  private String measure(String name, ConstraintSource source, TokenVocabulary vocabulary) {
    long begin = System.nanoTime();
    Constraint constraint = new ConstraintCompiler(vocabulary).compile(source);
    double compileMs = (System.nanoTime() - begin) / 1e6;
    long[] first = draw(constraint, vocabulary, Math.min(tokens, 1000), 1);
    draw(constraint, vocabulary, tokens, 2);
    long[] steady = draw(constraint, vocabulary, tokens, 3);
    return String.format(
        Locale.ROOT,
        "%-22s %10.1f %10.1f %9.1f %9.1f %10.1f %9.1f %9.1f",
        name,
        compileMs,
        at(first, 0.5),
        at(first, 0.99),
        at(first, 1),
        at(steady, 0.5),
        at(steady, 0.99),
        at(steady, 1));
  }

  private static double at(long[] sorted, double share) {
    return sorted[(int) Math.min(sorted.length - 1, Math.round(share * sorted.length))] / 1e3;
  }

  /** Nanoseconds of each token, sorted. */
  private static long[] draw(
      Constraint constraint, TokenVocabulary vocabulary, int count, int seed) {
    Random random = new Random(seed);
    long[] mask = new long[vocabulary.words()];
    long[] spent = new long[count];
    Matcher matcher = constraint.matcher();
    matcher.mask(mask);
    for (int i = 0, length = 0; i < count; i++) {
      int token = pick(mask, random);
      long begin = System.nanoTime();
      boolean goesOn = matcher.advance(token) && matcher.mask(mask);
      spent[i] = System.nanoTime() - begin;
      if (!goesOn || matcher.isFinished() || ++length == LONGEST_ANSWER) {
        matcher = constraint.matcher();
        matcher.mask(mask);
        length = 0;
      }
    }
    Arrays.sort(spent);
    return spent;
  }

  /** The first allowed token from a random one on. */
  private static int pick(long[] mask, Random random) {
    int from = random.nextInt(mask.length * Long.SIZE);
    for (int tries = 0; tries < mask.length * Long.SIZE; tries++) {
      int token = (from + tries) % (mask.length * Long.SIZE);
      if ((mask[token / Long.SIZE] >>> token & 1) != 0) {
        return token;
      }
    }
    throw new IllegalStateException("nothing is allowed");
  }
}
