package dev.switchboard.gateway.routing;

/**
 * A replica as routing sees it.
 *
 * @param routable whether its state admits new work; {@code state} is the word for people
 * @param inFlight requests this gateway has there now
 * @param running and waiting: what the replica last reported of itself; 0 when it does not report
 * @param waitingTokens prompt tokens it has not computed yet
 * @param reportAgeMs age of that report; −1 when there is none
 */
public record ReplicaView(
    String id,
    String model,
    boolean routable,
    String state,
    int inFlight,
    int running,
    int waiting,
    long waitingTokens,
    long reportAgeMs) {}
