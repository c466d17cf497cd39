package dev.switchboard.scheduler;

import dev.switchboard.scheduler.EngineHealth.RankScore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntToDoubleFunction;

/**
 * Finds ranks that hold up the others of their stage.
 *
 * <p>All ranks of a stage compute equal shares of the same steps, so their processor times compare
 * whatever the steps were. What a rank lost for want of a core is the machine's doing and is not in
 * them. Each step casts a vote on each rank: whether it took longer than the others by more than
 * matters. By how much does not count, since a rank that is disturbed now and then takes several
 * times as long in those steps, but is no slower in the others. No step is left out for what it
 * says: of steps that are chosen so, a majority means nothing.
 *
 * <p>Votes are counted in windows that do not overlap. A window is against a rank where the
 * majority is by more than chance allows. Neighbours slow down a rank for a second or two, so a
 * rank is named a straggler only when several windows in a row are against it. It is cleared when
 * some in a row are not, or when there has been no step for a while: what was true of it before may
 * not be now, and holds up nobody.
 *
 * <p>What disturbs a rank leaves some of its steps alone, and slowness none. So its quickest steps
 * in these windows must be slower than those of the others as well.
 *
 * <p>A rank that lost its core, or gave it up to wait, comes back to caches that others have used,
 * and a short step takes longer then. So to name a rank, its votes in those windows must also be
 * against it where that is no excuse: in steps in which nothing disturbed it, or where these are
 * few, by more, in those in which it lost no core. Where it loses its core to others, a wait costs
 * its caches too, for seconds: then many windows in a row name it. Between two steps a rank waits
 * as well, unless it samples; where it began later than another one it had to be woken. Steps that
 * are long beside what it takes to fill caches count whatever happened. A name goes when these
 * votes contradict it as well.
 *
 * <p>Its score, for people, is the median of its last steps over that of the fastest rank of its
 * stage. At each collective what the others waited for the last one to arrive, the spread of
 * arrivals, is charged to that one. The early ones are marked waiting for as long as they waited,
 * but for what the others' lateness does not explain: waking up. Confined to the engine's thread,
 * but for {@link #report}.
 */
final class RankSkew {
  /** Steps that a score looks back on. */
  private static final int SCORED = 64;

  /** How many times as long as the others' a step of a rank must be to be held against it. */
  private static final double MATTERS = 1.08;

  /** And where nothing disturbed it: its first collective, and reading clocks, cost some too. */
  private static final double MATTERS_UNDISTURBED = 1.1;

  /** And where a rank gave up its core to wait for others: that costs a short step so much. */
  private static final double MATTERS_AFTER_WAITING = 1.15;

  /** How many times as long as the others' quickest steps those of a rank are that is named. */
  private static final double QUICKEST_NAME = 1.1;

  /** And that stays named. */
  private static final double QUICKEST_KEEP = 1.05;

  /** A rank that has no core for more than this part of its steps is among others. */
  private static final int AMONG_OTHERS_PART = 20;

  /** How long a window is, and how many votes it has at least. */
  private static final long WINDOW_NANOS = 1_000_000_000L;

  private static final int FEWEST_VOTES = 6;

  /** As part of a window, a step lasts no longer than this: nothing is known of a pause. */
  private static final long MOST_STEP_NANOS = 250_000_000L;

  /** Standard errors that a window's majority must be away from a draw. */
  private static final double SIGNIFICANT = 1;

  /** Windows in a row against a rank that name it: with the one it began in, less than 5 s. */
  private static final int NAMES = 3;

  /** And where waits cost it its caches: beside compilers up to eight in a row were seen. */
  private static final int NAMES_AMONG_OTHERS = 12;

  /** And of those not against it, that clear it. */
  private static final int CLEARS = 2;

  /**
   * What it costs in a step, at most, that others have used the caches: 0.9 ms was seen where a
   * rank lost them between any two collectives. As a part of the step it excuses.
   */
  private static final long COLD_NANOS = 1_500_000;

  private static final int COLD_PART = 20;

  /** A rank that waits no longer than this for the others spins and keeps its core. */
  private static final long SPIN_NANOS = 20_000;

  /** One that begins later than the first by more than this had parked, and not just spun. */
  private static final long WOKEN_NANOS = 5_000;

  /** Votes without an excuse that say something, and standard errors of a majority that names. */
  private static final int FEWEST_UNEXCUSED = 12;

  private static final double UNEXCUSED_SIGNIFICANT = 3;

