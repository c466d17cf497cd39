package dev.switchboard.gateway.shared;

/**
 * Whether a server that is asked all the time has stopped answering: three questions in a row had
 * no answer in time, each asked when the one before was given up. One late answer says nothing, nor
 * do a hundred that were asked in the same moment. Safe on any thread.
 */
final class Silence {
  private static final int MOST = 3;

  private int missed;
  private long givenUpNanos;

  synchronized void answered() {
    missed = 0;
  }

  /**
   * A question had no answer in time.
   *
   * @return whether nobody is there
   */
  synchronized boolean missed(long askedNanos, long nowNanos) {
    if (missed == 0 || askedNanos - givenUpNanos >= 0) {
      missed++;
      givenUpNanos = nowNanos;
    }
    return missed >= MOST;
  }
}
