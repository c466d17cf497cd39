package dev.switchboard.bench;

import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.ConstraintException;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.ConstraintWarmUp;
import dev.switchboard.constraint.TokenVocabulary;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What compiling a constraint costs, in milliseconds of a core: others share the machine. */
final class CompileBench {
  /** What the steps that a compilation may take come to on a warm machine. */
  private static final int LIMIT_MS = 50;

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int WARM_ROUNDS = 4;

  private final TokenVocabulary vocabulary;
  private final PrintStream out;

  CompileBench(TokenVocabulary vocabulary, PrintStream out) {
    this.vocabulary = vocabulary;
    this.out = out;
  }

  /**
   * One compilation.
   *
   * @param outcome that it was compiled, or why it was refused
   */
  record Compiled(double ms, String outcome) {
    private static Compiled parse(String line) {
      int space = line.indexOf(' ');
      return new Compiled(
          Double.parseDouble(line.substring(0, space)), line.substring(space + 1).strip());
    }

    @Override
    public String toString() {
      return ms + " " + outcome;
    }
  }

  /** Compiles it from scratch. */
  Compiled compile(ConstraintSource source) {
    ConstraintCompiler compiler = new ConstraintCompiler(vocabulary);
    String outcome = "compiled";
    long begin = THREADS.getCurrentThreadCpuTime();
    try {
      compiler.compile(source);
    } catch (ConstraintException refused) {
      outcome = refused.complaint();
    }
    return new Compiled((THREADS.getCurrentThreadCpuTime() - begin) / 1e6, outcome);
  }

  /** What a worker does once it is ready. */
  Compiled warmUp() {
    long begin = THREADS.getCurrentThreadCpuTime();
    int tokens = ConstraintWarmUp.run(vocabulary);
    double ms = (THREADS.getCurrentThreadCpuTime() - begin) / 1e6;
    return new Compiled(ms, tokens + " tokens followed");
  }

  /** Compiles each once, then again until the JVM has compiled what does it. */
  void printWarmedUp(Map<String, ConstraintSource> sources) {
    List<Compiled> first = compile(sources.values());
    List<Compiled> last = first;
    for (int round = 0; round < WARM_ROUNDS; round++) {
      last = compile(sources.values());
    }
    List<List<String>> rows = new ArrayList<>();
    for (String name : sources.keySet()) {
      Compiled warm = last.get(rows.size());
      String firstMs = ms(first.get(rows.size()).ms);
      rows.add(List.of(name, firstMs, ms(warm.ms), ms(LIMIT_MS), warm.outcome));
    }
    MarkdownTable.print(
        out, List.of("made to take long", "first ms", "fifth ms", "limit ms", "outcome"), rows);
  }

  private List<Compiled> compile(Collection<ConstraintSource> sources) {
    return sources.stream().map(this::compile).toList();
  }

  /**
   * Compiles each in a JVM that did nothing before but prepare the vocabulary, and in one that did
   * besides what a worker does once it is ready.
   *
   * @param arguments of {@link ConstraintBench}, which name the vocabulary
   */
  void printCold(Iterable<String> names, List<String> arguments) throws IOException {
    List<String> warmed = new ArrayList<>(arguments);
    warmed.add(ConstraintBench.WARM_UP);
    List<List<String>> rows = new ArrayList<>();
    for (String name : names) {
      Compiled cold = inFreshJvm(name, arguments);
      Compiled warm = inFreshJvm(name, warmed);
      rows.add(List.of(name, ms(cold.ms), ms(warm.ms), ms(LIMIT_MS), warm.outcome));
    }
    Compiled itself = inFreshJvm(ConstraintBench.WARM_UP_ALONE, warmed);
    rows.add(List.of("the warm-up itself", ms(itself.ms), "-", "-", itself.outcome));
    MarkdownTable.print(
        out,
        List.of(
            "first thing in a fresh JVM", "cold ms", "after the warm-up ms", "limit ms", "outcome"),
        rows);
  }

  static Compiled inFreshJvm(String name, List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(ConstraintBench.class.getName());
    command.addAll(arguments);
    command.addAll(List.of(ConstraintBench.COLD, name));
    return Compiled.parse(CommandOutput.of(command.toArray(String[]::new)));
  }

  private static String ms(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
