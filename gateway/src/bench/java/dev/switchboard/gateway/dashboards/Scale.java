package dev.switchboard.gateway.dashboards;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;

/**
 * How the values of a panel are written: in the multiple of Grafana's unit that suits the largest.
 *
 * @param factor what a value is divided by
 * @param suffix stands behind the number
 */
record Scale(double factor, String suffix) {
  private static final int TICKS = 4;

  /** The one for values up to {@code most}. */
  static Scale of(String unit, double most) {
    double size = Math.abs(most);
    return switch (unit) {
      case "s" -> seconds(size);
      case "percentunit" -> new Scale(0.01, " %");
      case "percent" -> new Scale(1, " %");
      case "bytes" -> steps(size, 1024, " B", " KiB", " MiB", " GiB", " TiB");
      case "Bps" -> steps(size, 1000, " B/s", " kB/s", " MB/s", " GB/s", " TB/s");
      case "decmbytes" -> steps(size, 1000, " MB", " GB", " TB");
      case "MBs" -> steps(size, 1000, " MB/s", " GB/s", " TB/s");
      case "hertz" -> steps(size, 1000, " Hz", " kHz", " MHz", " GHz");
      case "reqps" -> steps(size, 1000, " req/s", " k req/s", " M req/s");
      case "cps" -> steps(size, 1000, " /s", " k/s", " M/s");
      case "ops" -> steps(size, 1000, " /s", " k/s", " M/s");
      case "watt" -> steps(size, 1000, " W", " kW");
      case "celsius" -> new Scale(1, " °C");
      default -> steps(size, 1000, "", " k", " M", " G", " T");
    };
  }

  private static Scale seconds(double size) {
    if (size < 1e-3) {
      return new Scale(1e-6, " µs");
    }
    if (size < 1) {
      return new Scale(1e-3, " ms");
    }
    if (size < 120) {
      return new Scale(1, " s");
    }
    if (size < 7200) {
      return new Scale(60, " min");
    }
    return size < 172_800 ? new Scale(3600, " h") : new Scale(86_400, " d");
  }

  private static Scale steps(double size, double base, String... suffixes) {
    int step = 0;
    double factor = 1;
    while (step < suffixes.length - 1 && size >= factor * base) {
      factor *= base;
      step++;
    }
    return new Scale(factor, suffixes[step]);
  }

  String text(double value) {
    BigDecimal scaled = new BigDecimal(value / factor).round(new MathContext(3));
    return scaled.signum() == 0 ? "0" : scaled.stripTrailingZeros().toPlainString() + suffix;
  }

  /** Round values from the least to the first one that is not below the most. */
  List<Double> ticks(double least, double most) {
    double step = nice((most - least) / factor / TICKS) * factor;
    List<Double> ticks = new ArrayList<>();
    double first = Math.floor(least / step);
    for (int i = 0; ; i++) {
      ticks.add((first + i) * step);
      if ((first + i) * step >= most * (1 - 1e-9)) {
        return ticks;
      }
    }
  }

  private static double nice(double rough) {
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    for (double digit : new double[] {1, 2, 2.5, 5}) {
      if (digit * power >= rough * (1 - 1e-9)) {
        return digit * power;
      }
    }
    return 10 * power;
  }
}
