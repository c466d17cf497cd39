package dev.switchboard.scheduler;

import dev.switchboard.scheduler.EngineHealth.RankScore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Finds ranks that hold up the others of their stage.
 *
 * <p>All ranks of a stage compute equal shares of the same steps, so their times compare whatever
 * the steps were. What counts is by how much a rank takes longer than the others, on the
 * logarithmic scale and cut at a factor, so that one step in which it lost its core weighs no more
 * than a few slow ones. A rank is suspected while the mean of that is both large enough to matter
 * and too large for chance, judged by its own spread: over few steps where ranks run evenly, over
 * many where their neighbours disturb them. It is named a straggler when suspected for a while, and
 * cleared the same way.
 *
 * <p>Its score, for people, is the median of its last steps over that of the fastest rank of its
 * stage. What the others waited for the last one to arrive is charged to that one: the spread of
 * arrivals, summed over the step's collectives. Confined to the engine's thread, but for {@link
 * #report}.
 */
final class RankSkew {
  /** Steps that a score looks back on. */
  private static final int WINDOW = 64;

  /** How many steps the means remember. */
  private static final int[] HORIZONS = {48, 1024};

  /** How much longer a rank must take to matter, and how much a single step may say. */
  private static final double MATTERS = Math.log(1.08);

  private static final double MOST = Math.log(1.6);

  /** Standard errors above nothing that chance does not reach. */
  private static final double SIGNIFICANT = 6;

  private static final double CLEARED = 3;

  /** By how much longer a suspicion must have lasted than its absence, or the other way round. */
  private static final long STEADY_NANOS = 1_000_000_000L;

  private final int stages;
  private final int ranks;
  private final Lane[] lanes;
  private final double[] logs;
  private final long[] sorted = new long[WINDOW];
  private int at;

  /** Steps that were seen, as far as the longest memory counts them. */
  private int seen;

  private volatile List<RankScore> report = List.of();

  /** What is known of one rank. */
  private static final class Lane {
    final long[] compute = new long[WINDOW];
    final double[] mean = new double[HORIZONS.length];
    final double[] square = new double[HORIZONS.length];
    double score = 1;
    long lateNanos;
    long waitedNanos;
    long judgedNanos;
    long suspectNanos;
    boolean named;

    void add(double excess, int steps) {
      for (int i = 0; i < HORIZONS.length; i++) {
        double share = 1.0 / Math.min(steps, HORIZONS[i]);
        mean[i] += share * (excess - mean[i]);
        square[i] += share * (excess * excess - square[i]);
      }
    }

    /** Whether either mean says so; the short one may also take back what the long one says. */
    boolean slow(int steps) {
      return steps >= HORIZONS[0] && (slow(0, steps) || (slow(1, steps) && !recovered(steps)));
    }

    private boolean slow(int horizon, int steps) {
      return mean[horizon] >= MATTERS && mean[horizon] >= SIGNIFICANT * error(horizon, steps);
    }

    private boolean recovered(int steps) {
      return mean[0] + CLEARED * error(0, steps) < MATTERS;
    }

    private double error(int horizon, int steps) {
      double variance = Math.max(1e-6, square[horizon] - mean[horizon] * mean[horizon]);
      return Math.sqrt(variance / Math.min(steps, HORIZONS[horizon]));
    }

    void judge(boolean slow, long now) {
      long passed = judgedNanos == 0 ? 0 : Math.max(0, now - judgedNanos);
      judgedNanos = now;
      suspectNanos = Math.clamp(suspectNanos + (slow ? passed : -passed), 0, STEADY_NANOS);
      named = suspectNanos == STEADY_NANOS || (named && suspectNanos > 0);
    }
  }

  RankSkew(int stages, int ranks) {
    this.stages = stages;
    this.ranks = ranks;
    lanes = new Lane[stages * ranks];
    Arrays.setAll(lanes, lane -> new Lane());
    logs = new double[ranks];
    publish();
  }

  /** A step ended; its trace is finished. */
  void step(StepTrace trace) {
    if (ranks < 2) {
      return;
    }
    at = (at + 1) % WINDOW;
    seen = Math.min(seen + 1, HORIZONS[HORIZONS.length - 1]);
    for (int stage = 0; stage < stages; stage++) {
      charge(trace.values(), stage * ranks);
      compare(trace.values(), stage * ranks, trace.endNanos());
    }
    if (at == 0) {
      score();
      publish();
    }
  }

  private void charge(long[] values, int first) {
    long least = Long.MAX_VALUE;
    long most = 0;
    for (int lane = first; lane < first + ranks; lane++) {
      long wait = values[lane * StepTrace.FIELDS + StepTrace.ALL_REDUCE];
      least = Math.min(least, wait);
      most = Math.max(most, wait);
    }
    for (int lane = first; lane < first + ranks; lane++) {
      int base = lane * StepTrace.FIELDS;
      boolean last = values[base + StepTrace.STRAGGLER] > 0;
      lanes[lane].lateNanos += last ? most - least : 0;
      lanes[lane].waitedNanos += values[base + StepTrace.ALL_REDUCE] - least;
    }
  }

  private void compare(long[] values, int first, long now) {
    double sum = 0;
    for (int rank = 0; rank < ranks; rank++) {
      long compute = values[(first + rank) * StepTrace.FIELDS + StepTrace.COMPUTE];
      lanes[first + rank].compute[at] = compute;
      logs[rank] = Math.log(Math.max(1.0, (double) compute));
      sum += logs[rank];
    }
    for (int rank = 0; rank < ranks; rank++) {
      double others = (sum - logs[rank]) / (ranks - 1);
      Lane lane = lanes[first + rank];
      lane.add(Math.clamp(logs[rank] - others, -MOST, MOST), seen);
      lane.judge(lane.slow(seen), now);
      if (lane.named != report.get(first + rank).straggler()) {
        publish();
      }
    }
  }

  private void score() {
    for (int first = 0; first < lanes.length; first += ranks) {
      double fastest = Double.MAX_VALUE;
      for (int lane = first; lane < first + ranks; lane++) {
        lanes[lane].score = median(lanes[lane].compute);
        fastest = Math.min(fastest, lanes[lane].score);
      }
      for (int lane = first; lane < first + ranks; lane++) {
        lanes[lane].score = fastest <= 0 ? 1 : lanes[lane].score / fastest;
      }
    }
  }

  private double median(long[] window) {
    System.arraycopy(window, 0, sorted, 0, WINDOW);
    Arrays.sort(sorted);
    return (sorted[WINDOW / 2 - 1] + sorted[WINDOW / 2]) / 2.0;
  }

  private void publish() {
    List<RankScore> made = new ArrayList<>(lanes.length);
    for (int i = 0; i < lanes.length; i++) {
      Lane lane = lanes[i];
      made.add(
          new RankScore(
              i / ranks, i % ranks, lane.score, lane.named, lane.lateNanos, lane.waitedNanos));
    }
    report = List.copyOf(made);
  }

  /** As of at most some steps ago; safe on any thread. */
  List<RankScore> report() {
    return report;
  }
}
