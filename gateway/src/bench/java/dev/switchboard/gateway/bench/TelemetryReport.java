package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.bench.Comparison;
import dev.switchboard.bench.Interval;
import dev.switchboard.bench.MarkdownTable;
import dev.switchboard.bench.Samples;
import dev.switchboard.gateway.bench.RecordedRequest.Extent;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Stream;

/** What telemetry costs, as a Markdown table of pairs and what they are meant to reach. */
final class TelemetryReport {
  static final String NO_AGENT = "no agent";
  static final String AGENT_ALONE = "agent alone";
  static final String DEFAULTS = "agent and spans";
  static final String GOOD = collector(FakeCollector.Mood.GOOD);
  static final String DEAD = collector(FakeCollector.Mood.DEAD);
  static final String SLOW = collector(FakeCollector.Mood.SLOW);
  static final String FAILING = collector(FakeCollector.Mood.FAILING);
  static final String RING_ON = "engine with timeline";

  /** Tokens a second of the engine without its timeline and with it. */
  static final String DECODE = "engine, tokens/s";

  /** Microseconds of its first tokens, likewise. */
  static final String FIRST_TOKENS = "engine, first token";

  /** Of what became of spans. */
  static final String SPANS = "spans";

  static final List<String> SPAN_RESULTS = List.of("exported", "failed", "dropped");

  /** Of requests, the share whose spans the governor let be made at the end of a turn. */
  static final String TOLD = "told";

  /** Of what the spans of one request cost. */
  static final String ONE_REQUEST = "spans of one request";

  /** Of the thread that makes them, of processor time. */
  static final String MICROS = "us";

  /** That it allocates. */
  static final String KIB = "kib";

  static final String EXPORTER_MICROS = "exporter_us";

  private static final String RECORD = "timeline_record";

  private final Measurements measured;

  /**
   * One line: a quantity without and with something, and by how much it may change for the worse.
   *
   * @param limit in percent; not a number where there is none
   */
  private record Line(
      String what, String unit, Interval without, Interval with, Interval worse, double limit) {
    List<String> cells() {
      return List.of(
          what,
          without.text("%.0f") + " " + unit,
          with.text("%.0f") + " " + unit,
          worse.text("%+.1f") + " %",
          Double.isNaN(limit) ? "" : String.format(Locale.ROOT, "%.0f %%: %s", limit, verdict()));
    }

    /** Only what the whole interval says is said. */
    String verdict() {
      if (worse.high() <= limit) {
        return "reached";
      }
      return worse.low() > limit ? "MISSED" : "cannot be told";
    }

    ObjectNode json() {
      ObjectNode node = JsonNodeFactory.instance.objectNode();
      node.put("what", what);
      node.put("unit", unit);
      write(node.putObject("without"), without);
      write(node.putObject("with"), with);
      write(node.putObject("worse_percent"), worse);
      if (!Double.isNaN(limit)) {
        node.put("limit_percent", limit);
        node.put("verdict", verdict());
      }
      return node;
    }

    private static void write(ObjectNode node, Interval interval) {
      node.put("value", interval.value());
      if (interval.isKnown()) {
        node.put("low", interval.low());
        node.put("high", interval.high());
      }
    }
  }

  TelemetryReport(Measurements measured) {
    this.measured = measured;
  }

  /** What a gateway is called before such a collector. */
  static String collector(FakeCollector.Mood mood) {
    return mood.word() + " collector";
  }

  void print(PrintStream out) {
    out.println(measured.machine());
    out.println();
    List<List<String>> rows = lines().map(Line::cells).toList();
    if (!rows.isEmpty()) {
      MarkdownTable.print(
          out, List.of("what it costs", "without", "with", "worse by", "at most"), rows);
      out.println();
    }
    out.println("In brackets what 95 of 100 such measurements give.");
    Samples record = measured.of(RING_ON, RECORD, "ns");
    if (!record.isEmpty()) {
      out.println();
      out.printf(
          Locale.ROOT,
          "A rank's record: %.0f ns, wanted at most 250: %s%n",
          record.median(),
          record.median() <= 250 ? "reached" : "MISSED");
    }
    spans(out);
    oneRequest(out);
  }

  /** What a request is called whose spans tell so much. */
  static String toldAs(Extent told) {
    return switch (told) {
      case NOTHING -> "none: not of interest";
      case REQUEST -> "all but those of ranks";
      case RANKS -> "those of " + RecordedRequest.RANK_SPANS + " ranks too";
    };
  }

  /** Writes every sample, and each line with its intervals. */
  void write(Path file) throws IOException {
    ObjectNode root = measured.json();
    ArrayNode changes = root.putArray("changes");
    lines().map(Line::json).forEach(changes::add);
    Measurements.write(file, root);
  }

