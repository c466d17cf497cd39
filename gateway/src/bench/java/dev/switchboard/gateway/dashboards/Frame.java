package dev.switchboard.gateway.dashboards;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;

/** The field of a panel in which values stand over time: its place, and its axes. */
record Frame(double left, double top, double right, double bottom, Window window) {
  private static final DateTimeFormatter SECONDS =
      DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter MINUTES =
      DateTimeFormatter.ofPattern("HH:mm", Locale.ROOT).withZone(ZoneOffset.UTC);
  private static final int[] STEPS = {
    5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400
  };
  private static final double LABEL_PIXELS = 72;

  double x(double epochSeconds) {
    return left + (epochSeconds - window.from()) / window.seconds() * (right - left);
  }

  double xOf(int point) {
    return x(window.from() + (double) point * window.step());
  }

  double y(double value, double least, double most) {
    return bottom - (value - least) / (most - least) * (bottom - top);
  }

  /** A line at each round time, and below it what time it is. */
  void timeAxis(Svg svg) {
    int step = timeStep();
    DateTimeFormatter format = step % 60 == 0 ? MINUTES : SECONDS;
    StringBuilder lines = new StringBuilder();
    for (long at = Math.ceilDiv(window.from(), (long) step) * step; at <= window.to(); at += step) {
      double x = x((double) at);
      lines.append('M').append(Svg.number(x)).append(' ').append(Svg.number(top));
      lines.append('V').append(Svg.number(bottom));
      String anchor = x > right - 22 ? "end" : x < left + 22 ? "start" : "middle";
      svg.text(x, bottom + 13, anchor, "s", format.format(Instant.ofEpochSecond(at)));
    }
    svg.path(lines, "class=\"g\"");
  }

  private int timeStep() {
    double most = (right - left) / LABEL_PIXELS;
    for (int step : STEPS) {
      if (window.seconds() / (double) step <= most) {
        return step;
      }
    }
    return STEPS[STEPS.length - 1];
  }

  /** A line at each tick, and beside it its value. */
  void valueAxis(Svg svg, Scale scale, List<Double> ticks) {
    double least = ticks.getFirst();
    double most = ticks.getLast();
    StringBuilder lines = new StringBuilder();
    for (double tick : ticks) {
      double y = y(tick, least, most);
      lines.append('M').append(Svg.number(left)).append(' ').append(Svg.number(y));
      lines.append('H').append(Svg.number(right));
      svg.text(left - 5, y + 3.5, "end", "s", scale.text(tick));
    }
    svg.path(lines, "class=\"g\"");
  }
}
