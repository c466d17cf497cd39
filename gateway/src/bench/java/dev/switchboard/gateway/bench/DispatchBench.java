package dev.switchboard.gateway.bench;

import dev.switchboard.bench.OptionCheck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * How well requests are shared out: every policy, with admission before it, in front of engines
 * that batch by sleeping, and the same runs in the simulator, which must come to the same.
 *
 * <p>The engines are one process, each gateway another one, and the clients this one. A gateway is
 * started anew for each run, so that it has learned nothing before.
 */
@Command(
    name = "bench dispatch",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures how requests are shared out among engines that batch by sleeping, with",
      "sockets and a gateway process for each policy, and holds the simulator to it:",
      "shares within 3 points, medians within 15 %%, people in time within 2 points.",
      "A round in which the machine had something else to do is repeated, and shown apart",
      "and judged by nothing if that does not help.",
      "Ends with 1 where the simulator differs, a goal is missed or no round was quiet."
    })
public final class DispatchBench implements Callable<Integer> {
  /** How much is measured. */
  enum Preset {
    QUICK(1),
    STANDARD(3);

    private final int rounds;

    Preset(int rounds) {
      this.rounds = rounds;
    }

    List<String> policies() {
      return this == QUICK
          ? List.of(DispatchReport.OURS, DispatchReport.BASELINE)
          : DispatchReport.POLICIES;
    }
  }

  @Option(
      names = "--preset",
      defaultValue = "STANDARD",
      description = {
        "quick: one round of slo and least-loaded; standard: three rounds of every policy",
        "(standard)"
      })
  private Preset preset = Preset.STANDARD;

  @Option(
      names = "--only",
      split = ",",
      paramLabel = "SCENARIO",
      converter = Scenarios.class,
      completionCandidates = Labels.class,
      description = "runs only these: ${COMPLETION-CANDIDATES}")
  private List<DispatchScenario> only = new ArrayList<>();

  @Option(
      names = "--policies",
      split = ",",
      paramLabel = "POLICY",
      description = "measures only these (the preset's)")
  private List<String> policies = new ArrayList<>();

  @Option(names = "--rounds", description = "rounds, medians are shown (the preset's)")
  private @Nullable Integer rounds;

  @Option(
      names = "--repeats",
      defaultValue = "2",
      description = "how often a disturbed round is repeated (2)")
  private int repeats;

  @Option(
      names = "--seeds",
      defaultValue = "5",
      description = {
        "simulated runs of each, with the loads of the rounds by turns; medians are shown;",
        "0 for none (5)"
      })
  private int seeds;

  @Option(names = "--simulated-only", description = "runs nothing but the simulator")
  private boolean simulatedOnly;

  @Option(names = "--json", paramLabel = "FILE", description = "writes every figure there")
  private @Nullable Path json;

  @Spec private @Nullable CommandSpec spec;

  private final DispatchSimulator simulator;

  private final Map<Cell, List<Round>> measured = new HashMap<>();

  /** What rounds are of. */
  private record Cell(String scenario, String policy) {
    static Cell of(DispatchScenario scenario, String policy) {
      return new Cell(scenario.label(), policy);
    }
  }

  /**
   * One that was measured.
   *
   * @param delays how late tokens were told of
   */
  private record Round(long number, boolean disturbed, StepDelays delays) {}

  DispatchBench(DispatchSimulator simulator) {
    this.simulator = simulator;
  }

  /** Their names, for the help. */
  static final class Labels extends ArrayList<String> {
    private static final long serialVersionUID = 1;

    Labels() {
      super(DispatchScenario.all().stream().map(DispatchScenario::label).toList());
    }
  }

  /** Reads a name. */
  static final class Scenarios implements CommandLine.ITypeConverter<DispatchScenario> {
    @Override
    public DispatchScenario convert(String label) {
      try {
        return DispatchScenario.of(label);
      } catch (IllegalArgumentException e) {
        throw new CommandLine.TypeConversionException(e.getMessage());
      }
    }
  }

  /**
   * Runs the command.
   *
   * @return the process's exit status
   */
  public static int run(DispatchSimulator simulator, String... arguments) {
    return commandLine(simulator).execute(arguments);
  }

