package dev.switchboard.gateway.autoscaling;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * How many places people's requests need, now and when a replica that is started now would be
 * ready. The load is what comes in a second over what a place serves in a second, so a queue that
 * builds up while replicas start does not count as load for as long as it waits. Beyond the trend
 * it learns by how much load rose within the time that a start takes: that is kept free. Told once
 * a second; not safe for several threads.
 */
final class LoadForecast {
  private static final int TREND_SECONDS = 120;
  private static final int LEVEL_SECONDS = 3;
  private static final int LEAST_SAMPLES = 30;

  /** So much of what is held is load, however little comes in; above it noise would count. */
  private static final double HELD = 0.7;

  /** Of the rises within a start, the share that what is kept free covers. */
  private static final double COVERED = 0.9;

  /** By which what is kept free moves a second, in standard deviations of a random load. */
  private static final double STEP = 0.004;

  private static final double FIRST_RISE = 1;
  private static final double MOST_RISE = 6;

  /** No trend goes on for long: load at most doubles within a start. */
  private static final double MOST_GROWTH = 2;

  /** Less is no load. */
  private static final double IDLE_PLACES = 0.01;

  private record Sample(long atMs, double offered, double load) {}

  /** What was forecast at a moment, to be held against what came. */
  private record Said(long atMs, double expected, double deviation, double[] seen) {}

  private final Deque<Sample> samples = new ArrayDeque<>();
  private final Deque<Said> said = new ArrayDeque<>();
  private double rise = FIRST_RISE;
  private double level;
  private double slope;

  /**
   * Takes what is seen at a moment.
   *
   * @param startMs that a replica takes from being wanted to being ready
   */
  void observe(long nowMs, ScaleSignals now, double startMs) {
    Sample before = at(nowMs - 1000L * LEVEL_SECONDS);
    double load = load(nowMs, now, before);
    samples.addLast(new Sample(nowMs, now.offeredTokens(), load));
    while (samples.getFirst().atMs() < nowMs - 1000L * TREND_SECONDS) {
      samples.removeFirst();
    }
    level = load;
    slope = slope();
    learn(nowMs, startMs);
  }

  /**
   * By what came in of late, with what others sent past the gateways; while that is not known, by
   * what is there.
   */
  private static double load(long nowMs, ScaleSignals now, @Nullable Sample before) {
    if (before == null || !now.paced() || now.offeredTokens() < before.offered()) {
      return now.work();
    }
    double seconds = (nowMs - before.atMs()) / 1e3;
    double arriving = (now.offeredTokens() - before.offered()) / seconds / now.placeTokens();
    // Few requests that take long come too seldom to be seen in seconds, but are there.
    double own = Math.max(arriving, HELD * now.peopleRunning());
    return own + Math.max(0, now.reported() - now.running());
  }

  /** The newest that is as old, or the oldest; null for none. */
  private @Nullable Sample at(long atMs) {
    Sample found = samples.peekFirst();
    for (Sample each : samples) {
      if (each.atMs() > atMs) {
        break;
      }
      found = each;
    }
    return found;
  }

  /** Of the load in a millisecond, by least squares. */
  private double slope() {
    int count = samples.size();
    if (count < LEAST_SAMPLES) {
      return 0;
    }
    long first = samples.getFirst().atMs();
    double sumT = 0;
    double sumL = 0;
    for (Sample each : samples) {
      sumT += each.atMs() - first;
      sumL += each.load();
    }
    double covariance = 0;
    double variance = 0;
    for (Sample each : samples) {
      double apart = each.atMs() - first - sumT / count;
      covariance += apart * (each.load() - sumL / count);
      variance += apart * apart;
    }
    return variance == 0 ? 0 : covariance / variance;
  }

  /** Holds what was forecast a start ago against the highest load since. */
  private void learn(long nowMs, double startMs) {
    for (Said each : said) {
      each.seen()[0] = Math.max(each.seen()[0], level);
    }
    while (!said.isEmpty() && said.getFirst().atMs() < nowMs - startMs) {
      Said old = said.removeFirst();
      boolean covered = old.seen()[0] <= old.expected() + rise * old.deviation();
      rise = Math.clamp(rise + STEP * (covered ? COVERED - 1 : COVERED), 0, MOST_RISE);
    }
    said.addLast(new Said(nowMs, ahead(startMs), deviation(), new double[] {level}));
  }

  /** Of a load of independent requests. */
  private double deviation() {
    return Math.sqrt(Math.max(1, level));
  }

  /** Places that are taken now, as the mean of some seconds. */
  double level() {
    return level;
  }

  /** Nothing came of late. */
  boolean idle() {
    return level < IDLE_PLACES;
  }

  /** The same a while later, if the trend goes on. */
  double ahead(double inMs) {
    return Math.min(MOST_GROWTH * level, level + Math.max(0, slope) * inMs);
  }

  /** Places that are to be free beyond that. */
  double spare() {
    return rise * deviation();
  }
}