  /** Without a step for so long nothing is known of any rank. */
  static final long EXPIRY_NANOS = 10_000_000_000L;

  private final int stages;
  private final int ranks;
  private final Lane[] lanes;
  private final double[] others;
  private final double[] sorted = new double[SCORED];
  private int at;

  /** Of the window that is being counted. */
  private int votes;

  private long windowNanos;

  /** Its place among those that name a rank. */
  private int window;

  /** How long its steps were, as those of the ones before. */
  private final long[] stepNanos = new long[NAMES];

  /** When the last step ended. */
  private volatile long lastNanos;

  private volatile List<RankScore> report = List.of();

  /** What is known of one rank. */
  private static final class Lane {
    final long[] compute = new long[SCORED];
    double score = 1;
    long lateNanos;
    long waitedNanos;

    /** When its last step ended. */
    long endNanos;

    /** How long it had no core, in as many windows as name it. */
    final long[] lostNanos = new long[NAMES];

    /** Windows in a row that contradict what it is called now. */
    int contrary;

    boolean named;

    /** How long its steps took, in as many windows as name it. */
    final QuickSteps steps = new QuickSteps(NAMES);

    /** Votes in this window. */
    final Tally all = new Tally();

    /** Those in steps in which nothing disturbed it, in as many windows as name it. */
    final Tally[] undisturbed = Tally.some();

    /** And those in which it lost no core. */
    final Tally[] kept = Tally.some();

    /**
     * Whether it is called something else now that a window is over.
     *
     * @param quickest of its quickest steps, how many times as long as the others'
     */
    boolean judge(long stepNanos, double quickest) {
      boolean slow = all.majority() > SIGNIFICANT;
      all.clear();
      Tally sum = Tally.sum(undisturbed);
      boolean few = sum.votes < FEWEST_UNEXCUSED;
      double unexcused = (few ? Tally.sum(kept) : sum).unexcusedMajority();
      int names = few && isAmongOthers(stepNanos) ? NAMES_AMONG_OTHERS : NAMES;
      boolean keeps = unexcused > -SIGNIFICANT && quickest > QUICKEST_KEEP;
      contrary = (slow && (!named || keeps)) == named ? 0 : contrary + 1;
      boolean confirmed = unexcused > UNEXCUSED_SIGNIFICANT && quickest > QUICKEST_NAME;
      boolean changes = named ? contrary >= CLEARS : contrary >= names && confirmed;
      if (changes) {
        named = !named;
        contrary = 0;
      }
      return changes;
    }

    private boolean isAmongOthers(long stepNanos) {
      return Arrays.stream(lostNanos).sum() * AMONG_OTHERS_PART > stepNanos;
    }

    void begin(int window) {
      steps.begin(window);
      undisturbed[window].clear();
      kept[window].clear();
      lostNanos[window] = 0;
    }

    void forget() {
      contrary = 0;
      named = false;
      score = 1;
      all.clear();
      for (int window = 0; window < NAMES; window++) {
        begin(window);
      }
    }
  }

  /** Votes on one rank. */
  private static final class Tally {
    int votes;
    int against;

    static Tally[] some() {
      Tally[] made = new Tally[NAMES];
      Arrays.setAll(made, window -> new Tally());
      return made;
    }

    void add(boolean slow) {
      votes++;
      against += slow ? 1 : 0;
    }

    void clear() {
      votes = 0;
      against = 0;
    }

    static Tally sum(Tally[] windows) {
      Tally sum = new Tally();
      for (Tally window : windows) {
        sum.votes += window.votes;
        sum.against += window.against;
      }
      return sum;
    }

    double unexcusedMajority() {
      return votes < FEWEST_UNEXCUSED ? 0 : majority();
    }

    /** In standard errors of as many votes that are drawn by lot. */
    double majority() {
      return (2.0 * against / votes - 1) * Math.sqrt(votes);
    }
  }

  RankSkew(int stages, int ranks) {
    this.stages = stages;
    this.ranks = ranks;
    lanes = new Lane[stages * ranks];
    Arrays.setAll(lanes, lane -> new Lane());
    others = new double[ranks - 1];
    publish();
  }

