package dev.switchboard.gateway.routing;

import java.util.List;

/**
 * Spreads requests in the ratio of the replicas' weights, whatever they have to do.
 *
 * <p>What differs in weight has its {@link WeightedShare}. Among replicas of one weight rendezvous
 * hashing over the request's turn: the lowest of numbers that are uniform for each pair of turn and
 * replica.
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
            long replica = candidates.get(i).view().id().hashCode() * 0x9e3779b97f4a7c15L;
            scores[i] = Scoring.unit(Scoring.mix(Scoring.mix(wanted.turn()) + replica));
          }
        });
  }
}
