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
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
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
 * the same time, as warm, and loaded in short turns, in another order each time. How far a number
 * can be trusted is told by how the turns differ ({@link dev.switchboard.bench.Comparison}).
 */
@Command(
    name = "bench telemetry",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what telemetry costs: the gateway without the agent, with it, and with our",
      "spans; the engine with and without its timeline; the gateway before a collector that is",
      "dead, slow or failing; the spans of one request, as the thread pays them. Each number comes with what 95 of 100 such measurements give: a",
      "limit is reached or missed where all of that is on one side of it, else it cannot be told",
      "and more or longer rounds are needed. Ends with status 1 when spans are lost and nobody",
      "counts them."
    })
public final class TelemetryBench implements Callable<Integer> {
  /** What can be measured alone. */
  enum Part {
    GATEWAY,
    ENGINE,
    COLLECTOR,
    SPANS
  }

  private static final List<Workload> WARMING = List.of(Workload.CLOSED, Workload.FIRST_TOKEN);

  private static final String SLOW_MS = "10000";
  private static final String FAILING_STATUS = "503";
  private static final int QUICK_ENGINE_SECONDS = 30;
  private static final int STANDARD_ENGINE_SECONDS = 160;

  /** A single method is soon compiled, and its cost soon known. */
  private static final int MOST_SPANS_WARM_SECONDS = 20;

  private static final int MOST_SPANS_SECONDS = 60;

  /** Of the engine's time; a tail needs more samples than a median. */
  private static final double FIRST_TOKEN_SHARE = 0.75;

  /** Short, so that what the machine does meanwhile falls on all alike. */
  private static final int TURN_SECONDS = 2;

  /** Before each turn: spans of whoever was loaded before are still being exported. */
  private static final double LEAD_SECONDS = 0.5;

  @Mixin private Amount amount = new Amount();

