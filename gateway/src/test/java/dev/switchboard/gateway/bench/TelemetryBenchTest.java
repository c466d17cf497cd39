package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.bench.Comparison;
import dev.switchboard.gateway.bench.RecordedRequest.Extent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class TelemetryBenchTest {

  @ParameterizedTest
  @CsvSource({
    "--rounds=0, --rounds must be at least 1",
    "--engine-seconds=0, --engine-seconds must be at least 1",
    "--native-bench=/nonexistent, --native-bench: cannot read /nonexistent",
    "--only=nothing, Invalid value for option '--only'"
  })
  void aWrongOptionIsNamed(String option, String complaint) {
    StringWriter errors = new StringWriter();
    CommandLine command = TelemetryBench.commandLine().setErr(new PrintWriter(errors));

    int status = command.execute(option);

    assertEquals(2, status);
    assertTrue(errors.toString().contains(complaint), errors.toString());
  }

  /** Each turn is slower than the one before, and what was added cost two percent in each. */
  @Test
  void aChangeOfARateIsTheMedianOfTheTurnsOwn() {
    Measurements measured = new Measurements("2 cores");
    for (int turn = 1; turn <= 7; turn++) {
      rate(measured, TelemetryReport.AGENT_ALONE, 1000.0 / turn);
      rate(measured, TelemetryReport.DEFAULTS, 980.0 / turn);
    }

    String line = line(measured, "our spans, requests/s");

    assertTrue(line.contains("| 250 (167 to "), line);
    assertTrue(line.contains("| +2.0 (+2.0 to +2.0) % | 3 %: reached"), line);
    assertFalse(print(measured).contains("collector"));
    assertFalse(print(measured).contains("timeline"));
  }

  @Test
  void aLimitThatAllOfTheIntervalIsBeyondIsMissed() {
    Measurements measured = new Measurements("2 cores");
    for (int turn = 0; turn < 8; turn++) {
      rate(measured, TelemetryReport.AGENT_ALONE, 1000);
      rate(measured, TelemetryReport.DEFAULTS, turn % 2 == 0 ? 900 : 950);
    }

    String line = line(measured, "our spans, requests/s");

    assertTrue(line.contains("(+5.0 to +10.0) % | 3 %: MISSED"), line);
  }

  @Test
  void aLimitWithinTheIntervalCannotBeTold() {
    Measurements measured = new Measurements("2 cores");
    for (int turn = 0; turn < 8; turn++) {
      rate(measured, TelemetryReport.AGENT_ALONE, 1000);
      rate(measured, TelemetryReport.DEFAULTS, turn % 2 == 0 ? 900 : 1000);
    }

    assertTrue(line(measured, "our spans, requests/s").contains("3 %: cannot be told"));
  }

  @Test
  void ofFewTurnsNothingCanBeTold() {
    Measurements measured = new Measurements("2 cores");
    rate(measured, TelemetryReport.AGENT_ALONE, 1000);
    rate(measured, TelemetryReport.DEFAULTS, 900);

    assertTrue(line(measured, "our spans, requests/s").contains("| +10.0 % | 3 %: cannot be told"));
  }

  @Test
  void latenciesOfAllTurnsHaveOnePercentile() {
    Measurements measured = new Measurements("2 cores");
    for (int turn = 0; turn < 10; turn++) {
      firstTokens(measured, TelemetryReport.GOOD, 10);
      firstTokens(measured, TelemetryReport.DEAD, 11);
    }

    String line = line(measured, "a dead collector, first token p99");

    assertTrue(line.contains("| 1980 (1980 to 1980) µs | 2178 (2178 to 2178) µs |"), line);
    assertTrue(line.contains("| +10.0 (+10.0 to +10.0) % | 2 %: MISSED"), line);
  }

  @Test
  void theEngineIsComparedWithinItself(@TempDir Path directory) throws IOException {
    Measurements measured = new Measurements("2 cores");
    Comparison decode = new Comparison();
    for (int round = 0; round < 6; round++) {
      decode.add(new double[] {1000, 1200}, new double[] {995, 1194});
    }
    measured.add(TelemetryReport.DECODE, decode);
    measured.add(TelemetryReport.RING_ON, "timeline_record", Map.of("ns", 120.0));
    Path file = directory.resolve("telemetry.json");

    new TelemetryReport(measured).write(file);

    String line = line(measured, "the timeline, tokens/s");
    assertTrue(line.contains("| +0.5 (+0.5 to +0.5) % | 1 %: reached"), line);
    assertTrue(print(measured).contains("A rank's record: 120 ns, wanted at most 250: reached"));
    JsonNode root = new ObjectMapper().readTree(file.toFile());
    JsonNode change = root.path("changes").path(0);
    assertEquals("the timeline, tokens/s", change.path("what").asText());
    assertEquals(0.5, change.path("worse_percent").path("high").asDouble(), 1e-9);
    assertEquals(1, change.path("limit_percent").asDouble());
    assertEquals("reached", change.path("verdict").asText());
    JsonNode samples = root.path("comparisons").path(TelemetryReport.DECODE).path("with");
    assertEquals(1194, samples.path(5).path(1).asDouble());
  }

  @Test
  void whatRanksCostIsTheDifferenceOfBatchesOfTheSameRound() {
    Measurements measured = new Measurements("2 cores");
    for (int round = 1; round <= 7; round++) {
      spans(measured, Extent.NOTHING, round, 1, 0);
      spans(measured, Extent.REQUEST, 10 * round, 5, 20);
      spans(measured, Extent.RANKS, 10 * round + 40, 30, 100);
    }

    String ranks = line(measured, "those of ranks alone");

    assertTrue(ranks.contains("| 64 | 40.0 (40.0 to 40.0) µs | 25.0 (25.0 to 25.0) KiB |"), ranks);
    assertTrue(ranks.contains("| 80.0 (80.0 to 80.0) µs |"), ranks);
    String none = line(measured, "none");
    assertTrue(none.contains("| 0 | 4.0 ("), none);
    assertTrue(line(measured, "those of 64 ranks too").contains("| 73 | 80.0 ("));
  }

  private static void spans(
      Measurements measured, Extent told, double micros, double kib, double exporterMicros) {
    measured.add(
        TelemetryReport.toldAs(told),
        TelemetryReport.ONE_REQUEST,
        Map.of(
            TelemetryReport.MICROS,
            micros,
            TelemetryReport.KIB,
            kib,
            TelemetryReport.EXPORTER_MICROS,
            exporterMicros));
  }

  private static void rate(Measurements measured, String server, double perSecond) {
    measured.add(server, Workload.CLOSED.label(), Map.of("per_second", perSecond));
  }

  /** Two hundred of them, evenly from one step to two hundred. */
  private static void firstTokens(Measurements measured, String server, double stepMicros) {
    double[] micros = new double[200];
    Arrays.setAll(micros, i -> (i + 1) * stepMicros);
    measured.add(server, Workload.FIRST_TOKEN.label(), new Workload.Outcome(Map.of(), micros));
  }

  /** The line that begins so, its columns not aligned. */
  private static String line(Measurements measured, String what) {
    return print(measured)
        .lines()
        .filter(line -> line.startsWith("| " + what))
        .findFirst()
        .orElseThrow()
        .replaceAll(" +", " ");
  }

  private static String print(Measurements measured) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    new TelemetryReport(measured).print(new PrintStream(out, true, StandardCharsets.UTF_8));
    return out.toString(StandardCharsets.UTF_8);
  }
}
