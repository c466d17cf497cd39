package dev.switchboard.gateway.dashboards;

import java.util.List;

/** The newest values alone: panels of the types {@code stat} and {@code bargauge}. */
final class Figures {
  private static final double MOST_ROW = 34;

  private final Panel panel;
  private final List<Series> series;

  Figures(Panel panel, PanelData data) {
    this.panel = panel;
    this.series = data.series().stream().filter(one -> !Double.isNaN(one.last())).toList();
  }

  /** Each as a large number with its name below. */
  void stats(Svg svg, double x, double y, double width, double height) {
    double row = height / series.size();
    boolean small = row < 52;
    for (int i = 0; i < series.size(); i++) {
      Series one = series.get(i);
      double middle = y + row * (i + 0.5);
      String name = Svg.fitting(one.label(), 11, width);
      if (small) {
        svg.text(x, middle + 4, "start", "d", name);
        svg.text(x + width, middle + 4, "end", "t", value(one.last()), color(one.last()));
      } else {
        svg.text(x + width / 2, middle, "middle", "b", value(one.last()), color(one.last()));
        svg.text(x + width / 2, middle + 20, "middle", "d", name);
      }
    }
  }

  /** Each as a bar up to the whole. */
  void bars(Svg svg, double x, double y, double width, double height) {
    double row = Math.min(MOST_ROW, height / series.size());
    double whole = Double.isNaN(panel.max()) ? 1 : panel.max();
    double bar = width - 60;
    for (int i = 0; i < series.size(); i++) {
      Series one = series.get(i);
      double top = y + row * i;
      double share = Math.clamp(one.last() / whole, 0, 1);
      svg.text(x, top + 11, "start", "l", one.label());
      svg.rect(x, top + 16, bar, 11, "rx=\"2\" fill=\"#eaeef2\"");
      String color = Look.threshold(panel.color(one.last()));
      svg.rect(x, top + 16, bar * share, 11, "rx=\"2\" fill=\"" + color + "\"");
      svg.text(x + width, top + 25, "end", "t", value(one.last()));
    }
  }

  /** Of the threshold that a value is at; the text's own where there is none. */
  private String color(double value) {
    return panel.thresholds().isEmpty() ? "" : Look.threshold(panel.color(value));
  }

  private String value(double value) {
    if (panel.unit().equals("bool")) {
      return value == 0 ? "no" : "yes";
    }
    return Scale.of(panel.unit(), value).text(value);
  }
}
