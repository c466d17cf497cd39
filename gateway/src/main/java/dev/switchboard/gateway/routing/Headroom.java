package dev.switchboard.gateway.routing;

import java.util.List;

/**
 * Whether a replica could take one more request that nobody waits for, and keep what it promised to
 * others. Pure.
 *
 * <p>A promise that a replica would not even keep to a request that it had for itself does not
 * bind: to hold others back would help nobody. Nor does any where nothing is known yet.
 */
public final class Headroom {
  /**
   * Of the time to a first token so much may be used up by what waits there already. What it is
   * there for is the prompt of the request that comes next, and the rest of the one before.
   */
  private static final double SHARE_OF_TTFT = 0.05;

  private Headroom() {}

  /**
   * Replicas that have room for one more; {@link Integer#MAX_VALUE} where nothing is promised, or
   * where none takes requests, since it is not room that is missing then.
   *
   * @param ttftMs promised to whoever comes next; infinite for nothing, as {@code tpotMs}
   */
  public static int rooms(List<ReplicaView> replicas, double ttftMs, double tpotMs, long nowNanos) {
    boolean promised = Double.isFinite(ttftMs) || Double.isFinite(tpotMs);
    boolean open = false;
    int rooms = 0;
    for (ReplicaView replica : replicas) {
      if (replica.refusal() == null) {
        open = true;
        promised |= replica.own().paceMs() > 0;
        rooms += has(replica, ttftMs, tpotMs, nowNanos) ? 1 : 0;
      }
    }
    return open && promised ? rooms : Integer.MAX_VALUE;
  }

  private static boolean has(ReplicaView replica, double ttftMs, double tpotMs, long nowNanos) {
    Rates rates = replica.own().rates();
    double backlogMs =
        rates.backlogMs(replica.own().backlog(), nowNanos) + replica.own().overdueMs();
    return !rates.believed(nowNanos)
        || ((backlogMs <= SHARE_OF_TTFT * ttftMs || rates.ttftMs(Load.NONE, 0) > ttftMs)
            && keeps(replica, tpotMs, nowNanos)
            && keeps(replica, replica.own().paceMs(), nowNanos));
  }

  /** Whether its tokens would come at such a pace with one more beside those that are there. */
  private static boolean keeps(ReplicaView replica, double tpotMs, long nowNanos) {
    Rates rates = replica.own().rates();
    Load load = new Load(0, 0, replica.load().requests());
    double likelyMs = rates.predict(load, 0, 1, 0, nowNanos).likelyTpotMs();
    return likelyMs <= tpotMs || !rates.couldKeep(tpotMs, nowNanos);
  }
}
