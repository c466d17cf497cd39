package dev.switchboard.gateway.routing;

import java.util.List;

/**
 * Draws two replicas and takes the one with fewer requests. The draw comes from the request's turn,
 * so the same request is decided the same way again.
 */
public final class PowerOfTwo implements RoutingPolicy {
  static final String NAME = "power-of-two";

  /** Added to the score of a replica that was not drawn. */
  private static final double NOT_DRAWN = 1e6;

  @Override
  public Decision route(List<ReplicaView> replicas, RouteRequest request, long nowNanos) {
    return Scoring.decide(
        NAME,
        replicas,
        request,
        nowNanos,
        0,
        (candidates, wanted, scores) -> {
          int count = scores.length;
          long hash = Scoring.mix(wanted.turn() + 1);
          int first = (int) Long.remainderUnsigned(hash, count);
          int step =
              count == 1 ? 0 : 1 + (int) Long.remainderUnsigned(Scoring.mix(hash), count - 1);
          int second = (first + step) % count;
          for (int i = 0; i < count; i++) {
            double load = candidates.get(i).view().requests();
            scores[i] = i == first || i == second ? load : load + NOT_DRAWN;
          }
        });
  }
}
