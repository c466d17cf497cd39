package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.bench.MarkdownTable;
import dev.switchboard.bench.Samples;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Every sample, shown as a Markdown table of medians and written as JSON. */
final class GatewayReport {
  private static final String DIRECT = "direct";

  private final String machine;
  private final Map<String, Map<Workload, Map<String, Samples>>> results = new LinkedHashMap<>();

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
    this.machine = machine;
  }

  void add(String target, Workload workload, Map<String, Double> values) {
    Map<String, Samples> samples =
        results
            .computeIfAbsent(target, first -> new EnumMap<>(Workload.class))
            .computeIfAbsent(workload, first -> new LinkedHashMap<>());
    values.forEach(
        (name, value) -> samples.computeIfAbsent(name, first -> new Samples()).add(value));
  }

  void print(PrintStream out) {
    out.println(machine);
    out.println();
    List<List<String>> rows = new ArrayList<>();
    results.keySet().forEach(target -> rows.add(cells(target)));
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
    for (String target : results.keySet()) {
      if (target.startsWith("gateway")) {
        out.println();
        out.println(target + ":");
        goals(target).stream()
            .filter(goal -> !Double.isNaN(goal.value()))
            .forEach(goal -> out.println("- " + goal.verdict()));
      }
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
    return List.of(
        goal("added to an answer, p50, us", target, Workload.LATENCY, "p50_us", 150),
        goal("added to an answer, p99, us", target, Workload.LATENCY, "p99_us", 2000),
        goal("added to the first token, p50, us", target, Workload.FIRST_TOKEN, "p50_us", 150),
        goal("added to the first token, p99, us", target, Workload.FIRST_TOKEN, "p99_us", 2000),
        new Goal("requests per second", 6000, true, value(target, Workload.CLOSED, "per_second")),
        goal(
            "added to the gap between tokens, p99, us", target, Workload.STREAMS, "p99_us", 10_000),
        new Goal("CPU per token, us", 20, false, value(target, Workload.STREAMS, "cpu_us")),
        new Goal(
            "CPU of 100k tokens, us",
            50_000,
            false,
            value(target, Workload.LONG_PROMPT, "cpu_us")));
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
    Samples samples =
        results.getOrDefault(target, Map.of()).getOrDefault(workload, Map.of()).get(name);
    return samples == null ? Double.NaN : samples.median();
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

  /** Every sample, so that other statistics than medians can be made later. */
  void write(Path file) throws IOException {
    ObjectMapper json = new ObjectMapper();
    ObjectNode root = json.createObjectNode();
    root.put("machine", machine);
    results.forEach(
        (target, workloads) -> {
          ObjectNode server = root.withObject("/servers").putObject(target);
          workloads.forEach((workload, samples) -> write(server, workload, samples));
        });
    json.writerWithDefaultPrettyPrinter().writeValue(file.toFile(), root);
  }

  private static void write(ObjectNode server, Workload workload, Map<String, Samples> samples) {
    ObjectNode node = server.putObject(workload.name().toLowerCase(Locale.ROOT));
    samples.forEach(
        (name, values) -> {
          ObjectNode quantity = node.putObject(name);
          quantity.put("median", values.median());
          for (double value : values.values()) {
            quantity.withArray("samples").add(value);
          }
        });
  }
}
