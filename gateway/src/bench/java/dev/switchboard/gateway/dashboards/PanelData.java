package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** What a panel shows. */
record PanelData(List<Series> series, List<Exemplar> exemplars) {

  static PanelData of(Panel panel, PrometheusApi prometheus, Window window, int scrapeSeconds)
      throws IOException {
    List<Series> series = new ArrayList<>();
    List<Exemplar> exemplars = new ArrayList<>();
    for (Panel.Target target : panel.targets()) {
      String expression = target.asked(scrapeSeconds);
      List<Series> found = new ArrayList<>();
      for (JsonNode one : prometheus.range(expression, window)) {
        found.add(series(target, one, window));
      }
      found.sort(Comparator.comparing(Series::label));
      series.addAll(found);
      if (panel.type().equals("heatmap")) {
        exemplars.addAll(exemplars(prometheus.exemplars(expression, window.from(), window.to())));
      }
    }
    return new PanelData(series, exemplars);
  }

  private static Series series(Panel.Target target, JsonNode one, Window window) {
    double[] values = new double[window.points()];
    Arrays.fill(values, Double.NaN);
    for (JsonNode point : one.path("values")) {
      long at = Math.round((point.path(0).asDouble() - window.from()) / window.step());
      double value = number(point.path(1).asText());
      if (at >= 0 && at < values.length && Double.isFinite(value)) {
        values[(int) at] = value;
      }
    }
    JsonNode labels = one.path("metric");
    double bound = labels.has("le") ? number(labels.path("le").asText()) : Double.NaN;
    return new Series(target.label(labels), target.alone(), bound, values);
  }

  private static List<Exemplar> exemplars(JsonNode found) {
    List<Exemplar> exemplars = new ArrayList<>();
    for (JsonNode series : found) {
      for (JsonNode exemplar : series.path("exemplars")) {
        exemplars.add(
            new Exemplar(
                exemplar.path("timestamp").asDouble(), number(exemplar.path("value").asText())));
      }
    }
    return exemplars;
  }

  /** Prometheus writes the infinities in its own way. */
  private static double number(String text) {
    return switch (text) {
      case "+Inf" -> Double.POSITIVE_INFINITY;
      case "-Inf" -> Double.NEGATIVE_INFINITY;
      default -> Double.parseDouble(text);
    };
  }

  boolean isEmpty() {
    return series.stream().allMatch(one -> Double.isNaN(one.last()));
  }
}
