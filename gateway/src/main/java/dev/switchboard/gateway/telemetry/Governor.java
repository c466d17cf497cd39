package dev.switchboard.gateway.telemetry;

import java.util.List;

/**
 * Lowers how much traces tell while telemetry takes more of the machine than it may, and raises it
 * again when it has long taken far less.
 *
 * <p>Looks at one window after the other. A window above the limit lowers the ceiling by one level,
 * down to {@link TraceDetail#REQUEST}, and then the share of requests that are told although
 * nothing makes them of interest: where thousands end in a second, their few spans each are what
 * costs. So many windows in a row below half of the limit go back by one step. Where that was too
 * much, because the next step is down again, the patience doubles, so that a load that is just too
 * high for a level does not make it flap; it is forgotten once a raised ceiling held for as long as
 * it took to raise it. One thread at a time looks; {@link #state} may be asked on any.
 */
public final class Governor {
  /** As a share of the limit, below which a window is calm. */
  private static final double CALM = 0.5;

  private static final int MOST_DOUBLINGS = 6;

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
   * @param calmWindows in a row that raise the ceiling
   */
  public record Config(double cpuPercent, int windowMs, int calmWindows) {
    public static final Config DEFAULTS = new Config(1, 5000, 12);

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
   * How it stands.
   *
   * @param ceiling nothing is told above it; {@link TraceDetail#STEPS} where nothing is held back
   * @param told share of the requests of which nothing is of interest; 1 where all are told
   * @param share of the time of all cores that telemetry took in the last window
   * @param sinceNanos when the ceiling became this one
   */
  public record State(TraceDetail ceiling, double told, double share, long sinceNanos) {}

  private final int cores;
  private volatile State state;
  private long lastNanos;
  private long lastSpentNanos;
  private int calm;
  private int doublings;
  private int rung;
  private boolean raised;

  /**
   * @param cores whose time is shared
   * @param nowNanos and spentNanos: as of {@link #look}, where the first window begins
   */
  public Governor(int cores, long nowNanos, long spentNanos) {
    this.cores = cores;
    this.lastNanos = nowNanos;
    this.lastSpentNanos = spentNanos;
    this.state = state(0, nowNanos);
  }

  /**
   * A window has ended.
   *
   * @param config may be another one each time
   * @param nowNanos of a clock that never steps back
   * @param spentNanos processor time that telemetry has taken so far
   * @return how it stands now
   */
  public State look(Config config, long nowNanos, long spentNanos) {
    double share =
        Math.max(0, spentNanos - lastSpentNanos)
            / ((double) Math.max(1, nowNanos - lastNanos) * cores);
    lastNanos = nowNanos;
    lastSpentNanos = spentNanos;
    int before = rung;
    rung = next(config, share);
    state = state(share, rung == before ? state.sinceNanos() : nowNanos);
    return state;
  }

  private State state(double share, long sinceNanos) {
    Rung at = RUNGS.get(rung);
    return new State(at.ceiling(), at.told(), share, sinceNanos);
  }

  private int next(Config config, double share) {
    double limit = config.cpuPercent() / 100;
    if (limit == 0) {
      return 0;
    }
    if (share > limit) {
      calm = 0;
      return lowered();
    }
    calm = share < limit * CALM ? calm + 1 : 0;
    return calm < config.calmWindows() << doublings ? rung : raised();
  }

  private int lowered() {
    if (raised) {
      doublings = Math.min(MOST_DOUBLINGS, doublings + 1);
    }
    raised = false;
    return Math.min(rung + 1, RUNGS.size() - 1);
  }

  private int raised() {
    calm = 0;
    if (raised) {
      doublings = 0;
    }
    raised = rung > 0;
    return raised ? rung - 1 : rung;
  }

  public State state() {
    return state;
  }
}