  static CommandLine commandLine(DispatchSimulator simulator) {
    return new CommandLine(new DispatchBench(simulator)).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException {
    check();
    DispatchReport report = new DispatchReport(machine(), scenarios(), policies());
    if (!simulatedOnly) {
      decisions(report);
      measure(report);
    }
    simulate(report);
    report.print(System.out);
    if (json != null) {
      report.write(json);
    }
    return report.kept() ? 0 : 1;
  }

  private void check() {
    for (String policy : policies) {
      require(
          DispatchReport.POLICIES.contains(policy),
          "--policies: no policy " + policy + "; there are " + DispatchReport.POLICIES);
    }
    require(rounds() >= 1, "--rounds must be at least 1");
    require(repeats >= 0 && repeats <= 1000, "--repeats must be 0 to 1000");
    require(seeds >= 0 && seeds <= 1000, "--seeds must be 0 to 1000");
    require(seeds > 0 || !simulatedOnly, "--simulated-only needs seeds");
  }

  private void require(boolean condition, String message) {
    if (!condition) {
      throw OptionCheck.wrong(spec, message);
    }
  }

  private List<DispatchScenario> scenarios() {
    return only.isEmpty() ? DispatchScenario.all() : only;
  }

  private List<String> policies() {
    return policies.isEmpty() ? preset.policies() : policies;
  }

  private int rounds() {
    return rounds == null ? preset.rounds : rounds;
  }

  private String machine() {
    return String.format(
        Locale.ROOT,
        "%d cores, nothing pinned; %d round(s), %d simulated run(s) of each",
        Runtime.getRuntime().availableProcessors(),
        simulatedOnly ? 0 : rounds(),
        seeds);
  }

  private void decisions(DispatchReport report) {
    for (String policy : policies()) {
      for (int replicas : DecisionCost.REPLICAS) {
        report.decided(policy, replicas, new DecisionCost(policy, replicas).micros());
      }
    }
  }

  private void measure(DispatchReport report) throws IOException {
    Path directory = Files.createTempDirectory("switchboard-dispatch");
    int engines = scenarios().stream().mapToInt(each -> each.engines().size()).max().orElse(1);
    try (DispatchStage stage = new DispatchStage(directory, engines)) {
      for (int round = 1; round <= rounds(); round++) {
        for (DispatchScenario scenario : scenarios()) {
          for (String policy : policies()) {
            System.err.printf(
                "round %d of %d: %s, %s%n", round, rounds(), scenario.label(), policy);
            DispatchTrace trace = quietest(stage, scenario, policy, round);
            report.measured(scenario, policy, trace);
            measured
                .computeIfAbsent(Cell.of(scenario, policy), first -> new ArrayList<>())
                .add(new Round(round, trace.machine().disturbed(), trace.delays()));
          }
        }
      }
    } finally {
      TestBed.delete(directory);
    }
  }

  /** A round that was not disturbed, if one of so many is not; else the one that was least. */
  private DispatchTrace quietest(
      DispatchStage stage, DispatchScenario scenario, String policy, int round) throws IOException {
    DispatchTrace best = stage.run(scenario, policy, round);
    for (int again = 0; best.machine().disturbed() && again < repeats; again++) {
      System.err.println("  disturbed, repeated: " + best.machine());
      DispatchTrace next = stage.run(scenario, policy, round);
      boolean worse = next.machine().timerMs() >= best.machine().timerMs();
      best = next.machine().disturbed() && worse ? best : next;
    }
    System.err.println((best.machine().disturbed() ? "  disturbed: " : "  ") + best.machine());
    return best;
  }

  /**
   * Whose load, and whose delays, a simulated run has: those of a round that was measured and
   * counts. Loads differ from seed to seed by more than the simulator may from what is real.
   */
  private Round of(DispatchScenario scenario, String policy, long run) {
    List<Round> all = measured.getOrDefault(Cell.of(scenario, policy), List.of());
    List<Round> quiet = all.stream().filter(round -> !round.disturbed).toList();
    List<Round> counting = quiet.isEmpty() ? all : quiet;
    return counting.isEmpty()
        ? new Round(run, false, StepDelays.NONE)
        : counting.get((int) ((run - 1) % counting.size()));
  }

  private void simulate(DispatchReport report) {
    for (DispatchScenario scenario : scenarios()) {
      for (String policy : policies()) {
        LongStream.rangeClosed(1, seeds)
            .parallel()
            .mapToObj(run -> simulated(scenario, policy, run))
            .toList()
            .forEach(trace -> report.simulated(scenario, policy, trace));
      }
    }
  }

  private DispatchTrace simulated(DispatchScenario scenario, String policy, long run) {
    Round round = of(scenario, policy, run);
    return simulator.simulate(scenario, policy, round.number, run, round.delays);
  }
}
