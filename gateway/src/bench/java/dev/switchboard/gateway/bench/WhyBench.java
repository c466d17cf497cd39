package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.explain.Culprit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Makes requests to real workers late in known ways, and counts how often their explanation names
 * the right culprit. Where other programs took more of the cores than what was done took, that is
 * what the request waited for: such a run says nothing of the explanation, and is counted apart.
 */
@Command(
    name = "bench why",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Makes requests to real workers late in eight ways, and counts how often the",
      "explanation names the right culprit; ends with status 1 when one of them is",
      "named in fewer than 95 of 100, or more than one in ten was disturbed by other",
      "processes. About three seconds for each cause and seed,",
      "after a minute in which code is compiled, which takes cores from ranks."
    })
public final class WhyBench implements Callable<Integer> {
  /** Of the runs; the others are those in which other processes took the cores. */
  private static final double LEAST_JUDGED = 0.9;

  private static final double SHARE = 0.95;

  /** Less is no effect of what was done. */
  private static final double LEAST_MS = 30;

  @Option(names = "--seeds", defaultValue = "50", description = "of each cause (50)")
  private int seeds;

  @Option(names = "--first", defaultValue = "1", description = "the first of them (1)")
  private int first;

  @Option(
      names = "--warm-seconds",
      defaultValue = "60",
      description = "of requests before the first cause (60)")
  private int warmSeconds;

  @Option(
      names = "--only",
      split = ",",
      paramLabel = "CAUSE",
      completionCandidates = Labels.class,
      converter = Causes.class,
      description = "only these: ${COMPLETION-CANDIDATES}")
  private List<WhyCause> only = new ArrayList<>();

  /** Their names, for the help. */
  static final class Labels extends ArrayList<String> {
    private static final long serialVersionUID = 1;

    Labels() {
      super(Stream.of(WhyCause.values()).map(WhyCause::label).toList());
    }
  }

  /** Reads a name. */
  static final class Causes implements CommandLine.ITypeConverter<WhyCause> {
    @Override
    public WhyCause convert(String label) {
      try {
        return WhyCause.of(label);
      } catch (IllegalArgumentException e) {
        throw new CommandLine.TypeConversionException(e.getMessage());
      }
    }
  }

  /** What an explanation is worth. */
  enum Verdict {
    RIGHT,
    /** Others took more of the cores than the cause took of its time, and it says so. */
    BUSY,
    WRONG;

    static Verdict of(WhyCause cause, JsonNode told) {
      String named = told.path("culprit").asText();
      if (named.equals(cause.culprit().label())) {
        return RIGHT;
      }
      JsonNode charges = told.path("charges_ms");
      double machine = charges.path(Culprit.HOST_CONTENTION.label()).asDouble();
      double caused = charges.path(cause.culprit().label()).asDouble();
      boolean busier = caused >= LEAST_MS && machine > caused;
      return named.equals(Culprit.HOST_CONTENTION.label()) && busier ? BUSY : WRONG;
    }
  }

  /** What became of one cause. */
  private static final class Count {
    private final Map<Verdict, Integer> verdicts = new EnumMap<>(Verdict.class);
    private final Map<String, Integer> wrong = new TreeMap<>();

    void add(Verdict verdict, String named) {
      verdicts.merge(verdict, 1, Integer::sum);
      if (verdict == Verdict.WRONG) {
        wrong.merge(named, 1, Integer::sum);
      }
    }

    int of(Verdict verdict) {
      return verdicts.getOrDefault(verdict, 0);
    }

    int judged() {
      return of(Verdict.RIGHT) + of(Verdict.WRONG);
    }

    /** Whether so few were set apart that the rest says something. */
    boolean enough() {
      return judged() >= LEAST_JUDGED * (judged() + of(Verdict.BUSY));
    }

    boolean kept() {
      return enough() && of(Verdict.RIGHT) >= SHARE * judged();
    }
  }

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return new CommandLine(new WhyBench());
  }

  @Override
  public Integer call() throws IOException {
    Path directory = Files.createTempDirectory("switchboard-why");
    boolean kept = true;
    try (WhyStage stage = new WhyStage(directory)) {
      warm(stage);
      System.out.printf("%-20s %5s %5s %5s  %s%n", "cause", "runs", "right", "busy", "wrong");
      for (WhyCause cause : only.isEmpty() ? List.of(WhyCause.values()) : only) {
        Count count = count(stage, cause);
        System.out.printf(
            "%-20s %5d %5d %5d  %s%n",
            cause.label(), seeds, count.of(Verdict.RIGHT), count.of(Verdict.BUSY), count.wrong);
        if (!count.enough()) {
          System.out.println("  too busy a machine to tell");
        }
        kept &= count.kept();
      }
    } finally {
      TestBed.delete(directory);
    }
    return kept ? 0 : 1;
  }

  private void warm(WhyStage stage) throws IOException {
    Random random = new Random(first);
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(warmSeconds);
    while (System.nanoTime() < until) {
      String _ = stage.stream(20, WhyStage.words(random, 100)).rest();
    }
  }

  private Count count(WhyStage stage, WhyCause cause) {
    Count count = new Count();
    for (int seed = first; seed < first + seeds; seed++) {
      try {
        JsonNode told = stage.explained(cause, seed);
        Verdict verdict = Verdict.of(cause, told);
        count.add(verdict, told.path("culprit").asText());
        if (verdict != Verdict.RIGHT) {
          System.err.println(cause.label() + ", seed " + seed + ": " + told.path("text").asText());
          System.err.println("  " + told.path("charges_ms"));
        }
      } catch (IOException e) {
        System.err.println(cause.label() + ", seed " + seed + ": " + e.getMessage());
        count.add(Verdict.WRONG, "failed");
      }
    }
    return count;
  }
}
