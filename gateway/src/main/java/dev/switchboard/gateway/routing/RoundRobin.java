package dev.switchboard.gateway.routing;

import java.util.List;

/** Sends requests to one replica after the other, whatever they have to do. */
public final class RoundRobin implements RoutingPolicy {
  static final String NAME = "round-robin";

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
            scores[i] = Math.floorMod(i - wanted.turn(), (long) scores.length);
          }
        });
  }
}
