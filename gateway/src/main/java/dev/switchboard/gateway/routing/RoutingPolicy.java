package dev.switchboard.gateway.routing;

import java.util.List;

/** Chooses a replica; pure. */
@FunctionalInterface
public interface RoutingPolicy {
  Decision route(List<ReplicaView> replicas, RouteRequest request);
}
