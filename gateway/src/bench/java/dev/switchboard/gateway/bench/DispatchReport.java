package dev.switchboard.gateway.bench;

import dev.switchboard.bench.MarkdownTable;
import dev.switchboard.bench.Samples;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What was measured of each policy in each scenario, beside what the simulator says of it. */
final class DispatchReport {
  static final List<String> POLICIES =
      List.of("slo", "least-loaded", "power-of-two", "round-robin", "prefix-affinity", "weighted");

  static final String OURS = "slo";
  static final String BASELINE = "least-loaded";
  private static final String SIMULATED = " simulated";
  private static final String DISTURBED = " disturbed";
  private static final String DECISION = "decision_cpu_us";

  /** The simulator may be off by so much: shares, medians relatively, and people in time. */
  private static final double SHARE_POINTS = 0.03;

  private static final double MEDIAN_RATIO = 0.15;
  private static final double IN_TIME_POINTS = 0.02;

  private final Measurements figures;
  private final List<DispatchScenario> scenarios;
  private final List<String> policies;
  private final Set<String> refusals = new TreeSet<>();

  DispatchReport(String machine, List<DispatchScenario> scenarios, List<String> policies) {
    this.figures = new Measurements(machine);
    this.scenarios = List.copyOf(scenarios);
    this.policies = List.copyOf(policies);
  }

  /** A round that the machine disturbed is shown apart, and nothing is judged by it. */
  void measured(DispatchScenario scenario, String policy, DispatchTrace trace) {
    add(scenario, trace.machine().disturbed() ? policy + DISTURBED : policy, trace);
  }

  void simulated(DispatchScenario scenario, String policy, DispatchTrace trace) {
    add(scenario, policy + SIMULATED, trace);
  }

  private void add(DispatchScenario scenario, String server, DispatchTrace trace) {
    Map<String, Double> values = DispatchFigures.of(scenario, trace);
    values.keySet().stream().filter(DispatchFigures::isRefusal).forEach(refusals::add);
    figures.add(server, scenario.label(), values);
  }

  /** What a decision of a policy among so many replicas takes. */
  void decided(String policy, int replicas, Samples micros) {
    for (double value : micros.values()) {
      figures.add(policy, decision(replicas), Map.of(DECISION, value));
    }
  }

  private static String decision(int replicas) {
    return "decision_" + replicas;
  }

  private double value(DispatchScenario scenario, String server, String name) {
    return figures.of(server, scenario.label(), name).median();
  }

  /** The most of any round; not a number where none tells it. */
  private double most(DispatchScenario scenario, String server, String name) {
    return Arrays.stream(figures.of(server, scenario.label(), name).values())
        .max()
        .orElse(Double.NaN);
  }

  private boolean known(DispatchScenario scenario, String server) {
    return !figures.of(server, scenario.label(), DispatchFigures.TOKENS).isEmpty();
  }

  // ------------------------------------------------------------------ tables

  void print(PrintStream out) {
    out.println(figures.machine());
    printDecisions(out);
    for (DispatchScenario scenario : scenarios) {
      out.println();
      out.println(scenario.label() + ": " + scenario.title());
      out.println();
      List<List<String>> rows = new ArrayList<>();
      for (String policy : policies) {
        for (String server : List.of(policy, policy + DISTURBED, policy + SIMULATED)) {
          if (known(scenario, server)) {
            rows.add(cells(scenario, server));
          }
        }
      }
      MarkdownTable.print(out, HEADS, rows);
    }
    printVerdicts(out);
  }

  private void printDecisions(PrintStream out) {
    List<String> heads = new ArrayList<>(List.of("a decision of"));
    DecisionCost.REPLICAS.forEach(replicas -> heads.add(replicas + " replicas"));
    List<List<String>> rows = new ArrayList<>();
    for (String policy : policies) {
      List<String> row = new ArrayList<>(List.of(policy));
      for (int replicas : DecisionCost.REPLICAS) {
        Samples samples = figures.of(policy, decision(replicas), DECISION);
        row.add(samples.isEmpty() ? "" : shown("%.1f µs", samples.median()));
      }
      rows.add(row);
    }
    if (rows.stream().anyMatch(row -> !row.get(1).isEmpty())) {
      out.println();
      MarkdownTable.print(out, heads, rows);
    }
  }

  private static final List<String> HEADS =
      List.of(
          "policy",
          "shares, %",
          "token p50",
          "p99",
          "gap p99",
          "first token p50",
          "p99",
          "tokens/s",
          "to " + BASELINE,
          "in time",
          "refused",
          "lost",
          "ejected",
          "half share after",
          "told late p50",
          "p99");

