package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.routing.Decision.Candidate;
import java.util.List;

/**
 * Sends a request where most of its prompt is cached, unless that replica is overloaded; without a
 * match, to the one with the fewest requests.
 *
 * <p>A match below a tenth of the prompt is none: the tokens that chat templates have in common
 * would gather everything at one replica.
 */
public final class PrefixAffinity implements RoutingPolicy {
  static final String NAME = "prefix-affinity";

  private static final double LEAST_SHARE = 0.1;
  private static final double OVERLOADED = 1e6;

  @Override
  public Decision route(List<ReplicaView> replicas, RouteRequest request, long nowNanos) {
    return Scoring.decide(NAME, replicas, request, nowNanos, 0, PrefixAffinity::score);
  }

  private static void score(List<Candidate> candidates, RouteRequest request, double[] scores) {
    for (int i = 0; i < scores.length; i++) {
      Candidate candidate = candidates.get(i);
      double load = candidate.view().requests();
      double share = candidate.prefixTokens() / Math.max(1, request.promptTokens());
      boolean overloaded = Scoring.overloaded(candidate, candidates);
      double match = share < LEAST_SHARE ? 0 : share;
      scores[i] = overloaded ? OVERLOADED + load : load / (load + 1) - 1000 * match;
    }
  }
}
