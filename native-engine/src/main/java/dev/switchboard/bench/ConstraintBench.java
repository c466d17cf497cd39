package dev.switchboard.bench;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.ConstraintException;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.Matcher;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.tokenizer.Tokenizers;
import dev.switchboard.tokenizer.Tokens;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
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
      "Measures what a constrained token costs on the engine's thread, and what the masks that"
          + " were",
      "not known cost another thread, in microseconds of a core.",
      "Answers are drawn at random, the first ones of a constraint just compiled."
    })
final class ConstraintBench implements Callable<Integer> {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int LONGEST_ANSWER = 400;
  private static final String SHARES = String.format("  %8s %8s %8s", "p50", "p99", "max");
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
  private final Executor finder =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon(true).factory());
  private String outcome = "";
  private final Queue<Long> spentFinding = new ConcurrentLinkedQueue<>();

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ConstraintBench()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    Tokens all = vocabulary();
    long begin = System.nanoTime();
    TokenVocabulary vocabulary = new TokenVocabulary(all, all.size());
    out.printf(
        Locale.ROOT,
        "%d tokens; vocabulary prepared in %.0f ms%n%n",
        all.size(),
        (System.nanoTime() - begin) / 1e6);
    out.printf(
        "%-22s %10s  %-26s  %-26s  %s%n",
        "",
        "compile ms",
        "first answers",
        "later answers",
        "first answers' new masks, beside the engine");
    out.printf("%-22s %10s%s%s%s %6s%n", "constraint", "", SHARES, SHARES, SHARES, "masks");
    // The first constraint pays for what every later one finds compiled.
    measure("", new ConstraintSource.JsonSchema(PERSON), vocabulary);
    for (Map.Entry<String, ConstraintSource> each : sources().entrySet()) {
      out.println(measure(each.getKey(), each.getValue(), vocabulary));
    }
    compileWorst(vocabulary);
    return 0;
  }

  /** Sources made to take long. */
  private void compileWorst(TokenVocabulary vocabulary) {
    out.printf("%n%-22s %10s %10s%n", "made to take long", "cold ms", "warm ms");
    Map<String, ConstraintSource> sources = WorstSources.all();
    Map<String, Double> cold = new LinkedHashMap<>();
    sources.forEach((name, source) -> cold.put(name, compileMs(source, vocabulary)));
    for (int round = 0; round < 3; round++) {
      sources.values().forEach(source -> compileMs(source, vocabulary));
    }
    for (Map.Entry<String, ConstraintSource> each : sources.entrySet()) {
      String name = each.getKey();
      double warm = compileMs(each.getValue(), vocabulary);
      out.printf(Locale.ROOT, "%-22s %10.1f %10.1f  %s%n", name, cold.get(name), warm, outcome);
    }
  }

  private double compileMs(ConstraintSource source, TokenVocabulary vocabulary) {
    ConstraintCompiler compiler = new ConstraintCompiler(vocabulary, this::find);
    long begin = THREADS.getCurrentThreadCpuTime();
    try {
      compiler.compile(source);
      outcome = "compiled";
    } catch (ConstraintException refused) {
      outcome = refused.complaint();
    }
    return (THREADS.getCurrentThreadCpuTime() - begin) / 1e6;
  }

  private Tokens vocabulary() throws IOException {
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
    long begin = THREADS.getCurrentThreadCpuTime();
    Constraint constraint = new ConstraintCompiler(vocabulary, this::find).compile(source);
    double compileMs = (THREADS.getCurrentThreadCpuTime() - begin) / 1e6;
    Drawn first = draw(constraint, vocabulary, Math.min(tokens, 1000), 1);
    draw(constraint, vocabulary, tokens, 2);
    Drawn steady = draw(constraint, vocabulary, tokens, 3);
    return String.format(
        Locale.ROOT,
        "%-22s %10.1f  %s  %s  %s %6d",
        name,
        compileMs,
        shares(first.engine),
        shares(steady.engine),
        shares(first.found),
        first.found.length);
  }

  private static String shares(long[] sorted) {
    return sorted.length == 0
        ? String.format("%8s %8s %8s", "-", "-", "-")
        : String.format(
            Locale.ROOT, "%8.1f %8.1f %8.1f", at(sorted, 0.5), at(sorted, 0.99), at(sorted, 1));
  }

  private static double at(long[] sorted, double share) {
    return sorted[(int) Math.min(sorted.length - 1, Math.round(share * sorted.length))] / 1e3;
  }

  /**
   * Sorted nanoseconds of a core: others share the machine.
   *
   * @param engine of each token, on the engine's thread
   * @param found of each mask that was not known, on the other thread
   */
  private record Drawn(long[] engine, long[] found) {}

  private Drawn draw(Constraint constraint, TokenVocabulary vocabulary, int count, int seed) {
    Random random = new Random(seed);
    long[] mask = new long[vocabulary.words()];
    long[] engine = new long[count];
    spentFinding.clear();
    Matcher matcher = constraint.matcher();
    matcher.mask(mask);
    for (int i = 0, length = 0; i < count; i++) {
      int token = pick(mask, random);
      long begin = THREADS.getCurrentThreadCpuTime();
      boolean goesOn = matcher.advance(token);
      boolean ready = !goesOn || matcher.isMaskReady();
      long asked = THREADS.getCurrentThreadCpuTime();
      while (!ready) {
        Thread.onSpinWait();
        ready = matcher.isMaskReady();
      }
      long again = THREADS.getCurrentThreadCpuTime();
      goesOn = goesOn && matcher.mask(mask);
      engine[i] = asked - begin + THREADS.getCurrentThreadCpuTime() - again;
      if (!goesOn || matcher.isFinished() || ++length == LONGEST_ANSWER) {
        matcher = constraint.matcher();
        matcher.mask(mask);
        length = 0;
      }
    }
    Arrays.sort(engine);
    return new Drawn(engine, spentFinding.stream().mapToLong(nanos -> nanos).sorted().toArray());
  }

  private void find(Runnable mask) {
    finder.execute(
        () -> {
          long begin = THREADS.getCurrentThreadCpuTime();
          mask.run();
          spentFinding.add(THREADS.getCurrentThreadCpuTime() - begin);
        });
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
