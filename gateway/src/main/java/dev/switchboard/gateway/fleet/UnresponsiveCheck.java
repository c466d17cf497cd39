package dev.switchboard.gateway.fleet;

/**
 * Whether a worker that says nothing is to be left. Pure.
 *
 * <p>One that is silent while others answer has stopped. Where most of a model's workers are silent
 * at once, it is rather this gateway or this machine that is slow: to take them out would leave
 * nobody, and to move their streams would move them to the next silent one. So they stay for a
 * while; but when nobody has said anything for long, it is better to say so than to let requests
 * wait.
 */
final class UnresponsiveCheck {
  /** So many times the patience, and it is believed whatever the others do. */
  static final int LONG = 4;

  private UnresponsiveCheck() {}

  /**
   * Decides.
   *
   * @param replicas of the model
   * @param quiet of them, itself included, that said nothing for at least half of the patience
   * @param out of them that do not serve already, for whatever reason
   * @param silentNanos how long it has been silent, the patience included
   */
  static boolean leave(int replicas, int quiet, int out, long silentNanos, long patienceNanos) {
    if (silentNanos >= LONG * patienceNanos) {
      return true;
    }
    return 2 * quiet <= replicas && out + 1 <= replicas / 2;
  }
}
