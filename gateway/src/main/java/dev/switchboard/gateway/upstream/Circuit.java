package dev.switchboard.gateway.upstream;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Whether a replica's answers are good enough to send it more.
 *
 * <pre>
 *   CLOSED ── enough failures ──▶ OPEN ── backoff over, healthy ──▶ HALF_OPEN ── served ──▶ CLOSED
 *                                  ▲                                   │
 *                                  └──────── failed: twice as long ────┘
 * </pre>
 *
 * <p>Failures count in a row, and as a share of the answers in a sliding window. In a row means
 * begun one after another, see {@link FailureRuns}: a long answer that ends well tells how the
 * replica was when it began. So what began before the circuit last opened or closed says nothing
 * any more. In HALF_OPEN one request at a time goes there. Plain: the time comes in, and so does
 * the jitter of the backoff. Safe on any thread.
 */
public final class Circuit {
  private static final int SLICES = 10;
  private static final double LATENCY_WEIGHT = 0.1;

  private static final double FARTHER = 2;
  private static final double LEAST_USUAL_MS = 0.01;

  /** A machine with other work makes 30 ms of a mean of 3, and nobody minds so much. */
  private static final double LEAST_LATER_MS = 50;

  /**
   * When a circuit opens, and for how long.
   *
   * @param failures in a row that open it; 0 turns circuits off
   * @param errorRate share of failures in the window that opens it
   * @param minRequests in the window before a share or a latency says anything
   * @param windowMs that window
   * @param latencyFactor a mean time to the first token so many times what its load explains, by
   *     the median of the other replicas, and 50 ms above that, opens it too; 0 turns that off
   * @param openMs first backoff; doubles up to {@code openMaxMs}
   */
  public record Config(
      int failures,
      double errorRate,
      int minRequests,
      int windowMs,
      double latencyFactor,
      long openMs,
      long openMaxMs) {
    public static final Config DEFAULTS = new Config(5, 0.5, 20, 10_000, 5, 1000, 60_000);

    public Config {
      range("failures", failures, 0, 1000);
      range("error-rate", errorRate, 0.01, 1);
      range("min-requests", minRequests, 1, 100_000);
      range("window-ms", windowMs, 100, 3_600_000);
      if (latencyFactor != 0) {
        range("latency-factor", latencyFactor, 1.5, 1000);
      }
      range("open-ms", (double) openMs, 10, 60_000);
      range("open-max-ms", (double) openMaxMs, (double) openMs, 3_600_000);
    }

    private static void range(String name, double value, double low, double high) {
      if (!(value >= low && value <= high)) {
        throw new IllegalArgumentException(
            name + " must be " + (long) low + " to " + (long) high + ", not " + value);
      }
    }
  }

  /** Where it is; see the class's picture. */
  public enum State {
    CLOSED,
    OPEN,
    HALF_OPEN
  }

  /**
   * A time to a first token.
   *
   * @param usualMs what replicas of the model usually take under the load that was there
   */
  public record FirstToken(double ms, double usualMs) {
    double excess() {
      return ms / Math.max(LEAST_USUAL_MS, usualMs);
    }
  }

  /** A request that was sent, until it is told how it ended. */
  public static final class Call {
    private final FailureRuns runs;
    private final FailureRuns.Place place;

    private Call(FailureRuns runs) {
      this.runs = runs;
      this.place = runs.begin();
    }
  }

  private Config config;
  private final int[] served = new int[SLICES];
  private final int[] failed = new int[SLICES];
  private long slice;
  private State state = State.CLOSED;
  private FailureRuns runs = new FailureRuns();
  private int openings;
  private long closedNanos;
  private @Nullable Call probe;
  private double latencyMs;
  private double usualMs;
  private int latencies;

  public Circuit(Config config) {
    this.config = config;
  }

  /** Goes by other limits from now on; what was counted in another window is forgotten. */
  public synchronized void reconfigure(Config other) {
    if (other.windowMs() != config.windowMs()) {
      Arrays.fill(served, 0);
      Arrays.fill(failed, 0);
      slice = 0;
    }
    config = other;
  }

  public synchronized State state() {
    return state;
  }

  /** Whether a request may be sent. */
  public synchronized boolean admits() {
    return state == State.CLOSED || (state == State.HALF_OPEN && probe == null);
  }

  /**
   * A request wants to be sent; in HALF_OPEN it becomes the one that probes.
   *
   * @return null when it may not
   */
  public synchronized @Nullable Call enter() {
    if (!admits()) {
      return null;
    }
    Call call = new Call(runs);
    probe = state == State.HALF_OPEN ? call : null;
    return call;
  }

  /** A request ended in a way that says nothing of the replica. */
  public synchronized void left(Call call) {
    if (counts(call)) {
      runs.left(call.place);
    }
  }

  /**
   * Whether it tells of the replica as it is; if so, and it was the one that probes, it is over.
   */
  private boolean counts(Call call) {
    probe = probe == call ? null : probe;
    return call.runs == runs;
  }

