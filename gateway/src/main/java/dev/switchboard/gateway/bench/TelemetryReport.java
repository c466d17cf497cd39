package dev.switchboard.gateway.bench;

import dev.switchboard.bench.MarkdownTable;
import dev.switchboard.bench.Samples;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** What telemetry costs, as a Markdown table of pairs and what they are meant to reach. */
final class TelemetryReport {
  static final String NO_AGENT = "no agent";
  static final String AGENT_ALONE = "agent alone";
  static final String DEFAULTS = "agent and spans";
  static final String GOOD = "good collector";
  static final String DEAD = "dead collector";
  static final String SLOW = "slow collector";
  static final String FAILING = "failing collector";
  static final String RING_OFF = "engine without timeline";
  static final String RING_ON = "engine with timeline";

  /** Of the engine's runs. */
  static final String ENGINE = "engine";

  /** Of what became of spans. */
  static final String SPANS = "spans";

  private static final String RECORD = "timeline_record";

  private final Measurements measured;

  /**
   * One line: a quantity without and with something, and by how much it may change for the worse.
   */
  private record Line(
      String what, String unit, double without, double with, double changePercent, double limit) {
    boolean wasMeasured() {
      return !Double.isNaN(changePercent);
    }

    List<String> cells() {
      return List.of(
          what,
          number(without) + " " + unit,
          number(with) + " " + unit,
          String.format(Locale.ROOT, "%+.1f %%", changePercent),
          Double.isNaN(limit)
              ? ""
              : String.format(
                  Locale.ROOT,
                  "%.0f %%: %s",
                  limit,
                  changePercent <= limit ? "reached" : "MISSED"));
    }
  }

  TelemetryReport(Measurements measured) {
    this.measured = measured;
  }

  void print(PrintStream out) {
    out.println(measured.machine());
    out.println();
    MarkdownTable.print(
        out,
        List.of("what it costs", "without", "with", "worse by", "at most"),
        lines().filter(Line::wasMeasured).map(Line::cells).toList());
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
  }

  private Stream<Line> lines() {
    String closed = Workload.CLOSED.label();
    String first = Workload.FIRST_TOKEN.label();
    return Stream.of(
        lower("the agent itself, requests/s", NO_AGENT, AGENT_ALONE, closed, Double.NaN),
        higher("the agent itself, first token p99", NO_AGENT, AGENT_ALONE, first, Double.NaN),
        lower("our spans, requests/s", AGENT_ALONE, DEFAULTS, closed, 3),
        higher("our spans, first token p99", AGENT_ALONE, DEFAULTS, first, Double.NaN),
        lower("the timeline, tokens/s", RING_OFF, RING_ON, ENGINE, 1),
        ringTtft(),
        higher("a dead collector, first token p99", GOOD, DEAD, first, 2),
        higher("a slow collector, first token p99", GOOD, SLOW, first, 2),
        higher("a failing collector, first token p99", GOOD, FAILING, first, 2));
  }

  /** Of a rate: the less the worse. */
  private Line lower(String what, String without, String with, String load, double limit) {
    Samples before = measured.of(without, load, "per_second");
    Samples after = measured.of(with, load, "per_second");
    return new Line(
        what, "/s", before.median(), after.median(), -changePercent(before, after), limit);
  }

  private Line higher(String what, String without, String with, String load, double limit) {
    Samples before = measured.of(without, load, "p99_us");
    Samples after = measured.of(with, load, "p99_us");
    return new Line(
        what, "µs", before.median(), after.median(), changePercent(before, after), limit);
  }

  /** A run of the engine has one first token, so the percentile is that of all runs. */
  private Line ringTtft() {
    double without = p99(measured.of(RING_OFF, ENGINE, "ttft_us"));
    double with = p99(measured.of(RING_ON, ENGINE, "ttft_us"));
    return new Line(
        "the timeline, first token p99", "µs", without, with, (with / without - 1) * 100, 1);
  }

  /** The median of the rounds' own changes: what happened to a whole round is not one of them. */
  private static double changePercent(Samples before, Samples after) {
    Samples changes = new Samples();
    for (int i = 0; i < Math.min(before.values().length, after.values().length); i++) {
      changes.add((after.values()[i] / before.values()[i] - 1) * 100);
    }
    return changes.median();
  }

  private static double p99(Samples samples) {
    double[] sorted = samples.values();
    if (sorted.length == 0) {
      return Double.NaN;
    }
    Arrays.sort(sorted);
    return sorted[(int) Math.ceil(sorted.length * 0.99) - 1];
  }

  private void spans(PrintStream out) {
    List<List<String>> rows = new ArrayList<>();
    for (String server : measured.servers()) {
      if (!measured.of(server, SPANS, "exported").isEmpty()) {
        rows.add(
            List.of(
                server,
                spans(server, "exported"),
                spans(server, "failed"),
                spans(server, "dropped")));
      }
    }
    if (!rows.isEmpty()) {
      out.println();
      MarkdownTable.print(out, List.of("spans", "exported", "failed", "dropped"), rows);
    }
  }

  private String spans(String server, String result) {
    return number(measured.of(server, SPANS, result).median());
  }

  private static String number(double value) {
    return Long.toString(Math.round(value));
  }
}
