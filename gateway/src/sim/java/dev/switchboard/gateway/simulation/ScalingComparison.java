package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.autoscaling.AutoscalingConfig;
import dev.switchboard.gateway.autoscaling.ScaleRule;
import dev.switchboard.gateway.simulation.ScalingDay.Arrival;
import dev.switchboard.gateway.simulation.ScalingFleet.Result;
import dev.switchboard.gateway.simulation.ScalingFleet.Scaler;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * The rule of the gateway with its defaults, and the usual ones with every target that could suit
 * them, over the same days. Of each usual rule only targets count that none of its others beats;
 * between two of those its misses are taken to change by the same factor with each replica-hour.
 * The constants of the gateway's rule were chosen on the first two days, so only others judge it;
 * the targets of the usual rules suit the days that are compared.
 */
final class ScalingComparison {
  /** The seeds of the days on which the constants of the gateway's rule were chosen. */
  private static final long FIRST_CHOSEN = 1;

  private static final long LAST_CHOSEN = 2;

  /** Of days that no choice was made on, nor after a look at. */
  private static final long FIRST_OTHER = 101;

  private static final int[] DOWN_SECONDS = {60, 300};

  /** One way to scale, over all days. */
  record Point(String setting, double hours, double share) {}

  /**
   * What a usual rule comes to beside ours.
   *
   * @param share that it misses at the replica-hours of ours
   * @param hours that it takes at the misses of ours; infinite where it never misses as few
   */
  record Line(String rule, List<Point> best, double share, double hours) {}

  /** The rules side by side. */
  record Outcome(Point ours, int changes, List<Line> lines) {
    /** Whether each usual rule misses more at the same hours, and takes more at the same misses. */
    boolean best() {
      return lines.stream()
          .allMatch(each -> each.share() > ours.share() && each.hours() > ours.hours());
    }

    String table(String days) {
      StringBuilder table =
          new StringBuilder(
              "| Rule, "
                  + days
                  + " | missed at the replica-hours of `switchboard` | replica-hours at its misses"
                  + " |\n"
                  + "|---|---|---|");
      table.append(row("switchboard", ours.share(), ours.hours()));
      for (Line line : lines) {
        table.append(row(line.rule(), line.share(), line.hours()));
      }
      return table.toString();
    }

    private static String row(String rule, double share, double hours) {
      String took =
          Double.isFinite(hours) ? String.format(Locale.ROOT, "%.0f", hours) : "never as few";
      return String.format(Locale.ROOT, "%n| `%s` | %.2f %% | %s |", rule, 100 * share, took);
    }
  }

  private final long first;
  private final List<List<Arrival>> days;

  private ScalingComparison(long first, long last) {
    this.first = first;
    this.days = LongStream.rangeClosed(first, last).mapToObj(ScalingDay::of).toList();
  }

  /** The days on which constants were chosen. */
  static ScalingComparison chosen() {
    return new ScalingComparison(FIRST_CHOSEN, LAST_CHOSEN);
  }

  /** Days that nobody looked at when constants were chosen. */
  static ScalingComparison others(int days) {
    return new ScalingComparison(FIRST_OTHER, FIRST_OTHER - 1 + days);
  }

  Outcome run() {
    AutoscalingConfig defaults = AutoscalingConfig.DEFAULTS;
    AutoscalingConfig.Bounds bounds = new AutoscalingConfig.Bounds(1, ScalingFleet.MOST);
    int[] changes = new int[1];
    Point ours =
        point(
            "defaults",
            () -> {
              ScaleRule rule = new ScaleRule();
              return (second, view) ->
                  rule.decide(1000L * second, view.signals(), defaults, bounds).desired();
            },
            changes);
    return new Outcome(ours, changes[0] / days.size(), lines(ours));
  }

  private List<Line> lines(Point ours) {
    return List.of(
        line(
            "request rate",
            ours,
            new double[] {0.7, 0.85, 1, 1.1, 1.2, 1.3},
            ScalingRules::requestRate),
        line("CPU", ours, new double[] {0.65, 0.7, 0.75, 0.8, 0.85, 0.9}, ScalingRules::cpu),
        line("queue length", ours, new double[] {0.25, 1, 4}, ScalingRules::queue),
        line("in flight", ours, new double[] {5, 7, 9, 11, 13}, ScalingRules::inFlight));
  }

  /** Makes a rule. */
  @FunctionalInterface
  private interface Maker {
    Scaler make(double target, int downSeconds);
  }

  private Line line(String rule, Point ours, double[] targets, Maker maker) {
    List<Point> points = new ArrayList<>();
    for (int down : DOWN_SECONDS) {
      for (double target : targets) {
        points.add(point(target + " / " + down + " s", () -> maker.make(target, down), new int[1]));
      }
    }
    List<Point> best = best(points);
    return new Line(rule, best, shareAt(best, ours.hours()), hoursAt(best, ours.share()));
  }

  private Point point(String setting, Supplier<Scaler> scaler, int[] changes) {
    List<Result> results =
        IntStream.range(0, days.size())
            .parallel()
            .mapToObj(day -> new ScalingFleet(days.get(day), first - 1 + day, scaler.get()).run())
            .toList();
    double hours = 0;
    double requests = 0;
    double missed = 0;
    for (Result each : results) {
      hours += each.replicaHours() / results.size();
      requests += each.requests();
      missed += each.missed();
      changes[0] += each.changes();
    }
    return new Point(setting, hours, missed / requests);
  }

  /** Those that no other beats in both, by their replica-hours. */
  private static List<Point> best(List<Point> points) {
    return points.stream()
        .filter(
            one ->
                points.stream()
                    .noneMatch(
                        other ->
                            !other.equals(one)
                                && other.hours() <= one.hours()
                                && other.share() <= one.share()))
        .sorted(Comparator.comparingDouble(Point::hours))
        .toList();
  }

  /** What takes more at its cheapest misses as much as there, at least. */
  private static double shareAt(List<Point> best, double hours) {
    if (hours < best.getFirst().hours()) {
      return best.getFirst().share();
    }
    for (int i = 1; i < best.size(); i++) {
      Point one = best.get(i - 1);
      Point other = best.get(i);
      if (hours <= other.hours()) {
        double part = (hours - one.hours()) / (other.hours() - one.hours());
        return Math.exp(log(one.share()) + part * (log(other.share()) - log(one.share())));
      }
    }
    return best.getLast().share();
  }

  private static double hoursAt(List<Point> best, double share) {
    if (share >= best.getFirst().share()) {
      return best.getFirst().hours();
    }
    for (int i = 1; i < best.size(); i++) {
      Point one = best.get(i - 1);
      Point other = best.get(i);
      if (share >= other.share()) {
        double part = (log(share) - log(one.share())) / (log(other.share()) - log(one.share()));
        return one.hours() + part * (other.hours() - one.hours());
      }
    }
    return Double.POSITIVE_INFINITY;
  }

  private static double log(double share) {
    return Math.log(Math.max(share, 1e-7));
  }
}
