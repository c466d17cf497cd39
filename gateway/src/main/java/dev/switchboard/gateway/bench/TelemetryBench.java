package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.bench.RingBench;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What telemetry costs: the same gateway with more and more of it, the engine with and without its
 * timeline, and gateways before collectors that do not take their spans. What is compared is up at
 * the same time and loaded in turns, in the other order each round; a change is the median of the
 * rounds' own changes.
 */
@Command(
    name = "bench telemetry",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what telemetry costs: the gateway without the agent, with it, and with our",
      "spans; the engine with and without its timeline; the gateway before a collector that is",
      "dead, slow or failing. Ends with status 1 when spans are lost and nobody counts them."
    })
public final class TelemetryBench implements Callable<Integer> {
  /** What can be measured alone. */
  enum Part {
    GATEWAY,
    ENGINE,
    COLLECTOR
  }

  private static final List<Workload> WARMING = List.of(Workload.CLOSED, Workload.FIRST_TOKEN);

  private static final String SLOW_MS = "10000";
  private static final String FAILING_STATUS = "503";
  private static final int QUICK_PAIRS = 6;
  private static final int STANDARD_PAIRS = 120;

  @Mixin private Amount amount = new Amount();

  @Option(names = "--pairs", description = "of runs of the engine (quick: 6, standard: 120)")
  private @Nullable Integer pairs;

  @Option(
      names = "--only",
      split = ",",
      description = "measures only these: ${COMPLETION-CANDIDATES}")
  private Set<Part> only = EnumSet.noneOf(Part.class);

