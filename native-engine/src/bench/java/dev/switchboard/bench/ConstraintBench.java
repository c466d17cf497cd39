package dev.switchboard.bench;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.Matcher;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.tokenizer.Tokenizers;
import dev.switchboard.tokenizer.Tokens;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * What a constrained token costs: on the engine's thread, which takes the token before and writes
 * the mask, and on the thread that finds masks, while answers are drawn at random under them.
 */
@Command(
    name = "bench constraint",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what a constrained token costs on the engine's thread, and what finding the masks",
      "that were not known costs another thread, in microseconds of a core. Answers are drawn at",
      "random, the first ones of a constraint just compiled.",
      "Also measures what compiling costs, in milliseconds of a core.",
      "With --schemas, says instead which schemas of a folder are accepted, and has answers under",
      "each judged by two validators: jsonschema of Python and Ajv. Ends with 1 where one calls an",
      "answer invalid, or fewer schemas are accepted than --at-least wants."
    })
final class ConstraintBench implements Callable<Integer> {
  static final String COLD = "--cold";
  static final String WARM_UP = "--warm-up";

  /** What {@link #COLD} names where only the warm-up itself is measured. */
  static final String WARM_UP_ALONE = "nothing";

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int FIRST_TOKENS = 1000;
  private static final int LONGEST_ANSWER = 400;
  private static final int NO_TOKEN = -1;
  private static final String PERSON =
      """
      {"type":"object","properties":{
        "name":{"type":"string"},"email":{"type":"string","format":"email"},
        "age":{"type":"integer","minimum":0,"maximum":150},"score":{"type":"number"},
        "role":{"enum":["admin","editor","viewer"]},
        "tags":{"type":"array","items":{"type":"string","maxLength":40}},
        "friends":{"type":"array","items":{"$ref":"#"}}},
       "required":["name","age","role","tags"],"additionalProperties":false}\
      """;
  private static final String ARITHMETIC =
      """
      root ::= sum
      sum ::= product (("+" | "-") product)*
      product ::= atom ("*" atom)*
      atom ::= [0-9]+ | "(" sum ")" | [a-z]+
      """;

  /** What is measured. */
  private enum Part {
    MASKS,
    COMPILING,
    COLD
  }

  @Option(
      names = "--vocabulary",
      paramLabel = "FILE.gguf",
      description = {
        "the vocabulary of any GGUF file that has a tokenizer, weights or not,",
        "instead of one that is made up"
      })
  private @Nullable Path file;

  @Option(
      names = "--size",
      defaultValue = "128000",
      description = "tokens of the made-up vocabulary (128000)")
  private int size;

  @Option(names = "--tokens", defaultValue = "20000", description = "tokens per constraint (20000)")
  private int tokens;

  @Option(
      names = "--parts",
      split = ",",
      description = {
        "what is measured, of ${COMPLETION-CANDIDATES} (all):",
        "tokens and their masks; sources made to take long; what compiles first in a fresh JVM"
      })
  private Set<Part> parts = EnumSet.allOf(Part.class);

  @Option(
      names = "--schemas",
      paramLabel = "FOLDER",
      description = "JSON schemas, in folders or not, for answers that validators judge")
  private @Nullable Path schemas;

  @Option(
      names = "--per-folder",
      defaultValue = "0",
      description = "schemas of each folder, drawn at random (0: all)")
  private int perFolder;

  @Option(
      names = "--answers",
      defaultValue = "3",
      description = "answers drawn under each schema that is accepted (3)")
  private int answers;

  @Option(
      names = "--answers-to",
      paramLabel = "FILE",
      description = {
        "where answers are written, a line of JSON each",
        "(native-engine/target/answers.jsonl)"
      })
  private Path answersTo = Path.of("answers.jsonl");

  @Option(
      names = "--at-least",
      paramLabel = "PERCENT",
      defaultValue = "0",
      description = "ends with 1 where a smaller share of the schemas is accepted (0)")
  private double atLeast;

  @Option(names = COLD, hidden = true, description = "compiles this source only")
  private @Nullable String cold;

  @Option(names = WARM_UP, hidden = true, description = "does before what a ready worker does")
  private boolean warmUp;

  @Spec private @Nullable CommandSpec spec;

