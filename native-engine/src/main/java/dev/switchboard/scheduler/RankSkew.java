package dev.switchboard.scheduler;

import dev.switchboard.scheduler.EngineHealth.RankScore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Finds ranks that hold up the others of their stage.
 *
 * <p>All ranks of a stage compute equal shares of the same steps, so their processor times compare
 * whatever the steps were. What a rank lost for want of a core is the machine's doing and has no
 * part in it; nor have steps in which a rank of the stage lost one, for it comes back to cold
 * caches and is slower for it, unless one took far longer than that explains. Each other step casts
 * a vote on each rank: whether it took longer than the others by more than matters. By how much
 * does not count, since a rank that loses its core now and then takes several times as long in
 * those steps, but is no slower in the others. A rank is suspected while most votes are against it,
 * by more than chance allows: over few steps where they agree, over many where neighbours disturb
 * the ranks. It is named a straggler when suspected for a while, and cleared the same way, or when
 * there has been no step for a while: what was true of it before may not be now, and holds up
 * nobody.
 *
 * <p>Its score, for people, is the median of its last steps over that of the fastest rank of its
 * stage. At each collective what the others waited for the last one to arrive, the spread of
 * arrivals, is charged to that one. The early ones are marked waiting for as long as they waited,
 * but for what the others' lateness does not explain: waking up. Confined to the engine's thread,
 * but for {@link #report}.
 */
final class RankSkew {
  /** How many times as long, where a core was lost. */
  private static final double MATTERS_THERE = 2;

  /** A core was lost where a rank had none for such a part of its computing. */
  private static final int LOST_PART = 20;

  /** Steps that a score looks back on. */
  private static final int WINDOW = 64;

  /** How many steps the votes are remembered for. */
  private static final int[] HORIZONS = {32, 1024};

  /** How many times as long as the others' a step of a rank must be to be held against it. */
  private static final double MATTERS = 1.08;

  /** Standard errors that a majority must be away from a draw: a short memory is soon corrected. */
  private static final double[] SIGNIFICANT = {2, 4};

  /** By how much longer a suspicion must have lasted than its absence, or the other way round. */
  private static final long STEADY_NANOS = 1_000_000_000L;

  /** Between two steps a suspicion lasts no longer than this. */
  private static final long MOST_JUDGED_NANOS = STEADY_NANOS / 4;

  /** Without a step for so long nothing is known of any rank. */
  static final long EXPIRY_NANOS = 10_000_000_000L;

  private final int stages;
  private final int ranks;
  private final Lane[] lanes;
  private final long[] others;
  private final long[] sorted = new long[WINDOW];
  private int at;

  /** Steps of each stage that were votes, as far as the longest memory counts them. */
  private final int[] seen;

  /** When the last step ended. */
  private volatile long lastNanos;

  private volatile List<RankScore> report = List.of();

  /** What is known of one rank. */
  private static final class Lane {
    final long[] compute = new long[WINDOW];
    final double[] against = new double[HORIZONS.length];
    double score = 1;
    long lateNanos;
    long waitedNanos;
    long judgedNanos;
    long suspectNanos;
    boolean named;

    void vote(boolean slow, int steps) {
      for (int i = 0; i < HORIZONS.length; i++) {
        against[i] += ((slow ? 1 : 0) - against[i]) / Math.min(steps, HORIZONS[i]);
      }
    }

    /** Whether either memory says so; the short one may also take back what the long one says. */
    boolean slow(int steps) {
      return steps >= HORIZONS[0]
          && (majority(0, steps) > SIGNIFICANT[0]
              || (majority(1, steps) > SIGNIFICANT[1] && majority(0, steps) > -SIGNIFICANT[0]));
    }

    /** Of the votes against this rank, in standard errors of as many that are drawn by lot. */
    private double majority(int horizon, int steps) {
      return (2 * against[horizon] - 1) * Math.sqrt(Math.min(steps, HORIZONS[horizon]));
    }

    void judge(boolean slow, long now) {
      long passed = judgedNanos == 0 ? 0 : Math.clamp(now - judgedNanos, 0, MOST_JUDGED_NANOS);
      judgedNanos = now;
      suspectNanos = Math.clamp(suspectNanos + (slow ? passed : -passed), 0, STEADY_NANOS);
      named = suspectNanos == STEADY_NANOS || (named && suspectNanos > 0);
    }

    void forget() {
      Arrays.fill(against, 0);
      score = 1;
      judgedNanos = 0;
      suspectNanos = 0;
      named = false;
    }
  }

  RankSkew(int stages, int ranks) {
    this.stages = stages;
    this.ranks = ranks;
    lanes = new Lane[stages * ranks];
    Arrays.setAll(lanes, lane -> new Lane());
    others = new long[ranks - 1];
    seen = new int[stages];
    publish();
  }

  /** A step ended; its trace is finished. */
  void step(StepTrace trace) {
    if (ranks < 2) {
      return;
    }
    if (trace.endNanos() - lastNanos > EXPIRY_NANOS) {
      forget();
    }
    lastNanos = trace.endNanos();
    at = (at + 1) % WINDOW;
    for (int stage = 0; stage < stages; stage++) {
      charge(trace.values(), stage * ranks);
      compare(trace.values(), stage * ranks, trace.endNanos());
    }
    if (at == 0) {
      score();
      publish();
    }
  }

  private void forget() {
    Arrays.fill(seen, 0);
    for (Lane lane : lanes) {
      lane.forget();
    }
    publish();
  }

  private void charge(long[] values, int first) {
    long late = 0;
    for (int lane = first; lane < first + ranks; lane++) {
      late += values[lane * StepTrace.FIELDS + StepTrace.LATE];
    }
    for (int lane = first; lane < first + ranks; lane++) {
      int base = lane * StepTrace.FIELDS;
      long others = late - values[base + StepTrace.LATE];
      lanes[lane].lateNanos += values[base + StepTrace.LATE];
      lanes[lane].waitedNanos += Math.min(values[base + StepTrace.ALL_REDUCE], others);
    }
  }

  private void compare(long[] values, int first, long now) {
    for (int rank = 0; rank < ranks; rank++) {
      lanes[first + rank].compute[at] =
          values[(first + rank) * StepTrace.FIELDS + StepTrace.COMPUTE];
    }
    int stage = first / ranks;
    double matters = allHadCores(values, first) ? MATTERS : MATTERS_THERE;
    boolean votes = matters == MATTERS || anySlow(first, matters);
    if (votes) {
      seen[stage] = Math.min(seen[stage] + 1, HORIZONS[HORIZONS.length - 1]);
    }
    for (int rank = 0; rank < ranks; rank++) {
      Lane lane = lanes[first + rank];
      if (votes) {
        lane.vote(lane.compute[at] > matters * others(first, rank), seen[stage]);
      }
      lane.judge(lane.slow(seen[stage]), now);
      if (lane.named != report.get(first + rank).straggler()) {
        publish();
      }
    }
  }

  private boolean anySlow(int first, double matters) {
    for (int rank = 0; rank < ranks; rank++) {
      if (lanes[first + rank].compute[at] > matters * others(first, rank)) {
        return true;
      }
    }
    return false;
  }

  private boolean allHadCores(long[] values, int first) {
    for (int lane = first; lane < first + ranks; lane++) {
      int base = lane * StepTrace.FIELDS;
      if (values[base + StepTrace.OFF_CPU] * LOST_PART > values[base + StepTrace.COMPUTE]) {
        return false;
      }
    }
    return true;
  }

  /** What the other ranks of the stage took for the last step: their median. */
  private double others(int first, int rank) {
    for (int other = 0, i = 0; other < ranks; other++) {
      if (other != rank) {
        others[i++] = lanes[first + other].compute[at];
      }
    }
    Arrays.sort(others);
    return median(others);
  }

  private void score() {
    for (int first = 0; first < lanes.length; first += ranks) {
      double fastest = Double.MAX_VALUE;
      for (int lane = first; lane < first + ranks; lane++) {
        System.arraycopy(lanes[lane].compute, 0, sorted, 0, WINDOW);
        Arrays.sort(sorted);
        lanes[lane].score = median(sorted);
        fastest = Math.min(fastest, lanes[lane].score);
      }
      for (int lane = first; lane < first + ranks; lane++) {
        lanes[lane].score = fastest <= 0 ? 1 : lanes[lane].score / fastest;
      }
    }
  }

  private static double median(long[] sorted) {
    return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2.0;
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

  /** As of at most some steps ago, names only while there are steps; safe on any thread. */
  List<RankScore> report(long nowNanos) {
    List<RankScore> last = report;
    return nowNanos - lastNanos > EXPIRY_NANOS
        ? last.stream().map(RankScore::unnamed).toList()
        : last;
  }
}
