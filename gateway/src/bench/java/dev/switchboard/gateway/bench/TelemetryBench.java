package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.bench.RingBench;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What telemetry costs: a gateway with more and more of it, the engine with and without its
 * timeline, a gateway before a collector that does not take its spans. What is compared is the same
 * process wherever that can be, and takes turns. How far a number can be trusted is told by how the
 * turns differ ({@link dev.switchboard.bench.Comparison}).
 */
@Command(
    name = "bench telemetry",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what telemetry costs: the gateway without the agent, with it, and with our",
      "spans; the engine with and without its timeline; the gateway before a collector that is",
      "dead, slow or failing; the spans of one request, as the thread pays them. Each number comes"
          + " with what 95 of 100 such measurements give: a",
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

  private static final int QUICK_ENGINE_SECONDS = 30;
  private static final int STANDARD_ENGINE_SECONDS = 160;

  /** A single method is soon compiled, and its cost soon known. */
  private static final int MOST_SPANS_WARM_SECONDS = 20;

  private static final int MOST_SPANS_SECONDS = 60;

  /** Of the engine's time; a tail needs more samples than a median. */
  private static final double FIRST_TOKEN_SHARE = 0.75;

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
        "%d cores; %d round(s) of %d s, %d requests/s, %d connections; %d s of the engine",
        Runtime.getRuntime().availableProcessors(),
        amount.rounds(),
        amount.seconds(),
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
    List<String> command = Target.jvm(true);
    command.addAll(TelemetryTurns.exporting(bed.collector()));
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
          TelemetryReport.toldAs(RecordedRequest.Extent.valueOf(words[1])),
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
    TelemetryTurns turns = new TelemetryTurns(bed, amount, measured);
    if (wanted.contains(Part.GATEWAY)) {
      turns.spans();
    }
    if (wanted.contains(Part.COLLECTOR)) {
      turns.collectors();
    }
  }
}
