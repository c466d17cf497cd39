package dev.switchboard.gateway.simulation;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The requests of one day, from midnight to midnight: people by the hour, with bursts of two to ten
 * minutes, answers that are longer by day than at night, and batch jobs that come as a whole. A
 * seed always gives the same day.
 */
final class ScalingDay {
  static final int SECONDS = 86_400;

  private static final int BURSTS = 16;
  private static final int JOBS = 30;
  private static final double MEAN_RATE = 6;

  private final SplittableRandom random;
  private final List<Arrival> arrivals = new ArrayList<>();
  private final double[] burst = new double[SECONDS];

  /**
   * One request.
   *
   * @param batch it has no target for its first token
   */
  record Arrival(double at, boolean batch, int promptTokens, int answerTokens) {}

  private ScalingDay(long seed) {
    this.random = new SplittableRandom(seed);
  }

  /** Sorted by time. */
  static List<Arrival> of(long seed) {
    ScalingDay day = new ScalingDay(seed);
    day.bursts();
    day.people();
    day.jobs();
    day.arrivals.sort(Comparator.comparingDouble(Arrival::at));
    return day.arrivals;
  }

  /** Requests a second, beside those of bursts: least at 04:00, most at 16:00. */
  static double rate(double second) {
    double hour = second / 3600;
    return MEAN_RATE * (1 - 0.8 * Math.cos(2 * Math.PI * (hour - 4) / 24));
  }

  private void bursts() {
    for (int i = 0; i < BURSTS; i++) {
      int begin = random.nextInt(SECONDS);
      int seconds = 120 + random.nextInt(480);
      int ramp = 5 + random.nextInt(90);
      double more = (0.3 + 0.9 * random.nextDouble()) * MEAN_RATE;
      for (int t = 0; t < seconds && begin + t < SECONDS; t++) {
        burst[begin + t] += more * Math.min(1, (double) t / ramp);
      }
    }
  }

  private void people() {
    for (int second = 0; second < SECONDS; second++) {
      double hour = second / 3600.0;
      double longer = 1 - 0.35 * Math.cos(2 * Math.PI * (hour - 3) / 24);
      int count = poisson(rate(second) + burst[second]);
      for (int i = 0; i < count; i++) {
        double at = second + random.nextDouble();
        arrivals.add(new Arrival(at, false, tokens(400, 0.8), tokens(140 * longer, 0.7)));
      }
    }
  }

  private void jobs() {
    for (int i = 0; i < JOBS; i++) {
      double begin = random.nextDouble() * (SECONDS - 1800);
      int requests = 100 + random.nextInt(500);
      for (int n = 0; n < requests; n++) {
        double at = begin + 20 * random.nextDouble();
        arrivals.add(new Arrival(at, true, tokens(800, 0.6), tokens(250, 0.6)));
      }
    }
  }

  private int tokens(double median, double spread) {
    return (int) Math.clamp(median * Math.exp(spread * random.nextGaussian()), 8, 4000);
  }

  private int poisson(double mean) {
    double limit = Math.exp(-mean);
    double product = random.nextDouble();
    int count = 0;
    while (product > limit) {
      count++;
      product *= random.nextDouble();
    }
    return count;
  }
}