  /**
   * A good answer.
   *
   * @param firstToken null where its time is not known
   */
  public synchronized void served(Call call, @Nullable FirstToken firstToken, long nowNanos) {
    if (!counts(call)) {
      return;
    }
    advance(nowNanos);
    served[at()]++;
    runs.served(call.place);
    if (firstToken != null) {
      latency(firstToken);
    }
    if (state == State.HALF_OPEN) {
      close(nowNanos);
    }
  }

  /**
   * A request is given up whose first token has not come for so long; all else is told by its end.
   */
  public synchronized void late(Call call, FirstToken atLeast) {
    if (call.runs == runs) {
      latency(atLeast);
    }
  }

  private void latency(FirstToken firstToken) {
    double weight = Math.max(LATENCY_WEIGHT, 1.0 / (latencies + 1));
    latencyMs += weight * (firstToken.ms - latencyMs);
    usualMs += weight * (firstToken.usualMs - usualMs);
    latencies++;
  }

  private void close(long nowNanos) {
    state = State.CLOSED;
    closedNanos = nowNanos;
    clear();
  }

  /**
   * A bad answer, or none.
   *
   * @return whether the circuit should open
   */
  public synchronized boolean failed(Call call, long nowNanos) {
    if (!counts(call)) {
      return false;
    }
    advance(nowNanos);
    failed[at()]++;
    int inRow = runs.failed(call.place);
    if (config.failures() == 0 || state == State.OPEN) {
      return false;
    }
    int bad = Arrays.stream(failed).sum();
    int all = bad + Arrays.stream(served).sum();
    return state == State.HALF_OPEN
        || inRow >= config.failures()
        || (all >= config.minRequests() && bad >= config.errorRate() * all);
  }

  /** Opens it: each time in a row for twice as long, with up to half of that more as jitter. */
  public synchronized void open(long nowNanos, double jitter) {
    boolean again = state == State.HALF_OPEN || nowNanos - closedNanos < openNanos(openings);
    openings = again ? Math.min(openings + 1, 30) : 1;
    state = State.OPEN;
    closedNanos = nowNanos + (long) (openNanos(openings) * (1 + 0.5 * jitter));
    clear();
  }

  private long openNanos(int times) {
    long millis = config.openMs() << Math.min(20, Math.max(0, times - 1));
    return Math.min(millis, config.openMaxMs()) * 1_000_000;
  }

  private void clear() {
    Arrays.fill(served, 0);
    Arrays.fill(failed, 0);
    runs = new FailureRuns();
    latencies = 0;
    latencyMs = 0;
    usualMs = 0;
    probe = null;
  }

  /** Whether it was open for long enough; true where it is not open. */
  public synchronized boolean mayReturn(long nowNanos) {
    return state != State.OPEN || nowNanos >= closedNanos;
  }

  /**
   * It was open for long enough, somebody says. One that fails again soon is open for twice as long
   * as it was to be before.
   */
  public synchronized void endWait(long nowNanos) {
    closedNanos = Math.min(closedNanos, nowNanos);
  }

  /** The replica is healthy again; one request shall show whether it serves. */
  public synchronized void returned() {
    if (state == State.OPEN) {
      state = State.HALF_OPEN;
    }
  }

  /** Another process took its place. */
  public synchronized void reset() {
    state = State.CLOSED;
    openings = 0;
    closedNanos = 0;
    clear();
  }

  /** Mean times to the first token of late; null while too little is known. */
  public synchronized @Nullable FirstToken latency() {
    return latencies < config.minRequests() ? null : new FirstToken(latencyMs, usualMs);
  }

  /**
   * Whether a replica is so much slower than its peers that it is no use. Each is measured by what
   * its load explains: one that has much to do is no outlier. A queue that it has for being slow
   * explains much of what it takes, so twice of that is enough where it takes twice as many times
   * what the others do.
   *
   * @param peers their mean times to the first token
   */
  public static boolean slow(FirstToken own, List<FirstToken> peers, double factor) {
    if (factor == 0 || peers.isEmpty()) {
      return false;
    }
    double explainedMs = median(peers, FirstToken::excess) * own.usualMs;
    double othersMs = median(peers, FirstToken::ms);
    boolean far = own.ms > factor * explainedMs;
    boolean farther = own.ms > FARTHER * factor * othersMs && own.ms > FARTHER * explainedMs;
    return (far || farther) && own.ms > explainedMs + LEAST_LATER_MS;
  }

  private static double median(List<FirstToken> peers, ToDoubleFunction<FirstToken> value) {
    double[] sorted = peers.stream().mapToDouble(value).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  private void advance(long nowNanos) {
    long now = nowNanos / (config.windowMs() * 1_000_000L / SLICES);
    for (long i = Math.max(slice + 1, now - SLICES + 1); i <= now; i++) {
      served[(int) Math.floorMod(i, (long) SLICES)] = 0;
      failed[(int) Math.floorMod(i, (long) SLICES)] = 0;
    }
    slice = Math.max(slice, now);
  }

  private int at() {
    return (int) Math.floorMod(slice, (long) SLICES);
  }
}