  @Option(
      names = "--native-bench",
      paramLabel = "FILE",
      description = "the built sb_bench, which times a single record")
  private @Nullable Path nativeBench;

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return new CommandLine(new TelemetryBench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException {
    amount.check();
    amount.requirePositive("--pairs", pairs);
    amount.requireFile("--native-bench", nativeBench);
    Set<Part> wanted = only.isEmpty() ? EnumSet.allOf(Part.class) : only;
    Measurements measured = new Measurements(machine());
    if (wanted.contains(Part.ENGINE)) {
      // Before the test bed, which leaves this process one core.
      engine(measured);
    }
    int status = 0;
    if (!wanted.equals(EnumSet.of(Part.ENGINE))) {
      try (TestBed bed = TestBed.open()) {
        gateways(bed, wanted, measured);
        status = bed.status();
      }
    }
    new TelemetryReport(measured).print(System.out);
    if (amount.json() != null) {
      measured.write(amount.json());
    }
    return status;
  }

  private String machine() {
    return String.format(
        Locale.ROOT,
        "%d cores; %d round(s) of %d s, %d requests/s, %d connections; %d pairs of runs of the engine",
        Runtime.getRuntime().availableProcessors(),
        amount.rounds(),
        amount.seconds(),
        amount.rate(),
        TestBed.CONNECTIONS,
        pairs());
  }

  private int pairs() {
    return pairs != null ? pairs : amount.preset() == Preset.QUICK ? QUICK_PAIRS : STANDARD_PAIRS;
  }

  // ------------------------------------------------------------------ engine

  private void engine(Measurements measured) throws IOException {
    Path models =
        Path.of(System.getProperty("switchboard.home", ".")).resolve(".switchboard/models");
    try (RingBench ring = RingBench.open(models)) {
      // What the first run finds cold.
      ring.pair();
      for (int i = 1; i <= pairs(); i++) {
        System.err.printf("engine: pair %d of %d%n", i, pairs());
        RingBench.Pair pair = ring.pair();
        add(measured, TelemetryReport.RING_OFF, pair.without());
        add(measured, TelemetryReport.RING_ON, pair.with());
      }
    }
    if (nativeBench != null) {
      for (int round = 0; round < amount.rounds(); round++) {
        records(measured, nativeBench);
      }
    }
  }

  private static void add(Measurements measured, String engine, RingBench.Speed speed) {
    measured.add(
        engine,
        TelemetryReport.ENGINE,
        Map.of("per_second", speed.tokensPerSecond(), "ttft_us", speed.ttftMs() * 1000));
  }

  /** Nanoseconds of processor time, as Google Benchmark tells them. */
  private static void records(Measurements measured, Path bench) throws IOException {
    Process process =
        new ProcessBuilder(
                bench.toString(), "--benchmark_filter=^timeline_", "--benchmark_format=json")
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    JsonNode told = new ObjectMapper().readTree(process.getInputStream());
    for (JsonNode each : told.path("benchmarks")) {
      measured.add(
          TelemetryReport.RING_ON,
          each.path("name").asText(),
          Map.of("ns", each.path("cpu_time").asDouble()));
    }
  }

  // ------------------------------------------------------------------ gateways

  private void gateways(TestBed bed, Set<Part> wanted, Measurements measured) throws IOException {
    InetSocketAddress worker = bed.worker();
    InetSocketAddress good = bed.helper(FakeCollector.class);
    if (wanted.contains(Part.GATEWAY)) {
      List<Target.Setup> setups =
          List.of(
              Target.Setup.plain(TelemetryReport.NO_AGENT, List.of()).beforeEngine(),
              exporting(TelemetryReport.AGENT_ALONE, good)
                  .with("telemetry: {trace-level: 0}\n")
                  .beforeEngine(),
              exporting(TelemetryReport.DEFAULTS, good).beforeEngine());
      compare(bed, worker, setups, List.of(Workload.CLOSED, Workload.FIRST_TOKEN), measured);
    }
    if (wanted.contains(Part.COLLECTOR)) {
      List<Target.Setup> setups =
          List.of(
              exporting(TelemetryReport.GOOD, good),
              exporting(TelemetryReport.DEAD, nobody()),
              exporting(
                  TelemetryReport.SLOW, bed.helper(FakeCollector.class, "--delay-ms", SLOW_MS)),
              exporting(
                  TelemetryReport.FAILING,
                  bed.helper(FakeCollector.class, "--status", FAILING_STATUS)));
      compare(bed, worker, setups, List.of(Workload.FIRST_TOKEN), measured);
    }
  }

  private static Target.Setup exporting(String name, InetSocketAddress collector) {
    return Target.Setup.underAgent(
        name,
        List.of(
            "-Dotel.traces.exporter=otlp",
            "-Dotel.exporter.otlp.endpoint=http://127.0.0.1:" + collector.getPort()));
  }

  /** An address that nobody listens on. */
  private static InetSocketAddress nobody() throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return new InetSocketAddress(InetAddress.getLoopbackAddress(), taken.getLocalPort());
    }
  }

  private void compare(
      TestBed bed,
      InetSocketAddress worker,
      List<Target.Setup> setups,
      List<Workload> workloads,
      Measurements measured)
      throws IOException {
    List<Target> targets = new ArrayList<>();
    try {
      for (Target.Setup setup : setups) {
        targets.add(Target.gateway(bed, worker, setup));
      }
      for (Target target : targets) {
        // As fast as it can too, so that queues of spans fill where nobody takes them.
        bed.warm(target, WARMING, amount.plan(null), amount.warmSeconds());
      }
      for (int round = 1; round <= amount.rounds(); round++) {
        for (Workload workload : workloads) {
          for (Target target : round % 2 == 1 ? targets : targets.reversed()) {
            System.err.printf(
                "round %d of %d: %s, %s%n",
                round, amount.rounds(), workload.label(), target.name());
            Map<String, Double> values = bed.reconciled(target, workload, amount.plan(null));
            measured.add(target.name(), workload.label(), values);
          }
        }
      }
      targets.forEach(target -> lost(bed, target, measured));
    } finally {
      targets.forEach(Target::close);
    }
  }

  private static void lost(TestBed bed, Target target, Measurements measured) {
    MetricsText metrics = bed.metrics(target);
    Map<String, Double> spans = new TreeMap<>();
    for (String result : List.of("exported", "failed", "dropped")) {
      spans.put(result, metrics.sum("switchboard_spans_total", "result=\"" + result + "\""));
    }
    double all = metrics.sum("switchboard_spans_total");
    double lost = all - metrics.sum("switchboard_spans_total", "result=\"exported\"");
    if (all > 0) {
      measured.add(target.name(), TelemetryReport.SPANS, spans);
    }
    boolean troubled =
        List.of(TelemetryReport.DEAD, TelemetryReport.SLOW, TelemetryReport.FAILING)
            .contains(target.name());
    if (troubled && lost == 0) {
      bed.fault(target.name() + ": no lost span was counted");
    }
  }
}
