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

class GatewayBenchTest {

  @ParameterizedTest
  @CsvSource({
    "--rounds=0, --rounds must be at least 1",
    "--seconds=-1, --seconds must be at least 1",
    "--streams=0, --streams must be at least 1",
    "--rate=0, --rate must be at least 1",
    "--nginx=/nonexistent, --nginx: cannot read /nonexistent",
    "--portkey=/nonexistent, --portkey: cannot read /nonexistent/build/start-server.js",
    "--only=nothing, Invalid value for option '--only'"
  })
  void aWrongOptionIsNamed(String option, String complaint) {
    StringWriter errors = new StringWriter();
    CommandLine command = GatewayBench.commandLine().setErr(new PrintWriter(errors));

    int status = command.execute("--agent=without", option);

    assertEquals(2, status);
    assertTrue(errors.toString().contains(complaint), errors.toString());
  }

  @Test
  void latencyIsShownAboveTheDirectWayAndGoalsOnlyWhereTheyWereMeasured() {
    GatewayReport report = new GatewayReport("2 cores");
    for (double noise : new double[] {0, 5, 1}) {
      report.add("direct", Workload.LATENCY, Map.of("p50_us", 100 + noise, "p99_us", 300.0));
      report.add("gateway", Workload.LATENCY, Map.of("p50_us", 240.0, "p99_us", 3300.0));
    }

    String text = printed(report);

    assertTrue(text.contains("| direct  | 101 µs "), text);
    assertTrue(text.contains("| gateway | +139 µs"), text);
    assertTrue(
        text.contains("added to an answer, p50, us: 139, wanted at most 150: reached"), text);
    assertTrue(
        text.contains("added to an answer, p99, us: 3000, wanted at most 2000: MISSED"), text);
    assertEquals(2, text.lines().filter(line -> line.startsWith("- ")).count(), text);
  }

  @Test
  void whatTheGovernorHeldBackIsTold() {
    GatewayReport report = new GatewayReport("2 cores");
    report.telemetry(
        "gateway with agent",
        new MetricsText(
            "switchboard_telemetry_ceiling 1.0\nswitchboard_telemetry_told_ratio 0.25\n"));

    String text = printed(report);

    assertTrue(
        text.contains("- trace level at the end: up to 1, spans of 0.250 of the requests"), text);
  }

  @Test
  void refusalsAreShownByReasonAndEachIsHeldToItsGoal() {
    GatewayReport report = new GatewayReport("2 cores");
    report.add("direct", Workload.LATENCY, Map.of("p50_us", 100.0, "p99_us", 300.0));
    report.add(
        "gateway",
        Workload.OVERLOAD,
        Map.of(
            "queue_full_p50_us",
            180.0,
            "queue_full_p99_us",
            5400.0,
            "tenant_requests_per_minute_p50_us",
            90.0,
            "tenant_requests_per_minute_p99_us",
            1200.0));

    String text = printed(report);

    assertTrue(text.contains("| gateway | queue_full                 | 180 µs | 5400 µs |"), text);
    assertTrue(text.contains("| gateway | tenant_requests_per_minute | 90 µs  | 1200 µs |"), text);
    assertTrue(
        text.contains("- refused, queue_full, p99, us: 5400, wanted at most 5000: MISSED"), text);
    assertTrue(
        text.contains(
            "- refused, tenant_requests_per_minute, p99, us: 1200, wanted at most 5000: reached"),
        text);
    assertEquals(2, text.lines().filter(line -> line.startsWith("- refused")).count(), text);
  }

  @Test
  void aReportWithoutRefusalsHasNoTableOfThem() {
    GatewayReport report = new GatewayReport("2 cores");
    report.add("gateway", Workload.LATENCY, Map.of("p50_us", 240.0, "p99_us", 3300.0));

    assertFalse(printed(report).contains("refusal"), printed(report));
  }

  private static String printed(GatewayReport report) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    report.print(new PrintStream(out, true, StandardCharsets.UTF_8));
    return out.toString(StandardCharsets.UTF_8);
  }
}