  private final PrintStream out = System.out;
  private final Executor finder =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon(true).factory());
  private final Queue<Long> spentFinding = new ConcurrentLinkedQueue<>();

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return new CommandLine(new ConstraintBench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException {
    Tokens all = tokens();
    Path folder = schemas;
    if (folder != null) {
      return writeAnswers(folder, file == null ? new SyntheticVocabulary(SchemaAnswers.SIZE) : all);
    }
    long begin = System.nanoTime();
    TokenVocabulary vocabulary = new TokenVocabulary(all, all.size());
    CompileBench compiling = new CompileBench(vocabulary, out);
    String only = cold;
    if (only != null) {
      out.println(coldly(only, compiling));
      return 0;
    }
    out.printf(
        Locale.ROOT,
        "%d tokens; vocabulary prepared in %.0f ms%n",
        all.size(),
        (System.nanoTime() - begin) / 1e6);
    if (parts.contains(Part.MASKS)) {
      out.println();
      printMasks(vocabulary);
    }
    if (parts.contains(Part.COMPILING)) {
      out.println();
      compiling.printWarmedUp(WorstSources.all());
    }
    if (parts.contains(Part.COLD)) {
      out.println();
      compiling.printCold(firstCompiled().keySet(), vocabularyArguments());
    }
    return 0;
  }

  private int writeAnswers(Path folder, Tokens vocabulary) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw wrong("--schemas: '%s' is not a folder".formatted(folder));
    }
    if (perFolder < 0 || answers < 1) {
      throw wrong(answers < 1 ? "--answers must be at least 1" : "--per-folder must be at least 0");
    }
    if (!(atLeast >= 0 && atLeast <= 100)) {
      throw wrong("--at-least must be from 0 to 100");
    }
    SchemaAnswers.Count all =
        new SchemaAnswers(vocabulary, out).write(folder, answersTo, perFolder, answers);
    if (all.answers == 0) {
      throw wrong("--schemas: no schema of '%s' is accepted".formatted(folder));
    }
    if (all.share() < atLeast) {
      out.printf(
          Locale.ROOT, "%n%.1f %% are accepted, %.1f %% were wanted%n", all.share(), atLeast);
      return 1;
    }
    return 0;
  }

  private CompileBench.Compiled coldly(String name, CompileBench compiling) {
    CompileBench.Compiled before = warmUp ? compiling.warmUp() : null;
    if (before != null && name.equals(WARM_UP_ALONE)) {
      return before;
    }
    return compiling.compile(Objects.requireNonNull(firstCompiled().get(name), name));
  }

  private Tokens tokens() {
    if (tokens < 1 || size < SyntheticVocabulary.LEAST || size > SyntheticVocabulary.MOST) {
      throw wrong(
          tokens < 1
              ? "--tokens must be at least 1"
              : "--size must be from %d to %d"
                  .formatted(SyntheticVocabulary.LEAST, SyntheticVocabulary.MOST));
    }
    if (file == null) {
      return new SyntheticVocabulary(size);
    }
    try (GgufFile gguf = GgufFile.open(file)) {
      return Tokenizers.from(gguf);
    } catch (GgufException refused) {
      throw wrong("--vocabulary: " + refused.getMessage());
    }
  }

  /** Ends the command with this line and its usage. */
  private CommandLine.ParameterException wrong(String message) {
    return OptionCheck.wrong(spec, message);
  }

  private List<String> vocabularyArguments() {
    return file == null
        ? List.of("--size", Integer.toString(size))
        : List.of("--vocabulary", file.toString());
  }

  /** What people ask for, and what was used against servers of this kind. */
  private static Map<String, ConstraintSource> firstCompiled() {
    Map<String, ConstraintSource> sources = sources();
    sources.putAll(WorstSources.attacks());
    return sources;
  }

  private static Map<String, ConstraintSource> sources() {
    Map<String, ConstraintSource> sources = new LinkedHashMap<>();
    sources.put("json_object", new ConstraintSource.JsonObject());
    sources.put("schema: person", new ConstraintSource.JsonSchema(PERSON));
    sources.put("schema: long string", new ConstraintSource.JsonSchema("{\"type\":\"string\"}"));
    sources.put("schema: set of strings", set("{\"type\":\"string\"}"));
    sources.put("schema: set, maxLength 500", set("{\"type\":\"string\",\"maxLength\":500}"));
    sources.put("schema: set of numbers", set("{\"type\":\"integer\",\"maximum\":9999}"));
    sources.put(
        "schema: maxLength 500",
        new ConstraintSource.JsonSchema("{\"type\":\"string\",\"maxLength\":500}"));
    sources.put(
        "schema: email",
        new ConstraintSource.JsonSchema("{\"type\":\"string\",\"format\":\"email\"}"));
    sources.put("regex: words", new ConstraintSource.Regex("([A-Za-z]+[ ,.]){1,200}"));
    sources.put("grammar: arithmetic", new ConstraintSource.Grammar(ARITHMETIC));
    return sources;
  }

  private static ConstraintSource set(String items) {
    return new ConstraintSource.JsonSchema(
        "{\"type\":\"array\",\"uniqueItems\":true,\"items\":%s}".formatted(items));
  }

  private void printMasks(TokenVocabulary vocabulary) {
    // The first constraint pays for what every later one finds compiled.
    measure("", new ConstraintSource.JsonSchema(PERSON), vocabulary);
    List<List<String>> rows = new ArrayList<>();
    sources().forEach((name, source) -> rows.add(measure(name, source, vocabulary)));
    List<String> heads = new ArrayList<>(List.of("constraint, µs"));
    heads.addAll(List.of("first answers p50", "p99", "worst", "mean of both threads"));
    heads.addAll(List.of("later p50", "p99", "worst", "mean of both threads"));
    heads.addAll(List.of("new masks p50", "p99", "worst", "number"));
    MarkdownTable.print(out, heads, rows);
  }

  private List<String> measure(String name, ConstraintSource source, TokenVocabulary vocabulary) {
    Constraint constraint = new ConstraintCompiler(vocabulary, this::find).compile(source);
    Drawn first = draw(constraint, vocabulary, Math.min(tokens, FIRST_TOKENS), 1);
    draw(constraint, vocabulary, tokens, 2);
    Drawn later = draw(constraint, vocabulary, tokens, 3);
    List<String> row = new ArrayList<>(List.of(name));
    for (Drawn drawn : List.of(first, later)) {
      row.addAll(shares(drawn.engine));
      row.add(micros(drawn.mean));
    }
    row.addAll(shares(first.found));
    row.add(Integer.toString(first.found.length));
    return row;
  }

  private static List<String> shares(long[] sorted) {
    return sorted.length == 0
        ? List.of("-", "-", "-")
        : List.of(at(sorted, 0.5), at(sorted, 0.99), at(sorted, 1));
  }

  private static String at(long[] sorted, double share) {
    return micros(
        (double) sorted[(int) Math.min(sorted.length - 1, Math.round(share * sorted.length))]);
  }

  private static String micros(double nanos) {
    return String.format(Locale.ROOT, nanos < 10_000 ? "%.1f" : "%.0f", nanos / 1e3);
  }

  /**
   * Nanoseconds of a core: others share the machine.
   *
   * @param engine of each token, on the engine's thread, sorted
   * @param found of each mask that was not known, on the other thread, sorted
   * @param mean of a token, on both threads
   */
  private record Drawn(long[] engine, long[] found, double mean) {}

  private Drawn draw(Constraint constraint, TokenVocabulary vocabulary, int count, int seed) {
    spentFinding.clear();
    long before = finderNanos();
    long[] engine = engineNanos(constraint, vocabulary.words(), count, new Random(seed));
    long both = finderNanos() - before + Arrays.stream(engine).sum();
    Arrays.sort(engine);
    long[] found = spentFinding.stream().mapToLong(nanos -> nanos).sorted().toArray();
    return new Drawn(engine, found, (double) both / count);
  }

  /** Of each token, without the time that it waits for a mask. */
  private static long[] engineNanos(Constraint constraint, int words, int count, Random random) {
    long[] mask = new long[words];
    long[] nanos = new long[count];
    Matcher matcher = constraint.matcher();
    int token = NO_TOKEN;
    for (int i = 0, length = 0; i < count; i++) {
      long begin = THREADS.getCurrentThreadCpuTime();
      boolean goesOn = token == NO_TOKEN || (matcher.advance(token) && !matcher.isFinished());
      boolean ready = !goesOn || matcher.isMaskReady();
      long asked = THREADS.getCurrentThreadCpuTime();
      while (!ready) {
        Thread.onSpinWait();
        ready = matcher.isMaskReady();
      }
      long again = THREADS.getCurrentThreadCpuTime();
      goesOn = goesOn && matcher.mask(mask);
      nanos[i] = asked - begin + THREADS.getCurrentThreadCpuTime() - again;
      if (goesOn && ++length < LONGEST_ANSWER) {
        token = pick(mask, random);
      } else {
        matcher = constraint.matcher();
        token = NO_TOKEN;
        length = 0;
      }
    }
    return nanos;
  }

  private void find(Runnable mask) {
    finder.execute(
        () -> {
          long begin = THREADS.getCurrentThreadCpuTime();
          mask.run();
          spentFinding.add(THREADS.getCurrentThreadCpuTime() - begin);
        });
  }

  /** What the thread that finds masks has used, once it has found all that it was asked for. */
  private long finderNanos() {
    return CompletableFuture.supplyAsync(THREADS::getCurrentThreadCpuTime, finder).join();
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
