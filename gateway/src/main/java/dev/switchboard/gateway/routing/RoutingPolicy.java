package dev.switchboard.gateway.routing;

import java.util.List;

/** Chooses a replica; pure. */
@FunctionalInterface
public interface RoutingPolicy {
  /**
   * Decides.
   *
   * @param replicas at this moment; those of other models are no candidates
   */
  Decision route(List<ReplicaView> replicas, RouteRequest request, long nowNanos);
}