  private List<String> cells(DispatchScenario scenario, String server) {
    String base = server.endsWith(SIMULATED) ? BASELINE + SIMULATED : BASELINE;
    double tokens = value(scenario, server, DispatchFigures.TOKENS);
    double ratio = tokens / value(scenario, base, DispatchFigures.TOKENS);
    double half = value(scenario, server, DispatchFigures.HALF);
    return List.of(
        server,
        shares(scenario, server),
        millis(value(scenario, server, DispatchFigures.TPOT_P50)),
        millis(value(scenario, server, DispatchFigures.TPOT_P99)),
        millis(value(scenario, server, DispatchFigures.ITL_P99)),
        millis(value(scenario, server, DispatchFigures.TTFT_P50)),
        millis(value(scenario, server, DispatchFigures.TTFT_P99)),
        shown("%.0f", tokens),
        shown("%.3f", ratio),
        inTime(scenario, server),
        refused(scenario, server),
        lost(scenario, server),
        shown("%.0f", most(scenario, server, DispatchFigures.EJECTIONS)),
        Double.isInfinite(half) ? "never" : shown("%.1f s", half),
        millis(value(scenario, server, DispatchFigures.DELAY_P50)),
        millis(value(scenario, server, DispatchFigures.DELAY_P99)));
  }

  private String shares(DispatchScenario scenario, String server) {
    List<String> shares = new ArrayList<>();
    for (int i = 0; i < scenario.engines().size(); i++) {
      shares.add(shown("%.0f", 100 * value(scenario, server, DispatchFigures.share(i))));
    }
    return String.join("/", shares);
  }

  private String inTime(DispatchScenario scenario, String server) {
    List<String> parts = new ArrayList<>();
    for (DispatchCrowd crowd : scenario.crowds()) {
      if (crowd.hasTargets()) {
        double share = value(scenario, server, DispatchFigures.inTime(crowd));
        parts.add(crowd.name() + " " + shown("%.1f %%", 100 * share));
      }
    }
    return String.join(", ", parts);
  }

  private String refused(DispatchScenario scenario, String server) {
    List<String> parts = new ArrayList<>();
    for (String refusal : refusals) {
      Samples samples = figures.of(server, scenario.label(), refusal);
      if (!samples.isEmpty()) {
        parts.add(DispatchFigures.reason(refusal) + " " + shown("%.0f", samples.median()));
      }
    }
    return String.join(", ", parts);
  }

  private String lost(DispatchScenario scenario, String server) {
    double all = value(scenario, server, DispatchFigures.LOST);
    double early = value(scenario, server, DispatchFigures.LOST_EARLY);
    return shown("%.0f", all) + (early > 0 ? shown(", %.0f without a token", early) : "");
  }

  private static String millis(double value) {
    return shown(value < 1000 ? "%.1f ms" : "%.0f ms", value);
  }