  /** A step ended; its trace is finished. */
  void step(StepTrace trace) {
    if (ranks < 2) {
      return;
    }
    long passed = trace.endNanos() - lastNanos;
    if (passed > EXPIRY_NANOS) {
      forget();
    }
    lastNanos = trace.endNanos();
    at = (at + 1) % SCORED;
    for (int stage = 0; stage < stages; stage++) {
      charge(trace.values(), stage * ranks);
      compare(trace.whole(), stage * ranks);
    }
    stepNanos[window] += trace.endNanos() - trace.startNanos();
    votes++;
    windowNanos += Math.clamp(passed, 0, MOST_STEP_NANOS);
    if (windowNanos >= WINDOW_NANOS && votes >= FEWEST_VOTES) {
      judge();
    }
    if (at == 0) {
      score();
      publish();
    }
  }

  private void forget() {
    votes = 0;
    windowNanos = 0;
    Arrays.fill(stepNanos, 0);
    for (Lane lane : lanes) {
      lane.forget();
    }
    publish();
  }

  private void judge() {
    boolean changed = false;
    long steps = Arrays.stream(stepNanos).sum();
    double[] quickest = new double[lanes.length];
    Arrays.setAll(quickest, lane -> lanes[lane].steps.quickest());
    window = (window + 1) % NAMES;
    for (int lane = 0; lane < lanes.length; lane++) {
      int rank = lane % ranks;
      double others = others(lane - rank, rank, other -> quickest[other]);
      changed |= lanes[lane].judge(steps, quickest[lane] / others);
      lanes[lane].begin(window);
    }
    stepNanos[window] = 0;
    votes = 0;
    windowNanos = 0;
    if (changed) {
      publish();
    }
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

  private void compare(long[] values, int first) {
    for (int lane = first; lane < first + ranks; lane++) {
      lanes[lane].compute[at] = values[lane * StepTrace.FIELDS + StepTrace.COMPUTE];
    }
    long start = start(values, first);
    for (int rank = 0; rank < ranks; rank++) {
      int base = (first + rank) * StepTrace.FIELDS;
      double others = others(first, rank, lane -> lanes[lane].compute[at]);
      vote(lanes[first + rank], others, values, base, start);
    }
  }

  private void vote(Lane lane, double others, long[] values, int base, long stageStart) {
    long took = lane.compute[at];
    long lost = values[base + StepTrace.OFF_CPU];
    lane.all.add(took > MATTERS * others);
    lane.steps.add(window, took);
    if (!excuses(lost, took)) {
      lane.kept[window].add(took > MATTERS_AFTER_WAITING * others);
      if (!excuses(lost + waited(lane, values, base, stageStart), took)) {
        lane.undisturbed[window].add(took > MATTERS_UNDISTURBED * others);
      }
    }
    lane.endNanos = values[base + StepTrace.END];
    lane.lostNanos[window] += lost;
  }

  /** How long it had given up its core since its last step: in this one, and before it. */
  private static long waited(Lane lane, long[] values, int base, long stageStart) {
    long inStep = values[base + StepTrace.ALL_REDUCE];
    long start = values[base + StepTrace.START];
    long before = start - stageStart > WOKEN_NANOS ? Math.max(0, start - lane.endNanos) : 0;
    return before + (inStep > SPIN_NANOS ? inStep : 0);
  }

  /** When the first rank of a stage began. */
  private long start(long[] values, int first) {
    long start = Long.MAX_VALUE;
    for (int lane = first; lane < first + ranks; lane++) {
      start = Math.min(start, values[lane * StepTrace.FIELDS + StepTrace.START]);
    }
    return start;
  }

  /** Whether a rank whose core others had for so long took longer for that. */
  private static boolean excuses(long away, long took) {
    return Math.min(away, COLD_NANOS) * COLD_PART > took;
  }

  /** What the other ranks of the stage took: their median. */
  private double others(int first, int rank, IntToDoubleFunction took) {
    for (int other = 0, i = 0; other < ranks; other++) {
      if (other != rank) {
        others[i++] = took.applyAsDouble(first + other);
      }
    }
    Arrays.sort(others);
    return median(others);
  }

  private void score() {
    for (int first = 0; first < lanes.length; first += ranks) {
      double fastest = Double.MAX_VALUE;
      for (int lane = first; lane < first + ranks; lane++) {
        long[] compute = lanes[lane].compute;
        Arrays.setAll(sorted, step -> compute[step]);
        Arrays.sort(sorted);
        lanes[lane].score = median(sorted);
        fastest = Math.min(fastest, lanes[lane].score);
      }
      for (int lane = first; lane < first + ranks; lane++) {
        lanes[lane].score = fastest <= 0 ? 1 : lanes[lane].score / fastest;
      }
    }
  }

  private static double median(double[] sorted) {
    return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
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
