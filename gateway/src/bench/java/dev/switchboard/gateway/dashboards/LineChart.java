package dev.switchboard.gateway.dashboards;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A panel of the type {@code timeseries}. */
final class LineChart {
  /** More areas on each other are but grey. */
  private static final int MOST_FILLED = 3;

  private final Panel panel;
  private final List<Series> told;
  private final List<Series> series;
  private final List<Legend.Entry> entries;

  LineChart(Panel panel, PanelData data) {
    this.panel = panel;
    this.told = panel.stacked() ? bySize(data.series()) : data.series();
    this.entries = legend(told);
    this.series = panel.stacked() ? stacked(told) : told;
  }

  /** The largest come first, so that they have the colours that are told apart; lines come last. */
  private static List<Series> bySize(List<Series> series) {
    return series.stream()
        .sorted(Comparator.comparing(Series::alone).thenComparingDouble(one -> -one.sum()))
        .toList();
  }

  /** Each with those before it under it; a gap counts as nothing there. */
  private static List<Series> stacked(List<Series> series) {
    List<Series> stacked = new ArrayList<>();
    double[] below = null;
    for (Series one : series) {
      if (one.alone()) {
        stacked.add(one);
        continue;
      }
      double[] sum = one.values().clone();
      for (int i = 0; i < sum.length; i++) {
        double under = below == null ? 0 : below[i];
        sum[i] = Double.isNaN(sum[i]) ? under : under + sum[i];
      }
      stacked.add(new Series(one.label(), false, one.bound(), sum));
      below = sum;
    }
    return stacked;
  }

  Frame draw(Svg svg, double x, double y, double width, double height, Window window) {
    Legend legend = new Legend(entries, width, height);
    double least = Math.min(or(panel.min(), least()), least());
    double most = Math.max(or(panel.max(), most()), most());
    if (!(most > least)) {
      most = least + Math.max(1, Math.abs(least));
    }
    Scale scale = Scale.of(panel.unit(), most);
    List<Double> ticks = scale.ticks(least, most);
    double labels = 0;
    for (double tick : ticks) {
      labels = Math.max(labels, Svg.width(scale.text(tick), Look.SMALL));
    }
    double bottom = y + height - legend.height() - 20;
    Frame frame = new Frame(x + labels + 8, y + 4, x + width - 2, bottom, window);
    frame.timeAxis(svg);
    frame.valueAxis(svg, scale, ticks);
    // The upper areas of a stack lie behind the lower ones, its lines before all.
    for (int i = series.size() - 1; i >= 0; i--) {
      if (stacks(i) && !told.get(i).isNothing()) {
        line(svg, frame, i, ticks.getFirst(), ticks.getLast());
      }
    }
    for (int i = series.size() - 1; i >= 0; i--) {
      if (!stacks(i)) {
        line(svg, frame, i, ticks.getFirst(), ticks.getLast());
      }
    }
    thresholds(svg, frame, ticks.getFirst(), ticks.getLast());
    legend.draw(svg, x, bottom + 18);
    return frame;
  }

  /** What is always 0 comes last: there may be no room to name all. */
  private static List<Legend.Entry> legend(List<Series> told) {
    List<Legend.Entry> entries = new ArrayList<>();
    List<Legend.Entry> nothing = new ArrayList<>();
    for (int i = 0; i < told.size(); i++) {
      Series one = told.get(i);
      (one.isNothing() ? nothing : entries)
          .add(new Legend.Entry(one.label(), Look.color(i), Look.dash(i)));
    }
    entries.addAll(nothing);
    return entries;
  }

  private void line(Svg svg, Frame frame, int index, double least, double most) {
    double[] values = series.get(index).values();
    StringBuilder line = new StringBuilder();
    StringBuilder area = new StringBuilder();
    double base = frame.y(Math.clamp(0, least, most), least, most);
    for (int from = 0; from < values.length; from++) {
      if (Double.isNaN(values[from])) {
        continue;
      }
      int to = from;
      while (to + 1 < values.length && !Double.isNaN(values[to + 1])) {
        to++;
      }
      StringBuilder run = new StringBuilder();
      for (int i = from; i <= to; i++) {
        run.append(i == from ? "M" : i == from + 1 ? "L" : " ");
        run.append(Svg.number(frame.xOf(i))).append(' ');
        run.append(Svg.number(frame.y(values[i], least, most)));
      }
      // Without a neighbour there is no line: a short one stands for the point.
      line.append(run).append(from == to ? "h2" : "");
      area.append(run).append('V').append(Svg.number(base));
      area.append('H').append(Svg.number(frame.xOf(from))).append('Z');
      from = to;
    }
    String color = Look.color(index);
    String dash = Look.dash(index);
    if (stacks(index)) {
      // A reader sees no area through another.
      svg.path(area, "fill=\"#fff\"");
      svg.path(area, "fill=\"" + color + "\" fill-opacity=\".4\"");
    } else if (!panel.stacked() && series.size() <= MOST_FILLED) {
      svg.path(area, "fill=\"" + color + "\" fill-opacity=\".08\"");
    }
    svg.path(
        line,
        "fill=\"none\" stroke=\""
            + color
            + "\" stroke-width=\"1.5\" stroke-linejoin=\"round\""
            + (dash.isEmpty() ? "" : " stroke-dasharray=\"" + dash + "\""));
  }

  private boolean stacks(int index) {
    return panel.stacked() && !series.get(index).alone();
  }

  /** Where the colour changes, as far as the axis shows it. */
  private void thresholds(Svg svg, Frame frame, double least, double most) {
    for (Panel.Threshold step : panel.thresholds()) {
      if (step.from() > least && step.from() <= most) {
        svg.path(
            "M"
                + Svg.number(frame.left())
                + " "
                + Svg.number(frame.y(step.from(), least, most))
                + "H"
                + Svg.number(frame.right()),
            "stroke=\"" + Look.threshold(step.color()) + "\" stroke-dasharray=\"6 4\"");
      }
    }
  }

  private double least() {
    double least = Double.POSITIVE_INFINITY;
    for (Series one : series) {
      for (double value : one.values()) {
        least = value < least ? value : least;
      }
    }
    return least;
  }

  private double most() {
    double most = Double.NEGATIVE_INFINITY;
    for (Series one : series) {
      for (double value : one.values()) {
        most = value > most ? value : most;
      }
    }
    return most;
  }

  private static double or(double value, double other) {
    return Double.isNaN(value) ? other : value;
  }
}
