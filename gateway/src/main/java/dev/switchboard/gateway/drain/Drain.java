package dev.switchboard.gateway.drain;

/**
 * A replica that is being emptied, from the moment it takes no more work until nothing runs there.
 *
 * <p>The driver asks {@link #next} what to do; event loops tell what became of each request. Safe
 * on any thread; the time comes in.
 */
public final class Drain {
  /** Requests that could not go when they were asked are asked again. */
  private static final long ASK_AGAIN_NANOS = 250_000_000;

  /** What the driver does next. */
  public enum Action {
    WAIT,
    /** Ask every request there to go elsewhere. */
    ASK,
    /** The replica is empty. */
    DONE
  }

  /** What became of a request. */
  public enum Departure {
    FINISHED,
    /** Its stream is cut and goes on elsewhere. */
    MOVED,
    /** Nothing of it went out: it begins anew elsewhere. */
    RESTARTED,
    /** Its client left. */
    ABANDONED,
    /** It failed there. */
    FAILED
  }

  /**
   * How it went, or goes.
   *
   * @param requests that were there when it began
   * @param finished in place; {@code moved}: streams that go on elsewhere; {@code restarted}: begun
   *     anew there; {@code abandoned} by their clients
   * @param broken for their clients: a stream that nobody went on with, or an answer that failed
   * @param remaining still there
   * @param between moved, and not yet gone on with
   * @param longestPauseMs from the cut of a moved stream to its next bytes
   * @param durationMs so far
   * @param done it is empty, and all that moved went on
   */
  public record Report(
      int requests,
      int finished,
      int moved,
      int restarted,
      int abandoned,
      int broken,
      int remaining,
      int between,
      double longestPauseMs,
      long durationMs,
      boolean done) {}

  private final long startNanos;
  private long graceNanos;
  private final int requests;
  private int finished;
  private int moved;
  private int restarted;
  private int between;
  private int abandoned;
  private int broken;
  private long longestPauseNanos;
  private long askedNanos;
  private long endNanos;

  /**
   * @param requests that are there
   * @param graceMs they may take to end where they are
   */
  public Drain(int requests, long graceMs, long nowNanos) {
    this.requests = requests;
    this.graceNanos = graceMs * 1_000_000;
    this.startNanos = nowNanos;
  }

  /** Nothing may end where it is any more: the replica does not wait for that. */
  public synchronized void hurry() {
    graceNanos = 0;
  }

  /** How much longer requests may end where they are. */
  public synchronized long graceLeftMs(long nowNanos) {
    return Math.max(0, graceNanos - (nowNanos - startNanos)) / 1_000_000;
  }

  /** What to do at a moment. */
  public synchronized Action next(int inFlight, long nowNanos) {
    if (endNanos != 0 || inFlight == 0) {
      endNanos = endNanos == 0 ? nowNanos : endNanos;
      return Action.DONE;
    }
    boolean due =
        nowNanos - startNanos >= graceNanos
            && (askedNanos == 0 || nowNanos - askedNanos >= ASK_AGAIN_NANOS);
    if (due) {
      askedNanos = nowNanos;
      return Action.ASK;
    }
    return Action.WAIT;
  }

  /** A request left the replica. */
  public synchronized void left(Departure how) {
    switch (how) {
      case FINISHED -> finished++;
      case MOVED -> {
        moved++;
        between++;
      }
      case RESTARTED -> restarted++;
      case ABANDONED -> abandoned++;
      case FAILED -> broken++;
    }
  }

  /** A moved stream's client got more after a pause. */
  public synchronized void resumed(long pauseNanos) {
    between--;
    longestPauseNanos = Math.max(longestPauseNanos, pauseNanos);
  }

  /** A moved stream broke: nobody went on with it. */
  public synchronized void notResumed() {
    between--;
    moved--;
    broken++;
  }

  /** A moved stream's client left before anybody went on with it. */
  public synchronized void abandonedMeanwhile() {
    between--;
    moved--;
    abandoned++;
  }

  /** How it goes. */
  public synchronized Report report(int inFlight, long nowNanos) {
    long until = endNanos == 0 ? nowNanos : endNanos;
    return new Report(
        requests,
        finished,
        moved,
        restarted,
        abandoned,
        broken,
        inFlight,
        between,
        longestPauseNanos / 1e6,
        (until - startNanos) / 1_000_000,
        endNanos != 0 && between == 0);
  }
}
