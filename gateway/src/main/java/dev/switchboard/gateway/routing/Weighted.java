package dev.switchboard.gateway.routing;

import java.util.List;

/**
 * Spreads requests in the ratio of the replicas' weights, whatever they have to do.
 *
 * <p>Rendezvous hashing over the request's turn: the lowest of {@code −ln(u)/weight}, with {@code
 * u} uniform for each pair of turn and replica, is a replica's with the probability of its weight's
 * share.
 */
public final class Weighted implements RoutingPolicy {
  static final String NAME = "weighted";

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
            ReplicaView view = candidates.get(i).view();
            long hash =
                Scoring.mix(
                    Scoring.mix(wanted.turn()) + view.id().hashCode() * 0x9e3779b97f4a7c15L);
            scores[i] = -Math.log(Scoring.unit(hash)) / view.weight();
          }
        });
  }
}
