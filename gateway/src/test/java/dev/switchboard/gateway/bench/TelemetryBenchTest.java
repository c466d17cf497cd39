package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class TelemetryBenchTest {

  @ParameterizedTest
  @CsvSource({
    "--rounds=0, --rounds must be at least 1",
    "--pairs=0, --pairs must be at least 1",
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

  /** Each round is slower than the one before, and what was added cost two percent in each. */
  @Test
  void aChangeIsTheMedianOfTheRoundsOwn() {
    Measurements measured = new Measurements("2 cores");
    for (double speed : new double[] {1000, 500, 100}) {
      add(measured, TelemetryReport.AGENT_ALONE, speed);
      add(measured, TelemetryReport.DEFAULTS, speed * 0.98);
    }

    String text = print(measured);

    assertTrue(
        text.contains("| our spans, requests/s | 500 /s  | 490 /s | +2.0 %   | 3 %: reached |"),
        text);
    assertFalse(text.contains("collector"), text);
    assertFalse(text.contains("timeline"), text);
  }

  @Test
  void aRateThatFellByMoreThanItMayIsMissed() {
    Measurements measured = new Measurements("2 cores");
    add(measured, TelemetryReport.AGENT_ALONE, 1000);
    add(measured, TelemetryReport.DEFAULTS, 900);

    assertTrue(print(measured).contains("| +10.0 %  | 3 %: MISSED |"));
  }

  @Test
  void theEnginesFirstTokensAreComparedAtTheirOwnPercentile() {
    Measurements measured = new Measurements("2 cores");
    for (int i = 1; i <= 200; i++) {
      measured.add(TelemetryReport.RING_OFF, TelemetryReport.ENGINE, Map.of("ttft_us", i * 10.0));
      measured.add(TelemetryReport.RING_ON, TelemetryReport.ENGINE, Map.of("ttft_us", i * 11.0));
    }
    measured.add(TelemetryReport.RING_ON, "timeline_record", Map.of("ns", 120.0));

    String text = print(measured);

    assertTrue(text.contains("| 1980 µs | 2178 µs | +10.0 %  | 1 %: MISSED |"), text);
    assertTrue(text.contains("A rank's record: 120 ns, wanted at most 250: reached"), text);
  }

  private static void add(Measurements measured, String server, double perSecond) {
    measured.add(server, Workload.CLOSED.label(), Map.of("per_second", perSecond));
  }

  private static String print(Measurements measured) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    new TelemetryReport(measured).print(new PrintStream(out, true, StandardCharsets.UTF_8));
    return out.toString(StandardCharsets.UTF_8);
  }
}
