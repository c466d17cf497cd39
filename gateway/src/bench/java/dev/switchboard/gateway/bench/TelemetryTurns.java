package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.bench.TestBed.Helper;
import dev.switchboard.gateway.telemetry.TelemetryConfig;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * What telemetry costs a gateway, by loading it in turns: in each it is as one side of the
 * comparison has it, in another order each time. Two gateways would differ by what the compiler
 * happened to make of each, so one is changed while it runs wherever that can be: how much it tells
 * of a request, and what its collector does. Only an agent cannot be taken away.
 */
final class TelemetryTurns {
  private static final String SPANS = "switchboard_spans_total";
  private static final List<Workload> WARMING = List.of(Workload.CLOSED, Workload.FIRST_TOKEN);

  /** Short, so that what the machine does meanwhile falls on all alike. */
  private static final double TURN_SECONDS = 2;

  /** Step each turn: spans of the turn before are still being exported. */
  private static final double LEAD_SECONDS = 0.5;

  /** So long before its turn a collector changes, as many requests as there can be meanwhile. */
  private static final double FILL_SECONDS = 2;

  /** Of a collector's turn, for what it leaves behind takes a while to matter. */
  private static final double COLLECTOR_TURN_SECONDS = 8;

  private final TestBed bed;
  private final Amount amount;
  private final Measurements measured;
  private final InetSocketAddress worker;
  private final Random random = new Random(1);

  /** By side, what became of spans in its turns. */
  private final Map<String, Map<String, Double>> spans = new HashMap<>();

  TelemetryTurns(TestBed bed, Amount amount, Measurements measured) throws IOException {
    this.bed = bed;
    this.amount = amount;
    this.measured = measured;
    this.worker = bed.worker();
  }

  /** Something done to servers. */
  @FunctionalInterface
  private interface Step {
    void run() throws IOException;
  }

  /** One of those that are compared: a gateway, and what is done to it before a turn. */
  private record Side(String name, Target target, Step before) {}

  /** A gateway without the agent beside one with it, which in turns tells nothing of its own. */
  void spans() throws IOException {
    try (Target bare = gateway(TelemetryReport.NO_AGENT, null, true);
        Target full = gateway(TelemetryReport.DEFAULTS, bed.collector(), true)) {
      warm(List.of(bare, full));
      List<Side> sides =
          List.of(
              new Side(TelemetryReport.NO_AGENT, bare, () -> {}),
              new Side(TelemetryReport.AGENT_ALONE, full, () -> bed.traceLevel(full, 0)),
              new Side(
                  TelemetryReport.DEFAULTS,
                  full,
                  () -> bed.traceLevel(full, TelemetryConfig.DEFAULTS.traceLevel())));
      double seconds = Math.min(TURN_SECONDS, amount.seconds());
      turns(
          seconds,
          () -> {
            for (Workload workload : List.of(Workload.CLOSED, Workload.FIRST_TOKEN)) {
              for (Side side : shuffled(sides)) {
                load(side, 0, workload, seconds);
              }
            }
          });
      told(sides);
    }
  }

  /** One gateway, whose collector takes everything, or nothing, in turns. */
  void collectors() throws IOException {
    Helper collector = bed.collector();
    try (Target gateway = gateway("gateway", collector, false)) {
      warm(List.of(gateway));
      List<Side> sides = new ArrayList<>();
      for (FakeCollector.Mood mood : FakeCollector.Mood.values()) {
        sides.add(
            new Side(
                TelemetryReport.collector(mood),
                gateway,
                () -> collector.process().tell(mood.word())));
      }
      double seconds = Math.min(COLLECTOR_TURN_SECONDS, amount.seconds());
      turns(
          seconds,
          () -> {
            for (Side side : shuffled(sides)) {
              // So that the queue of spans is full where nobody takes them.
              load(side, FILL_SECONDS, Workload.FIRST_TOKEN, seconds);
            }
          });
      told(sides);
      requireLoss();
    }
  }

  private void warm(List<Target> targets) throws IOException {
    bed.warm(targets, WARMING, amount.plan(null), amount.warmSeconds());
  }

  /** A round is split into as many turns as it has room for. */
  private void turns(double seconds, Step each) throws IOException {
    int turns = amount.rounds() * (int) Math.ceil(amount.seconds() / seconds);
    for (int turn = 1; turn <= turns; turn++) {
      System.err.printf("turn %d of %d%n", turn, turns);
      each.run();
    }
  }

  private List<Side> shuffled(List<Side> sides) {
    List<Side> order = new ArrayList<>(sides);
    Collections.shuffle(order, random);
    return order;
  }

  /**
   * A turn of a side.
   *
   * @param fillSeconds of as many requests as there can be, before all else
   */
  private void load(Side side, double fillSeconds, Workload workload, double seconds)
      throws IOException {
    MetricsText before = bed.metrics(side.target());
    side.before().run();
    if (fillSeconds > 0) {
      reconciled(side, Workload.CLOSED, fillSeconds);
    }
    reconciled(side, workload, LEAD_SECONDS);
    measured.add(side.name(), workload.label(), reconciled(side, workload, seconds));
    MetricsText after = bed.metrics(side.target());
    Map<String, Double> sum = spans.computeIfAbsent(side.name(), first -> new HashMap<>());
    for (String result : TelemetryReport.SPAN_RESULTS) {
      String label = "result=\"" + result + "\"";
      sum.merge(result, after.sum(SPANS, label) - before.sum(SPANS, label), Double::sum);
    }
    measured.add(
        side.name(),
        TelemetryReport.SPANS,
        Map.of(TelemetryReport.TOLD, after.sum("switchboard_telemetry_told_ratio")));
  }

  private Workload.Outcome reconciled(Side side, Workload workload, double seconds)
      throws IOException {
    return bed.reconciled(side.target(), workload, amount.plan(null).lasting(seconds));
  }

  private void told(List<Side> sides) {
    for (Side side : sides) {
      Map<String, Double> sum = spans.getOrDefault(side.name(), Map.of());
      if (sum.values().stream().anyMatch(count -> count > 0)) {
        measured.add(side.name(), TelemetryReport.SPANS, sum);
      }
    }
  }

  /** Who cannot send spans must lose some, and say so. */
  private void requireLoss() {
    double lost = 0;
    for (String side :
        List.of(TelemetryReport.DEAD, TelemetryReport.SLOW, TelemetryReport.FAILING)) {
      Map<String, Double> sum = spans.getOrDefault(side, Map.of());
      lost += sum.getOrDefault("failed", 0.0) + sum.getOrDefault("dropped", 0.0);
    }
    if (lost == 0) {
      bed.fault("no collector took the spans, and no lost one was counted");
    }
  }

  /**
   * A gateway.
   *
   * @param collector of its spans; null for one without the agent
   */
  private Target gateway(String name, @Nullable Helper collector, boolean engine)
      throws IOException {
    List<String> options = collector == null ? List.of() : exporting(collector);
    return Target.gateway(
        bed,
        worker,
        new Target.Setup(
            name,
            collector != null,
            options,
            engine,
            Preset.STANDARD.warmUpRequests,
            Target.Setup.ALL));
  }

  /** Options of a JVM under the agent, which has it send its spans there. */
  static List<String> exporting(Helper collector) {
    return List.of(
        "-Dotel.traces.exporter=otlp",
        "-Dotel.exporter.otlp.endpoint=http://127.0.0.1:" + collector.address().getPort());
  }
}
