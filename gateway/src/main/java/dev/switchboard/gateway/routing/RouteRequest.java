package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.slo.Slo;
import java.util.Set;

/**
 * What routing needs to know of a request.
 *
 * @param excluded replicas that already failed it
 * @param turn rising number that breaks ties in turn
 * @param slo what it asks for
 * @param elapsedMs since it was accepted
 * @param promptTokens estimated from its bytes
 * @param outputTokens at most, as it says or as is usual
 */
public record RouteRequest(
    String model,
    Set<String> excluded,
    long turn,
    Slo slo,
    double elapsedMs,
    int promptTokens,
    int outputTokens) {
  public RouteRequest {
    excluded = Set.copyOf(excluded);
  }
}
