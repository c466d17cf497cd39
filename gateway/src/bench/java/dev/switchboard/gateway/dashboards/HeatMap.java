package dev.switchboard.gateway.dashboards;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * A panel of the type {@code heatmap} over a histogram's classic buckets: a row is a bucket, a cell
 * the requests of one time in it, a diamond a request whose trace is kept.
 */
final class HeatMap {
  private static final double LEAST_LABEL_PIXELS = 11;

  private final Panel panel;
  private final List<Series> buckets;
  private final List<Exemplar> exemplars;
  private final double[][] cells;
  private int lowest;
  private int highest;
  private double most;

  HeatMap(Panel panel, PanelData data) {
    this.panel = panel;
    this.exemplars = data.exemplars();
    this.buckets = new ArrayList<>(data.series());
    buckets.sort(Comparator.comparingDouble(Series::bound));
    this.cells = new double[buckets.size()][];
    count();
  }

  /** Buckets hold those below them too; only what they add is theirs. */
  private void count() {
    lowest = buckets.size();
    highest = -1;
    for (int row = 0; row < buckets.size(); row++) {
      double[] own = buckets.get(row).values().clone();
      for (int i = 0; i < own.length; i++) {
        double below = row == 0 ? 0 : buckets.get(row - 1).values()[i];
        own[i] = Double.isNaN(below) ? own[i] : own[i] - below;
        if (own[i] > 1e-9) {
          lowest = Math.min(lowest, row);
          highest = Math.max(highest, row);
          most = Math.max(most, own[i]);
        }
      }
      cells[row] = own;
    }
    lowest = Math.max(0, Math.min(lowest, buckets.size() - 1) - 1);
    highest = Math.min(buckets.size() - 1, Math.max(highest, lowest) + 1);
  }

  Frame draw(Svg svg, double x, double y, double width, double height, Window window) {
    Frame frame = new Frame(x + 58, y + 4, x + width - 2, y + height - 20 - Legend.ROW, window);
    double row = (frame.bottom() - frame.top()) / (highest - lowest + 1);
    frame.timeAxis(svg);
    int each = (int) Math.ceil(LEAST_LABEL_PIXELS / row);
    for (int i = lowest; i <= highest; i++) {
      if ((i - lowest) % each == 0) {
        double middle = frame.bottom() - (i - lowest + 0.5) * row;
        svg.text(frame.left() - 5, middle + 3.5, "end", "s", name(i));
      }
    }
    cells(svg, frame, row);
    exemplars(svg, frame, row);
    legend(svg, x, frame.bottom() + 18);
    return frame;
  }

  private String name(int row) {
    double bound = buckets.get(row).bound();
    if (Double.isInfinite(bound)) {
      double last = buckets.get(row - 1).bound();
      return "> " + Scale.of(panel.unit(), last).text(last);
    }
    return "≤ " + Scale.of(panel.unit(), bound).text(bound);
  }

  /** One path for each colour, which keeps the file small. */
  private void cells(Svg svg, Frame frame, double row) {
    StringBuilder[] paths = new StringBuilder[Look.HEAT.size()];
    double step = (frame.right() - frame.left()) / (frame.window().points() - 1);
    for (int i = lowest; i <= highest; i++) {
      for (int point = 1; point < cells[i].length; point++) {
        if (cells[i][point] > 1e-9) {
          int level = level(cells[i][point]);
          if (paths[level] == null) {
            paths[level] = new StringBuilder();
          }
          paths[level]
              .append('M')
              .append(Svg.number(frame.xOf(point) - step))
              .append(' ')
              .append(Svg.number(frame.bottom() - (i - lowest + 1) * row))
              .append('h')
              .append(Svg.number(step - 0.6))
              .append('v')
              .append(Svg.number(row - 1))
              .append('h')
              .append(Svg.number(0.6 - step))
              .append('z');
        }
      }
    }
    for (int level = 0; level < paths.length; level++) {
      if (paths[level] != null) {
        svg.path(paths[level], "fill=\"" + Look.HEAT.get(level) + "\"");
      }
    }
  }

  private int level(double value) {
    int levels = Look.HEAT.size();
    // The root spreads the few of a tail over more colours than their share would have.
    return Math.clamp((int) (Math.sqrt(value / most) * levels), 0, levels - 1);
  }

  private void exemplars(Svg svg, Frame frame, double row) {
    StringBuilder marks = new StringBuilder();
    for (Exemplar exemplar : exemplars) {
      double x = frame.x(exemplar.at());
      int bucket = bucket(exemplar.value());
      if (x >= frame.left() && x <= frame.right() && bucket >= lowest && bucket <= highest) {
        double y = frame.bottom() - (bucket - lowest + within(bucket, exemplar.value())) * row;
        marks.append(diamond(x, y));
      }
    }
    svg.path(marks, "fill=\"#0550ae\" stroke=\"#fff\" stroke-width=\".7\"");
  }

  private static String diamond(double x, double y) {
    return "M" + Svg.number(x) + " " + Svg.number(y - 3.5) + "l3.5 3.5l-3.5 3.5l-3.5-3.5z";
  }

  private int bucket(double value) {
    for (int i = 0; i < buckets.size(); i++) {
      if (value <= buckets.get(i).bound()) {
        return i;
      }
    }
    return buckets.size();
  }

  private double within(int bucket, double value) {
    double low = bucket == 0 ? 0 : buckets.get(bucket - 1).bound();
    double high = buckets.get(bucket).bound();
    return Double.isInfinite(high) ? 0.5 : Math.clamp((value - low) / (high - low), 0.15, 0.85);
  }

  private void legend(Svg svg, double x, double top) {
    double y = top + Legend.ROW - 4;
    svg.text(x, y, "start", "l", "each second");
    double at = x + Svg.width("each second", Look.SMALL) + 6;
    for (String color : Look.HEAT) {
      svg.rect(at, y - 8, 14, 9, "fill=\"" + color + "\"");
      at += 15;
    }
    String scale = "up to " + Scale.of("short", most).text(most);
    svg.text(at + 4, y, "start", "l", scale);
    at += Svg.width(scale, Look.SMALL) + 20;
    if (!exemplars.isEmpty()) {
      svg.path(diamond(at + 4, y - 3.5), "fill=\"#0550ae\"");
      svg.text(at + 12, y, "start", "l", "request whose trace is kept");
    }
  }
}
