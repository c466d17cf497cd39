package dev.switchboard.gateway.dashboards;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A panel of the type {@code status-history}: a row for each series, coloured by its thresholds
 * over time, and at its end the newest value.
 */
final class StatusRows {
  private static final double LEAST_ROW = 11;
  private static final double MOST_ROW = 26;

  private final Panel panel;
  private final List<Series> series;

  StatusRows(Panel panel, PanelData data) {
    this.panel = panel;
    this.series = data.series();
  }

  Frame draw(Svg svg, double x, double y, double width, double height, Window window) {
    double labels = 0;
    for (Series one : series) {
      labels = Math.max(labels, Svg.width(one.label(), Look.SMALL));
    }
    labels = Math.min(labels, width / 3);
    Legend legend = new Legend(legend(), width, height);
    double bottom = y + height - legend.height() - 20;
    double row = Math.clamp((bottom - y - 4) / series.size(), LEAST_ROW, MOST_ROW);
    int shown = Math.min(series.size(), (int) ((bottom - y - 4) / row + 0.01));
    Frame frame = new Frame(x + labels + 8, y + 4, x + width - 52, bottom, window);
    frame.timeAxis(svg);
    for (int i = 0; i < shown; i++) {
      Series one = series.get(i);
      double top = frame.top() + i * row;
      double middle = top + row / 2 + 3.5;
      String name = Svg.fitting(one.label(), Look.SMALL, labels + 4);
      svg.text(frame.left() - 6, middle, "end", "l", name);
      cells(svg, frame, one.values(), top, row);
      double last = one.last();
      String value = Double.isNaN(last) ? "" : panel.text(last);
      svg.text(frame.right() + 6, middle, "start", "s", value);
    }
    legend.draw(svg, x, bottom + 18);
    if (shown < series.size()) {
      String more = "and " + (series.size() - shown) + " more";
      svg.text(x + width, bottom + 18 + Legend.ROW - 4, "end", "s", more);
    }
    return frame;
  }

  /** Neighbours of one colour are one cell. */
  private void cells(Svg svg, Frame frame, double[] values, double top, double row) {
    double half = (frame.right() - frame.left()) / (frame.window().points() - 1) / 2;
    Map<String, StringBuilder> paths = new LinkedHashMap<>();
    for (int from = 0; from < values.length; from++) {
      if (Double.isNaN(values[from])) {
        continue;
      }
      String color = panel.color(values[from]);
      int to = from;
      while (to + 1 < values.length
          && !Double.isNaN(values[to + 1])
          && panel.color(values[to + 1]).equals(color)) {
        to++;
      }
      double left = Math.max(frame.left(), frame.xOf(from) - half);
      double right = Math.min(frame.right(), frame.xOf(to) + half);
      paths
          .computeIfAbsent(color, name -> new StringBuilder())
          .append('M')
          .append(Svg.number(left))
          .append(' ')
          .append(Svg.number(top + 1))
          .append('H')
          .append(Svg.number(right))
          .append('v')
          .append(Svg.number(row - 2))
          .append('H')
          .append(Svg.number(left))
          .append('z');
      from = to;
    }
    paths.forEach(
        (color, path) ->
            svg.path(path, "fill=\"" + Look.threshold(color) + "\" fill-opacity=\".85\""));
  }

  private List<Legend.Entry> legend() {
    List<Legend.Entry> entries = new ArrayList<>();
    List<Panel.Threshold> steps = panel.thresholds();
    for (int i = 0; i < steps.size() && steps.size() > 1; i++) {
      Panel.Threshold step = steps.get(i);
      double to = i + 1 < steps.size() ? steps.get(i + 1).from() : Double.POSITIVE_INFINITY;
      entries.add(new Legend.Entry(meaning(step.from(), to), Look.threshold(step.color()), ""));
    }
    return entries;
  }

  /** What one colour stands for: its states, or the values it has. */
  private String meaning(double from, double to) {
    if (!panel.words().isEmpty()) {
      return String.join(", ", panel.words().subMap(from, to).values());
    }
    return from == Double.NEGATIVE_INFINITY
        ? "below " + panel.text(to)
        : "from " + panel.text(from);
  }
}
