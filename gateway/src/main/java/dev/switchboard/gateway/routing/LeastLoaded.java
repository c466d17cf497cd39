package dev.switchboard.gateway.routing;

import java.util.List;

/**
 * Sends a request to the replica with the fewest requests.
 *
 * <p>What this gateway has there is exact; what others have there is as old as the last report.
 */
public final class LeastLoaded implements RoutingPolicy {
  static final String NAME = "least-loaded";

  @Override
  public Decision route(List<ReplicaView> replicas, RouteRequest request, long nowNanos) {
    return Scoring.decide(
        NAME,
        replicas,
        request,
        nowNanos,
        0,
        (candidates, wanted, scores) -> {
          for (int i = 0; i < scores.length; i++) {
            scores[i] = candidates.get(i).view().requests();
          }
        });
  }
}
