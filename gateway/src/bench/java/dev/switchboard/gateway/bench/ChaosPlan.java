package dev.switchboard.gateway.bench;

/**
 * How much chaos.
 *
 * @param streams side by side while a worker is killed
 * @param kills each in a run of its own
 * @param frozenSeconds how long a worker is stopped
 * @param silentClients clients that never read
 * @param slowClients of each kind that drip
 * @param leavesPerSecond requests that are given up
 * @param stormSeconds for so long
 * @param overloadSeconds for which more is asked than can be served
 * @param slowSeconds for which a worker is slow when it begins
 */
record ChaosPlan(
    int streams,
    int kills,
    int frozenSeconds,
    int drains,
    int silentClients,
    int slowClients,
    int leavesPerSecond,
    int stormSeconds,
    int overloadSeconds,
    int slowSeconds) {

  /** How much a run does where its options do not say. */
  enum Size {
    /** Each scenario once and small. */
    QUICK,
    /** The table of the module's README. */
    STANDARD;

    ChaosPlan plan() {
      return switch (this) {
        case QUICK -> new ChaosPlan(40, 1, 5, 6, 100, 30, 200, 5, 10, 10);
        case STANDARD -> new ChaosPlan(200, 3, 15, 30, 1000, 300, 1000, 30, 25, 25);
      };
    }
  }
}