  private static String shown(String format, double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, format, value);
  }

  // ------------------------------------------------------------------ verdicts

  /** Something that must be so. */
  private record Verdict(String what, boolean kept) {}

  boolean kept() {
    return verdicts().stream().allMatch(Verdict::kept);
  }

  private void printVerdicts(PrintStream out) {
    out.println();
    verdicts()
        .forEach(
            verdict ->
                out.println("- " + verdict.what + (verdict.kept ? ": reached" : ": MISSED")));
  }

  private List<Verdict> verdicts() {
    List<Verdict> verdicts = new ArrayList<>();
    for (DispatchScenario scenario : scenarios) {
      if (known(scenario, OURS)) {
        goals(scenario, verdicts);
      }
    }
    people(verdicts);
    scenarios.stream()
        .filter(DispatchScenario::isEqual)
        .forEach(scenario -> ejections(scenario, verdicts));
    for (DispatchScenario scenario : scenarios) {
      for (String policy : policies) {
        if (known(scenario, policy) && known(scenario, policy + SIMULATED)) {
          agreement(scenario, policy, verdicts);
        } else if (known(scenario, policy + DISTURBED)) {
          verdicts.add(new Verdict(untold(scenario, policy), false));
        }
      }
    }
    return verdicts;
  }

  /** What the project wants of its own policy. */
  private void goals(DispatchScenario scenario, List<Verdict> verdicts) {
    double tokens = value(scenario, OURS, DispatchFigures.TOKENS);
    double others = 0;
    for (String policy : policies) {
      double its = value(scenario, policy, DispatchFigures.TOKENS);
      others = policy.equals(OURS) || Double.isNaN(its) ? others : Math.max(others, its);
    }
    if (scenario.isEqual()) {
      double least = value(scenario, OURS, DispatchFigures.LEAST_SHARE);
      verdicts.add(goal(scenario, "least share", least, 0.8 / scenario.engines().size(), true));
      double ratio =
          value(scenario, OURS, DispatchFigures.TPOT_P50)
              / value(scenario, BASELINE, DispatchFigures.TPOT_P50);
      if (!Double.isNaN(ratio)) {
        verdicts.add(goal(scenario, "token time to " + BASELINE, ratio, 1.02, false));
      }
    } else if (scenario.isMixed() && others > 0) {
      verdicts.add(goal(scenario, "tokens/s to the best other", tokens / others, 1, true));
    }
    if (scenario.recovery() != null) {
      double half = value(scenario, OURS, DispatchFigures.HALF);
      verdicts.add(goal(scenario, "seconds to half a share", half, 10, false));
      double lost = value(scenario, OURS, DispatchFigures.LOST_EARLY);
      verdicts.add(goal(scenario, "requests lost without a token", lost, 0, false));
    }
  }

  /** No policy may load an engine that is as well as the others so that it is ejected. */
  private void ejections(DispatchScenario scenario, List<Verdict> verdicts) {
    for (String policy : policies) {
      if (known(scenario, policy)) {
        double most = most(scenario, policy, DispatchFigures.EJECTIONS);
        verdicts.add(goal(scenario, policy + ": ejections", most, 0, false));
      }
    }
  }

  private static Verdict goal(
      DispatchScenario scenario, String what, double value, double limit, boolean atLeast) {
    boolean reached = atLeast ? value >= limit : value <= limit;
    String text =
        String.format(
            Locale.ROOT,
            "%s: %s %.3f, wanted %s %.3f",
            scenario.label(),
            what,
            value,
            atLeast ? "at least" : "at most",
            limit);
    return new Verdict(text, reached);
  }

  /** Those beside others have what they have alone. */
  private void people(List<Verdict> verdicts) {
    DispatchScenario alone = scenario("people-alone");
    DispatchScenario beside = scenario("three-classes");
    if (alone == null || beside == null || !known(alone, OURS) || !known(beside, OURS)) {
      return;
    }
    String people = DispatchFigures.inTime(alone.crowds().getFirst());
    double ratio = value(beside, OURS, people) / value(alone, OURS, people);
    verdicts.add(goal(beside, "people in time to those alone", ratio, 0.95, true));
  }

  private @Nullable DispatchScenario scenario(String label) {
    return scenarios.stream().filter(each -> each.label().equals(label)).findFirst().orElse(null);
  }

  private void agreement(DispatchScenario scenario, String policy, List<Verdict> verdicts) {
    List<String> off = new ArrayList<>();
    for (String share : scenario.shares()) {
      compare(off, scenario, policy, share, SHARE_POINTS, false);
    }
    compare(off, scenario, policy, DispatchFigures.TPOT_P50, MEDIAN_RATIO, true);
    compare(off, scenario, policy, DispatchFigures.TTFT_P50, MEDIAN_RATIO, true);
    for (DispatchCrowd crowd : scenario.crowds()) {
      if (crowd.hasTargets()) {
        compare(off, scenario, policy, DispatchFigures.inTime(crowd), IN_TIME_POINTS, false);
      }
    }
    String what = scenario.label() + ", " + policy + ": the simulator agrees";
    verdicts.add(
        new Verdict(
            off.isEmpty() ? what : what + " but for " + String.join("; ", off), off.isEmpty()));
  }

  private static String untold(DispatchScenario scenario, String policy) {
    return scenario.label() + ", " + policy + ": the machine disturbed every round, judge nothing";
  }

  private void compare(
      List<String> off,
      DispatchScenario scenario,
      String policy,
      String figure,
      double most,
      boolean relative) {
    double real = value(scenario, policy, figure);
    double simulated = value(scenario, policy + SIMULATED, figure);
    double difference = Math.abs(simulated - real) / (relative ? real : 1);
    boolean bothUnknown = Double.isNaN(real) && Double.isNaN(simulated);
    if (!bothUnknown && !(difference <= most)) {
      off.add(String.format(Locale.ROOT, "%s %.3f, simulated %.3f", figure, real, simulated));
    }
  }

  void write(Path file) throws IOException {
    figures.write(file);
  }
}
