package dev.switchboard.gateway.telemetry;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Lowers how much traces tell while telemetry takes more of the processors than it may, and raises
 * it again as soon as that is affordable. What it lowers is the level of requests of which nothing
 * is of interest, and then the share of them that is told at all; traces that are kept are told in
 * full whatever it does, and {@code kept-traces-per-second} bounds them.
 *
 * <p>Looks at one window after the other. Above the limit, in two in a row or in the mean of as
 * many as configured, it lowers by one rung; a single one is a scrape or a batch of spans. What a
 * rung takes beside the one below it is learnt when the ladder is climbed down or up, as a ratio,
 * so what a higher rung would take now is known from what this one takes. Where the mean of the
 * last windows allows a higher one it goes there at once, over any number of rungs: when a load
 * ends, all is told again after those windows. A load that is just too high for a rung does not
 * make it flap, since its ratio says so; since a ratio may be old, a rung is tried all the same
 * after a long time of little use. One thread at a time looks; {@link #state} may be asked on any.
 */
public final class Governor {
  /** Of the limit, up to which a higher rung is taken for affordable. */
  private static final double AFFORDABLE = 0.8;

  /** As a share of the limit, below which there is little use. */
  private static final double LITTLE = 0.5;

  /** Of little use, after which the next rung is tried whatever it took. */
  private static final int TRY_AFTER_WINDOWS = 30;

  /** After a change, in which a ratio is learnt: later the load is another one. */
  private static final int LEARNING_WINDOWS = 2;

  /** The load may change in those too. */
  private static final double MOST_RATIO = 4;

  private static final double ROUNDING = 1e-9;

  private static final List<Rung> RUNGS =
      List.of(
          new Rung(TraceDetail.STEPS, 1),
          new Rung(TraceDetail.RANKS, 1),
          new Rung(TraceDetail.REQUEST, 1),
          new Rung(TraceDetail.REQUEST, 1.0 / 4),
          new Rung(TraceDetail.REQUEST, 1.0 / 16),
          new Rung(TraceDetail.REQUEST, 1.0 / 64));

  private record Rung(TraceDetail ceiling, double told) {}

  /**
   * When it acts.
   *
   * @param cpuPercent of the time of all cores that telemetry may take; 0 lets it take any
   * @param windowMs that are looked at together
   * @param calmWindows at least between a change of the ceiling and a higher one, which goes by
   *     their mean
   */
  public record Config(double cpuPercent, int windowMs, int calmWindows) {
    public static final Config DEFAULTS = new Config(1, 1000, 5);

    public Config {
      if (!(cpuPercent >= 0 && cpuPercent <= 100)) {
        throw new IllegalArgumentException("cpu-percent must be 0 to 100, not " + cpuPercent);
      }
      if (windowMs < 100 || windowMs > 600_000) {
        throw new IllegalArgumentException("window-ms must be 100 to 600000");
      }
      if (calmWindows < 1 || calmWindows > 1000) {
        throw new IllegalArgumentException("calm-windows must be 1 to 1000");
      }
    }
  }

  /**
   * Processor time that telemetry has taken.
   *
   * @param recordingNanos of finished requests, with their metrics and spans
   * @param scrapesNanos of {@code /metrics}
   * @param exportNanos of the agent's threads that encode and send spans
   */
  public record Spent(long recordingNanos, long scrapesNanos, long exportNanos) {
    public static final Spent NOTHING = new Spent(0, 0, 0);

    long nanos() {
      return recordingNanos + scrapesNanos + exportNanos;
    }

    private Spent since(Spent before) {
      return new Spent(
          Math.max(0, recordingNanos - before.recordingNanos),
          Math.max(0, scrapesNanos - before.scrapesNanos),
          Math.max(0, exportNanos - before.exportNanos));
    }
  }

  /**
   * Shares of the time of all cores in a window.
   *
   * @param allowed what they may be together; 0 where they may be any
   */
  public record Shares(double recording, double scrapes, double export, double allowed) {
    static final Shares NONE = new Shares(0, 0, 0, 0);

    /** All of it. */
    public double sum() {
      return recording + scrapes + export;
    }
  }

  /**
   * How it stands.
   *
   * @param ceiling nothing is told above it, but of kept traces; {@link TraceDetail#STEPS} where
   *     nothing is held back
   * @param told share of the requests of which nothing is of interest; 1 where all are told
   * @param shares what telemetry took in the last window
   * @param sinceNanos when the ceiling became this one
   * @param why what it took when it was last too much; null where nothing is held back
   */
  public record State(
      TraceDetail ceiling, double told, Shares shares, long sinceNanos, @Nullable Shares why) {
    /** Of the time of all cores that telemetry took in the last window. */
    public double share() {
      return shares.sum();
    }
  }

  private final int cores;

  /** By rung: what it takes, beside the rung below it. */
  private final double[] ratios = new double[RUNGS.size() - 1];

  /** Shares of the last windows, none from before the last change. */
  private final Deque<Double> recent = new ArrayDeque<>();

  private volatile State state;
  private long lastNanos;
  private Spent lastSpent;
  private double lastShare;

  /** Since the last change. */
  private int windows;

  private int little;
  private int rung;

  /** Where it was before the last change, and the mean share there. */
  private int rungBefore;

  private double shareBefore;

  /**
   * @param cores whose time is shared
   * @param nowNanos and spent: as of {@link #look}, where the first window begins
   */
  public Governor(int cores, long nowNanos, Spent spent) {
    this.cores = cores;
    this.lastNanos = nowNanos;
    this.lastSpent = spent;
    Arrays.fill(ratios, 1);
    this.state = state(0, Shares.NONE, nowNanos, null);
  }

  /**
   * A window has ended.
   *
   * @param config may be another one each time
   * @param nowNanos of a clock that never steps back
   * @param spent that telemetry has taken so far
   * @return how it stands now
   */
  public State look(Config config, long nowNanos, Spent spent) {
    Shares shares = shares(config, nowNanos, spent);
    recent.addLast(shares.sum());
    while (recent.size() > config.calmWindows()) {
      recent.removeFirst();
    }
    learn();
    int next = config.cpuPercent() == 0 ? 0 : next(config, shares.sum());
    Shares why = next == 0 ? null : next > rung ? shares : state.why();
    state = state(next, shares, next == rung ? state.sinceNanos() : nowNanos, why);
    move(next);
    return state;
  }

  private void move(int to) {
    if (to != rung) {
      rungBefore = rung;
      shareBefore = mean();
      rung = to;
      little = 0;
      windows = 0;
      recent.clear();
    }
  }

  private double mean() {
    return recent.stream().mapToDouble(Double::doubleValue).average().orElse(0);
  }

  private Shares shares(Config config, long nowNanos, Spent spent) {
    double window = (double) Math.max(1, nowNanos - lastNanos) * cores;
    Spent took = spent.since(lastSpent);
    lastNanos = nowNanos;
    lastSpent = spent;
    return new Shares(
        took.recordingNanos() / window,
        took.scrapesNanos() / window,
        took.exportNanos() / window,
        config.cpuPercent() / 100);
  }

  private State state(int at, Shares shares, long sinceNanos, @Nullable Shares why) {
    Rung its = RUNGS.get(at);
    return new State(its.ceiling(), its.told(), shares, sinceNanos, why);
  }

  /** What one rung is worth, where the last change was by one. */
  private void learn() {
    if (++windows > LEARNING_WINDOWS) {
      return;
    }
    if (rung == rungBefore + 1) {
      ratios[rungBefore] = ratio(shareBefore, mean());
    } else if (rung == rungBefore - 1) {
      ratios[rung] = ratio(mean(), shareBefore);
    }
  }

  private static double ratio(double higher, double lower) {
    return lower <= 0 ? MOST_RATIO : Math.clamp(higher / lower, 1, MOST_RATIO);
  }

  private int next(Config config, double share) {
    double limit = config.cpuPercent() / 100;
    boolean whole = recent.size() == config.calmWindows();
    boolean again = lastShare > limit && recent.size() > 1;
    lastShare = share;
    if ((share > limit && again) || (whole && mean() > limit + ROUNDING)) {
      return Math.min(rung + 1, RUNGS.size() - 1);
    }
    if (!whole || rung == 0) {
      return rung;
    }
    little = mean() < limit * LITTLE ? little + 1 : 0;
    return little < TRY_AFTER_WINDOWS ? affordable(limit * AFFORDABLE) : rung - 1;
  }

  /** The highest rung whose traces can be paid for. */
  private int affordable(double most) {
    double would = mean();
    int to = rung;
    while (to > 0 && would * ratios[to - 1] <= most) {
      would *= ratios[to - 1];
      to--;
    }
    return to;
  }

  public State state() {
    return state;
  }
}