  private Stream<Line> lines() {
    String closed = Workload.CLOSED.label();
    List<Line> lines = new ArrayList<>();
    rate(lines, "the agent itself, requests/s", rates(NO_AGENT, AGENT_ALONE, closed), Double.NaN);
    latency(lines, "the agent itself", firstTokens(NO_AGENT, AGENT_ALONE), Double.NaN);
    rate(lines, "our spans, requests/s", rates(AGENT_ALONE, DEFAULTS, closed), 3);
    latency(lines, "our spans", firstTokens(AGENT_ALONE, DEFAULTS), Double.NaN);
    rate(lines, "the timeline, tokens/s", measured.comparison(DECODE), 1);
    latency(lines, "the timeline", measured.comparison(FIRST_TOKENS), 1);
    latency(lines, "a dead collector", firstTokens(GOOD, DEAD), 2);
    latency(lines, "a slow collector", firstTokens(GOOD, SLOW), 2);
    latency(lines, "a failing collector", firstTokens(GOOD, FAILING), 2);
    return lines.stream();
  }

  private Comparison rates(String without, String with, String load) {
    return measured.comparison(without, with, load, "per_second");
  }

  private Comparison firstTokens(String without, String with) {
    return measured.latencies(without, with, Workload.FIRST_TOKEN.label());
  }

  /** The less the worse. What happened to a whole round, or to both of a pair, is not a change. */
  private static void rate(List<Line> lines, String what, Comparison rates, double limit) {
    if (!rates.isEmpty()) {
      Interval worse = rates.pairedChange().negated();
      lines.add(new Line(what, "/s", rates.without(50), rates.with(50), worse, limit));
    }
  }

  /** The median has no limit; it tells where the tail begins. */
  private static void latency(List<Line> lines, String what, Comparison micros, double limit) {
    for (int percent : new int[] {50, 99}) {
      if (!micros.isEmpty()) {
        lines.add(
            new Line(
                what + ", first token p" + percent,
                "µs",
                micros.without(percent),
                micros.with(percent),
                micros.change(percent),
                percent == 99 ? limit : Double.NaN));
      }
    }
  }

  private void spans(PrintStream out) {
    List<List<String>> rows = new ArrayList<>();
    for (String server : measured.servers()) {
      if (!measured.of(server, SPANS, "exported").isEmpty()) {
        List<String> row = new ArrayList<>(List.of(server));
        SPAN_RESULTS.forEach(result -> row.add(spans(server, result)));
        row.add(String.format(Locale.ROOT, "%.3f", measured.of(server, SPANS, TOLD).median()));
        rows.add(row);
      }
    }
    if (!rows.isEmpty()) {
      out.println();
      List<String> heads = new ArrayList<>(List.of("spans"));
      heads.addAll(SPAN_RESULTS);
      heads.add("of requests, told");
      MarkdownTable.print(out, heads, rows);
    }
  }

  private void oneRequest(PrintStream out) {
    if (measured.of(toldAs(Extent.RANKS), ONE_REQUEST, MICROS).isEmpty()) {
      return;
    }
    List<List<String>> rows = new ArrayList<>();
    for (Extent told : Extent.values()) {
      rows.add(cells(toldAs(told), told.spans(), quantity -> cost(told, quantity)));
    }
    rows.add(cells("those of ranks alone", RecordedRequest.RANK_SPANS, this::ranksCost));
    out.println();
    MarkdownTable.print(
        out,
        List.of("spans of one request", "made", "its thread", "allocated there", "exporter"),
        rows);
  }

  private static List<String> cells(String what, int made, Function<String, Interval> costs) {
    return List.of(
        what,
        Integer.toString(made),
        costs.apply(MICROS).text("%.1f") + " µs",
        costs.apply(KIB).text("%.1f") + " KiB",
        costs.apply(EXPORTER_MICROS).text("%.1f") + " µs");
  }

  private Interval cost(Extent told, String quantity) {
    return measured
        .comparison(toldAs(Extent.NOTHING), toldAs(told), ONE_REQUEST, quantity)
        .with(50);
  }

  /** By which batches of the same round differ. */
  private Interval ranksCost(String quantity) {
    double[] without = measured.of(toldAs(Extent.REQUEST), ONE_REQUEST, quantity).values();
    double[] with = measured.of(toldAs(Extent.RANKS), ONE_REQUEST, quantity).values();
    Comparison difference = new Comparison();
    for (int round = 0; round < Math.min(without.length, with.length); round++) {
      difference.add(new double[] {without[round]}, new double[] {with[round] - without[round]});
    }
    return difference.with(50);
  }

  private String spans(String server, String result) {
    return number(measured.of(server, SPANS, result).median());
  }

  private static String number(double value) {
    return Long.toString(Math.round(value));
  }
}