  @Option(
      names = "--engine-seconds",
      description = {
        "of the engine, a quarter decoding and the rest first tokens (quick: 30,",
        "standard: 160)"
      })
  private @Nullable Integer engineSeconds;

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
    amount.requirePositive("--engine-seconds", engineSeconds);
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
        if (wanted.contains(Part.SPANS)) {
          spans(bed, measured);
        }
        gateways(bed, wanted, measured);
        status = bed.status();
      }
    }
    TelemetryReport report = new TelemetryReport(measured);
    report.print(System.out);
    if (amount.json() != null) {
      report.write(amount.json());
    }
    return status;
  }

  private String machine() {
    return String.format(
        Locale.ROOT,
        "%d cores; %d turn(s) of %d s, %d requests/s, %d connections; %d s of the engine",
        Runtime.getRuntime().availableProcessors(),
        turns(),
        turnSeconds(),
        amount.rate(),
        TestBed.CONNECTIONS,
        engineSeconds());
  }

  private int engineSeconds() {
    if (engineSeconds != null) {
      return engineSeconds;
    }
    return amount.preset() == Preset.QUICK ? QUICK_ENGINE_SECONDS : STANDARD_ENGINE_SECONDS;
  }

  /** A round is split into as many turns as it has room for. */
  private int turns() {
    return amount.rounds() * Math.ceilDiv(amount.seconds(), TURN_SECONDS);
  }

  private int turnSeconds() {
    return Math.min(TURN_SECONDS, amount.seconds());
  }

  // ------------------------------------------------------------------ engine

  private void engine(Measurements measured) throws IOException {
    Path models =
        Path.of(System.getProperty("switchboard.home", ".")).resolve(".switchboard/models");
    try (RingBench ring = RingBench.open(models)) {
      double firstTokens = engineSeconds() * FIRST_TOKEN_SHARE;
      double decoding = engineSeconds() - firstTokens;
      System.err.printf("engine: decoding for %.0f s%n", decoding);
      measured.add(TelemetryReport.DECODE, ring.decode(decoding));
      System.err.printf("engine: first tokens for %.0f s%n", firstTokens);
      measured.add(TelemetryReport.FIRST_TOKENS, ring.firstTokens(firstTokens));
    }
    if (nativeBench != null) {
      for (int round = 0; round < amount.rounds(); round++) {
        records(measured, nativeBench);
      }
    }
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

  // ------------------------------------------------------------------ spans of one request

  /** Nobody samples, so what is told is told after the fact. */
  private void spans(TestBed bed, Measurements measured) throws IOException {
    InetSocketAddress collector = bed.helper(FakeCollector.class);
    List<String> command = Target.jvm(true);
    command.addAll(exporting(collector));
    command.addAll(
        List.of(
            "-Dotel.traces.sampler=parentbased_traceidratio",
            "-Dotel.traces.sampler.arg=0",
            // The last spans of a batch would wait for others that do not come.
            "-Dotel.bsp.schedule.delay=20"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(SpanBench.class.getName());
    command.add("--warm-seconds=" + Math.min(MOST_SPANS_WARM_SECONDS, amount.warmSeconds()));
    command.add("--seconds=" + Math.min(MOST_SPANS_SECONDS, amount.rounds() * amount.seconds()));
    System.err.println("spans of one request");
    Path log = bed.directory().resolve("spans.log");
    try (ServerProcess process = ServerProcess.start(bed.everyCore(), log, Map.of(), command)) {
      process.await(line -> spans(line, measured));
    }
  }

  /** Notes a line's sample; true when it is the last line. */
  private static boolean spans(String line, Measurements measured) {
    if (line.startsWith("sample ")) {
      String[] words = line.split(" ", -1);
      measured.add(
          TelemetryReport.toldAs(ToldRequest.Told.valueOf(words[1])),
          TelemetryReport.ONE_REQUEST,
          Map.of(
              TelemetryReport.MICROS, Double.parseDouble(words[2]),
              TelemetryReport.KIB, Double.parseDouble(words[3]),
              TelemetryReport.EXPORTER_MICROS, Double.parseDouble(words[4])));
    }
    return line.equals("done");
  }

  // ------------------------------------------------------------------ gateways

  private void gateways(TestBed bed, Set<Part> wanted, Measurements measured) throws IOException {
    InetSocketAddress worker = bed.worker();
    InetSocketAddress good = bed.helper(FakeCollector.class);
    if (wanted.contains(Part.GATEWAY)) {
      List<Target.Setup> setups =
          List.of(
              setup(TelemetryReport.NO_AGENT, null, true, ""),
              setup(TelemetryReport.AGENT_ALONE, good, true, "telemetry: {trace-level: 0}\n"),
              setup(TelemetryReport.DEFAULTS, good, true, ""));
      compare(bed, worker, setups, List.of(Workload.CLOSED, Workload.FIRST_TOKEN), measured);
    }
    if (wanted.contains(Part.COLLECTOR)) {
      List<Target.Setup> setups =
          List.of(
              setup(TelemetryReport.GOOD, good, false, ""),
              setup(TelemetryReport.DEAD, nobody(), false, ""),
              setup(
                  TelemetryReport.SLOW,
                  bed.helper(FakeCollector.class, "--delay-ms", SLOW_MS),
                  false,
                  ""),
              setup(
                  TelemetryReport.FAILING,
                  bed.helper(FakeCollector.class, "--status", FAILING_STATUS),
                  false,
                  ""));
      compare(bed, worker, setups, List.of(Workload.FIRST_TOKEN), measured);
    }
  }

  /**
   * A gateway.
   *
   * @param collector of its spans; null for one without the agent
   */
  private static Target.Setup setup(
      String name, @Nullable InetSocketAddress collector, boolean engine, String yaml) {
    List<String> options = collector == null ? List.of() : exporting(collector);
    return new Target.Setup(
        name,
        collector != null,
        options,
        engine,
        Preset.STANDARD.warmUpRequests,
        Target.Setup.ALL + yaml);
  }

  private static List<String> exporting(InetSocketAddress collector) {
    return List.of(
        "-Dotel.traces.exporter=otlp",
        "-Dotel.exporter.otlp.endpoint=http://127.0.0.1:" + collector.getPort());
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
      // As fast as they can too, so that queues of spans fill where nobody takes them.
      bed.warm(targets, WARMING, amount.plan(null), amount.warmSeconds());
      List<Target> order = new ArrayList<>(targets);
      Random random = new Random(1);
      Workload.Plan lead = amount.plan(null).lasting(LEAD_SECONDS);
      Workload.Plan plan = amount.plan(null).lasting(turnSeconds());
      for (int turn = 1; turn <= turns(); turn++) {
        System.err.printf("turn %d of %d%n", turn, turns());
        for (Workload workload : workloads) {
          Collections.shuffle(order, random);
          for (Target target : order) {
            bed.reconciled(target, workload, lead);
            measured.add(target.name(), workload.label(), bed.reconciled(target, workload, plan));
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
