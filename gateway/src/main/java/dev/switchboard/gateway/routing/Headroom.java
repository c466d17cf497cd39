package dev.switchboard.gateway.routing;

import java.util.List;

/**
 * Whether a replica could take one more request that nobody waits for, and keep what it promised to
 * others. Pure.
 *
 * <p>A promise that a replica would not even keep to a request that it had for itself does not
 * bind: to hold others back would help nobody. To whoever comes next it would keep what two of
 * three times stay below, with as many prompts in between as of late, which is what it is asked to
 * keep beside one more; so an idle replica always has room. Of who is there already it is asked
 * whether there is an even chance while no prompts come in between: that is what holding others
 * back gives. Nothing binds where nothing is known yet.
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
   * @param promise to whoever comes next
   * @param promptTokens that such a request usually has
   */
  public static int rooms(
      List<ReplicaView> replicas, LatencyTarget promise, double promptTokens, long nowNanos) {
    boolean promised = promise.binds();
    boolean open = false;
    int rooms = 0;
    for (ReplicaView replica : replicas) {
      if (replica.refusal() == null) {
        open = true;
        promised |= replica.own().paceMs() > 0;
        rooms += has(replica, promise, promptTokens, nowNanos) ? 1 : 0;
      }
    }
    return open && promised ? rooms : Integer.MAX_VALUE;
  }

  /**
   * The shortest times that any replica could keep to a request that it had for itself; {@link
   * Promise#NONE} where nothing is known.
   *
   * @param promptTokens of the request
   */
  public static LatencyTarget alone(
      List<ReplicaView> replicas, double promptTokens, long nowNanos) {
    LatencyTarget best = LatencyTarget.NONE;
    for (ReplicaView replica : replicas) {
      Rates rates = replica.own().rates();
      if (replica.refusal() == null && rates.believed(nowNanos)) {
        best = best.and(rates.alone(promptTokens, nowNanos));
      }
    }
    return best;
  }

  private static boolean has(
      ReplicaView replica, LatencyTarget promise, double promptTokens, long nowNanos) {
    Rates rates = replica.own().rates();
    if (!rates.believed(nowNanos)) {
      return true;
    }
    Workload.Snapshot own = replica.own();
    Load waiting = new Load(own.waiting(), own.waitingTokens(), 0);
    double waitMs = rates.backlogMs(waiting, nowNanos) + own.overdueMs();
    double tokenMs = rates.likelyTpotMs(replica.load().requests(), nowNanos);
    double ttftMs = promise.ttftMs();
    double tpotMs = promise.tpotMs();
    return (waitMs <= SHARE_OF_TTFT * ttftMs
            || rates.alone(promptTokens, nowNanos).ttftMs() > ttftMs)
        && (tokenMs <= tpotMs || rates.likelyTpotMs(0, nowNanos) > tpotMs)
        && (tokenMs <= own.paceMs() || !rates.couldKeep(own.paceMs(), nowNanos));
  }
}
