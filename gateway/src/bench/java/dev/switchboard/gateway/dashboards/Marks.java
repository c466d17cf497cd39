package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What a dashboard marks on every panel over time: its annotations.
 *
 * @param at epoch seconds at which something began
 */
record Marks(String name, String color, List<Double> at) {

  static List<Marks> of(
      JsonNode dashboard, PrometheusApi prometheus, Window window, int scrapeSeconds)
      throws IOException {
    List<Marks> marks = new ArrayList<>();
    for (JsonNode annotation : dashboard.at("/annotations/list")) {
      String expression =
          new Panel.Target(annotation.path("expr").asText(), "", true).asked(scrapeSeconds);
      List<Double> at = new ArrayList<>();
      for (JsonNode series : prometheus.range(expression, window)) {
        at.addAll(beginnings(series.path("values"), window.step()));
      }
      marks.add(
          new Marks(annotation.path("name").asText(), annotation.path("iconColor").asText(), at));
    }
    return marks;
  }

  /** Times of the points that have none just before them. */
  static List<Double> beginnings(JsonNode points, int step) {
    List<Double> beginnings = new ArrayList<>();
    double last = Double.NEGATIVE_INFINITY;
    for (JsonNode point : points) {
      double time = point.path(0).asDouble();
      if (time - last > 1.5 * step) {
        beginnings.add(time);
      }
      last = time;
    }
    return beginnings;
  }

  /** A thin line for each from the top of a panel's field to its bottom. */
  void draw(Svg svg, Frame frame) {
    StringBuilder lines = new StringBuilder();
    for (double time : at) {
      double x = frame.x(time);
      if (x >= frame.left() && x <= frame.right()) {
        lines.append('M').append(Svg.number(x)).append(' ').append(Svg.number(frame.top()));
        lines.append('V').append(Svg.number(frame.bottom()));
      }
    }
    svg.path(lines, "class=\"" + color + "\"");
  }
}
