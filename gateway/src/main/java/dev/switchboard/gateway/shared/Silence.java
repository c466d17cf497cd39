package dev.switchboard.gateway.shared;

/**
 * Whether a server that is asked all the time has stopped answering: three questions in a row had
 * no answer in time, each asked when the one before was given up. One late answer says nothing, nor
 * do a hundred that were asked in the same moment, nor those of a process that has just begun to
 * ask and was answered before: there the process is slow, not the server. Safe on any thread.
 */
final class Silence {
  private static final int MOST = 3;

  private final long startNanos;
  private boolean heard;
  private boolean begun;
  private long firstNanos;
  private int missed;
  private long givenUpNanos;

  /**
   * @param startNanos how long from the first request on late answers say nothing
   */
  Silence(long startNanos) {
    this.startNanos = startNanos;
  }

  /** An answer came, in time or not. */
  synchronized void heard() {
    heard = true;
  }

  /** A request comes now; says whether this process has just begun. */
  synchronized boolean begins(long nowNanos) {
    if (!begun) {
      begun = true;
      firstNanos = nowNanos;
    }
    return starting(nowNanos);
  }

  private boolean starting(long nanos) {
    return heard && begun && nanos - firstNanos < startNanos;
  }

  synchronized void answered() {
    missed = 0;
  }

  /**
   * A question had no answer in time.
   *
   * @return whether nobody is there
   */
  synchronized boolean missed(long askedNanos, long nowNanos) {
    if (starting(askedNanos)) {
      return false;
    }
    if (missed == 0 || askedNanos - givenUpNanos >= 0) {
      missed++;
      givenUpNanos = nowNanos;
    }
    return missed >= MOST;
  }
}
