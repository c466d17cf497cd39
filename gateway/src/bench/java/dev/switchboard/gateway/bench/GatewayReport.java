package dev.switchboard.gateway.bench;

import dev.switchboard.bench.MarkdownTable;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What was measured, shown as a Markdown table of medians. */
final class GatewayReport {
  private static final String DIRECT = "direct";
  private static final String TELEMETRY = "telemetry";
  private static final String CEILING = "trace_ceiling";
  private static final String TOLD = "told_ratio";

  private final Measurements measured;

  /** What the project wants of its gateway; measured by the row of the same name. */
  private record Goal(String what, double limit, boolean atLeast, double value) {
    String verdict() {
      boolean reached = atLeast ? value >= limit : value <= limit;
      return String.format(
          Locale.ROOT,
          "%s: %.0f, wanted %s %.0f: %s",
          what,
          value,
          atLeast ? "at least" : "at most",
          limit,
          reached ? "reached" : "MISSED");
    }
  }

  GatewayReport(String machine) {
    measured = new Measurements(machine);
  }

  void add(String target, Workload workload, Map<String, Double> values) {
    measured.add(target, workload.label(), values);
  }

  /** What the governor of telemetry still allowed when all was measured. */
  void telemetry(String target, MetricsText metrics) {
    measured.add(
        target,
        TELEMETRY,
        Map.of(
            CEILING, metrics.sum("switchboard_telemetry_ceiling"),
            TOLD, metrics.sum("switchboard_telemetry_told_ratio")));
  }

  void print(PrintStream out) {
    out.println(measured.machine());
    out.println();
    List<List<String>> rows = new ArrayList<>();
    measured.servers().forEach(target -> rows.add(cells(target)));
    MarkdownTable.print(
        out,
        List.of(
            "server",
            "answer p50",
            "p99",
            "first token p50",
            "p99",
            "CPU",
            "requests/s",
            "p50",
            "CPU",
            "gap p99",
            "CPU per token",
            "100k tokens",
            "CPU"),
        rows);
    printRefusals(out);
    for (String target : measured.servers()) {
      if (target.startsWith("gateway")) {
        out.println();
        out.println(target + ":");
        goals(target).stream()
            .filter(goal -> !Double.isNaN(goal.value()))
            .forEach(goal -> out.println("- " + goal.verdict()));
        double told = measured.of(target, TELEMETRY, TOLD).median();
        if (!Double.isNaN(told)) {
          out.printf(
              Locale.ROOT,
              "- trace level at the end: up to %.0f, spans of %.3f of the requests%n",
              measured.of(target, TELEMETRY, CEILING).median(),
              told);
        }
      }
    }
  }

  /** How soon they came, as they are: nobody but a gateway refuses. */
  private void printRefusals(PrintStream out) {
    List<List<String>> rows = new ArrayList<>();
    for (String target : measured.servers()) {
      for (RefusalKind kind : RefusalKind.values()) {
        String median = micros(value(target, Workload.OVERLOAD, kind.value(50)));
        if (!median.isEmpty()) {
          String late = micros(value(target, Workload.OVERLOAD, kind.value(99)));
          rows.add(List.of(target, kind.label(), median, late));
        }
      }
    }
    if (!rows.isEmpty()) {
      out.println();
      MarkdownTable.print(out, List.of("server", "refusal", "p50", "p99"), rows);
    }
  }

  private List<String> cells(String target) {
    List<String> cells = new ArrayList<>();
    cells.add(target);
    cells.add(added(target, Workload.LATENCY, "p50_us"));
    cells.add(added(target, Workload.LATENCY, "p99_us"));
    cells.add(added(target, Workload.FIRST_TOKEN, "p50_us"));
    cells.add(added(target, Workload.FIRST_TOKEN, "p99_us"));
    cells.add(cpu(target, Workload.FIRST_TOKEN));
    cells.add(rounded(value(target, Workload.CLOSED, "per_second")));
    cells.add(micros(value(target, Workload.CLOSED, "p50_us")));
    cells.add(cpu(target, Workload.CLOSED));
    cells.add(added(target, Workload.STREAMS, "p99_us"));
    cells.add(cpu(target, Workload.STREAMS));
    cells.add(millis(value(target, Workload.LONG_PROMPT, "p50_us")));
    cells.add(target.equals(DIRECT) ? "" : millis(value(target, Workload.LONG_PROMPT, "cpu_us")));
    return cells;
  }

  private List<Goal> goals(String target) {
    List<Goal> goals =
        new ArrayList<>(
            List.of(
                goal("added to an answer, p50, us", target, Workload.LATENCY, "p50_us", 150),
                goal("added to an answer, p99, us", target, Workload.LATENCY, "p99_us", 2000),
                goal(
                    "added to the first token, p50, us",
                    target,
                    Workload.FIRST_TOKEN,
                    "p50_us",
                    150),
                goal(
                    "added to the first token, p99, us",
                    target,
                    Workload.FIRST_TOKEN,
                    "p99_us",
                    2000),
                new Goal(
                    "requests per second",
                    6000,
                    true,
                    value(target, Workload.CLOSED, "per_second")),
                goal(
                    "added to the gap between tokens, p99, us",
                    target,
                    Workload.STREAMS,
                    "p99_us",
                    10_000),
                new Goal("CPU per token, us", 20, false, value(target, Workload.STREAMS, "cpu_us")),
                new Goal(
                    "CPU of 100k tokens, us",
                    50_000,
                    false,
                    value(target, Workload.LONG_PROMPT, "cpu_us"))));
    for (RefusalKind kind : RefusalKind.values()) {
      double late = value(target, Workload.OVERLOAD, kind.value(99));
      goals.add(new Goal("refused, " + kind.label() + ", p99, us", 5000, false, late));
    }
    return goals;
  }

  private Goal goal(String what, String target, Workload workload, String name, double limit) {
    return new Goal(
        what, limit, false, value(target, workload, name) - value(DIRECT, workload, name));
  }

  private String cpu(String target, Workload workload) {
    return target.equals(DIRECT) ? "" : micros(value(target, workload, "cpu_us"));
  }

  /** Above the direct way; the direct way's own value as it is. */
  private String added(String target, Workload workload, String name) {
    double value = value(target, workload, name);
    double above = target.equals(DIRECT) ? value : value - value(DIRECT, workload, name);
    String sign = target.equals(DIRECT) || !(above >= 0) ? "" : "+";
    return sign + micros(above);
  }

  private double value(String target, Workload workload, String name) {
    return measured.of(target, workload.label(), name).median();
  }

  private static String micros(double value) {
    return Double.isNaN(value) ? "" : Math.round(value) + " µs";
  }

  private static String millis(double micros) {
    return Double.isNaN(micros) ? "" : String.format(Locale.ROOT, "%.1f ms", micros / 1000);
  }

  private static String rounded(double value) {
    return Double.isNaN(value) ? "" : Long.toString(Math.round(value));
  }

  void write(Path file) throws IOException {
    measured.write(file);
  }
}
