package dev.switchboard.gateway.routing;

import java.util.Set;

/**
 * What routing needs to know of a request.
 *
 * @param excluded replicas that already failed it
 * @param turn rising number that breaks ties in turn
 */
public record RouteRequest(String model, Set<String> excluded, long turn) {
  public RouteRequest {
    excluded = Set.copyOf(excluded);
  }
}
