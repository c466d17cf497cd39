package dev.switchboard.console.fleet;

import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import dev.switchboard.console.live.History;
import dev.switchboard.console.live.Ring;
import dev.switchboard.console.ui.LineChart;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.SpanChoice;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * The fleet over time, of all models together and by service class: from the console's own points,
 * or from Prometheus where a longer span is chosen.
 */
final class FleetCharts extends Div {
  private final LineChart traffic = new LineChart("Requests per second", "/s");
  private final LineChart latency = new LineChart("First token", "ms");
  private final LineChart output = new LineChart("Tokens per second", "/s");
  private final LineChart attainment = new LineChart("Objectives met, by service class", "%");
  private final LineChart classTraffic = new LineChart("Requests per second, by class", "/s");
  private final LineChart classQueue = new LineChart("Time in the queue, p95, by class", "ms");
  private final LineChart classGoodput = new LineChart("Goodput, requests, by class", "/s");
  private final LineChart classTokens = new LineChart("Goodput, tokens, by class", "/s");
  private final List<LineChart> all =
      List.of(
          traffic,
          latency,
          output,
          attainment,
          classTraffic,
          classQueue,
          classGoodput,
          classTokens);
  private final Span note = Parts.text("sb-muted sb-small", "");
  private final Div halves =
      Parts.box(
          "sb-halves",
          Parts.card("Requests per second", traffic),
          Parts.card("First token, ms", latency),
          Parts.card("Tokens per second", output),
          Parts.card("Objectives met", attainment));
  private final FleetPresenter presenter;
  private final SpanChoice span;

  FleetCharts(FleetPresenter presenter, SpanChoice span) {
    this.presenter = presenter;
    this.span = span;
    addClassName("sb-stack");
    add(note, halves);
  }

  /** Those by class, which come after the page. */
  void addClasses() {
    halves.add(
        Parts.card("Requests per second, by class", classTraffic),
        Parts.card("Time in the queue, p95, by class, ms", classQueue),
        Parts.card("Goodput by class, requests per second", classGoodput),
        Parts.card("Goodput by class, tokens per second", classTokens));
  }

  /** Has all be drawn whole, since earlier points may be others. */
  void again() {
    all.forEach(LineChart::again);
  }

  /** Has nothing be drawn of another span than the one that is chosen now. */
  void clear() {
    all.forEach(LineChart::clear);
  }

  /** Draws what is known now. */
  void show() {
    boolean longer = span.longer() && !presenter.past();
    note.setVisible(longer);
    if (longer) {
      showLonger();
      return;
    }
    show(
        traffic,
        List.of(
            total("requests", "1", "requests"),
            total("goodput", "good", "good_requests"),
            total("errors", "bad", "errors")));
    show(latency, List.of(worst("p95", "1", "ttft_p95"), worst("median", "2", "ttft_p50")));
    show(
        output,
        List.of(
            total("generated", "1", "tokens_completion"),
            total("goodput", "good", "good_tokens"),
            total("read", "3", "tokens_prompt")));
    show(attainment, classes(name -> presenter.attainment(name, Ring.SLOTS)));
    show(classTraffic, classes(name -> presenter.ofClass(name, "requests", Ring.SLOTS)));
    show(classQueue, classes(name -> presenter.worstOfClass(name, "queue_p95", Ring.SLOTS)));
    show(classGoodput, classes(name -> presenter.ofClass(name, "good_requests", Ring.SLOTS)));
    show(classTokens, classes(name -> presenter.ofClass(name, "good_tokens", Ring.SLOTS)));
  }

  private void show(LineChart chart, List<LineChart.Line> lines) {
    if (chart.isAttached()) {
      chart.show(presenter.newestSeconds(), Ring.STEP_SECONDS, lines);
    }
  }

  private LineChart.Line total(String name, String tone, String what) {
    return new LineChart.Line(name, tone, presenter.total(what, Ring.SLOTS));
  }

  private LineChart.Line worst(String name, String tone, String what) {
    return new LineChart.Line(name, tone, presenter.worst(what, Ring.SLOTS));
  }

  private List<LineChart.Line> classes(Function<String, float[]> points) {
    List<LineChart.Line> lines = new ArrayList<>();
    for (String name : presenter.classNames()) {
      lines.add(new LineChart.Line(name, "" + (lines.size() + 1), points.apply(name)));
    }
    return lines;
  }

  /** What Prometheus has, over all gateways that it scrapes. */
  private void showLonger() {
    Set<String> failures = new LinkedHashSet<>();
    failures.add(
        span.show(
            traffic,
            List.of(
                asked("requests", "1", "sum(rate(switchboard_requests_total[RATE]))"),
                asked("goodput", "good", "sum(rate(switchboard_slo_good_requests_total[RATE]))"),
                asked(
                    "errors",
                    "bad",
                    "sum(rate(switchboard_requests_total{outcome!~\"ok|client_gone\"}[RATE]))"))));
    failures.add(
        span.show(latency, List.of(quantile("p95", "1", "0.95"), quantile("median", "2", "0.5"))));
    failures.add(
        span.show(
            output,
            List.of(
                tokens("generated", "1", "completion"),
                asked("goodput", "good", "sum(rate(switchboard_slo_good_tokens_total[RATE]))"),
                tokens("read", "3", "prompt"))));
    failures.add(span.show(attainment, byClass(FleetCharts::attainment)));
    failures.addAll(longerByClass());
    failures.remove("");
    Parts.set(
        note,
        failures.isEmpty()
            ? "The charts are of Prometheus, " + span.getValue().title()
            : "Prometheus does not answer: " + String.join("; ", failures));
  }

  private List<String> longerByClass() {
    return List.of(
        span.show(classTraffic, byClass(c -> rate("switchboard_request_seconds_count", c))),
        span.show(
            classQueue,
            byClass(
                c ->
                    "1000 * histogram_quantile(0.95, sum by (le) (rate("
                        + "switchboard_queue_seconds_bucket{"
                        + c
                        + "}[RATE])))")),
        span.show(classGoodput, byClass(c -> rate("switchboard_slo_good_requests_total", c))),
        span.show(classTokens, byClass(c -> rate("switchboard_slo_good_tokens_total", c))));
  }

  private static SpanChoice.Asked asked(String name, String tone, String query) {
    return new SpanChoice.Asked(name, tone, query);
  }

  private static SpanChoice.Asked quantile(String name, String tone, String share) {
    return asked(
        name,
        tone,
        "1000 * max(histogram_quantile("
            + share
            + ", sum by (le, model) (rate(switchboard_ttft_seconds_bucket[RATE]))))");
  }

  private static SpanChoice.Asked tokens(String name, String tone, String direction) {
    return asked(
        name, tone, "sum(rate(switchboard_tokens_total{direction=\"" + direction + "\"}[RATE]))");
  }

  private static String rate(String metric, String wanted) {
    return "sum(rate(" + metric + "{" + wanted + "}[RATE]))";
  }

  /** Of the objectives of a class that which was met least. */
  private static String attainment(String wanted) {
    String all = "sum by (objective) (rate(switchboard_slo_requests_total{" + wanted;
    return "min(" + all + ",result=\"met\"}[RATE])) / " + all + "}[RATE])))";
  }

  private List<SpanChoice.Asked> byClass(Function<String, String> query) {
    List<SpanChoice.Asked> lines = new ArrayList<>();
    for (String name : presenter.classNames()) {
      String wanted = "class=" + History.quoted(name);
      lines.add(asked(name, "" + (lines.size() + 1), query.apply(wanted)));
    }
    return lines;
  }
}
