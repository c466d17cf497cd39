package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.routing.Decision.Candidate;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Sends a request to the replica with the fewest requests.
 *
 * <p>A replica's load is what this gateway has there, or what the replica reports of itself when
 * that is more: other gateways' work shows only there, and its report is up to a poll old, so
 * adding the two would count our own work twice. Ties go round by the request's turn.
 */
public final class LeastLoaded implements RoutingPolicy {
  static final String NAME = "least-loaded";

  @Override
  public Decision route(List<ReplicaView> replicas, RouteRequest request) {
    List<Candidate> table = new ArrayList<>(replicas.size());
    List<Candidate> best = new ArrayList<>(replicas.size());
    for (ReplicaView replica : replicas) {
      if (!replica.model().equals(request.model())) {
        continue;
      }
      Candidate candidate = candidate(replica, request);
      table.add(candidate);
      if (candidate.rejected() == null) {
        keepBest(best, candidate);
      }
    }
    String chosen =
        best.isEmpty()
            ? null
            : best.get((int) Math.floorMod(request.turn(), (long) best.size())).replica();
    return new Decision(NAME, chosen, table);
  }

  private static void keepBest(List<Candidate> best, Candidate candidate) {
    if (!best.isEmpty() && candidate.score() < best.getFirst().score()) {
      best.clear();
    }
    if (best.isEmpty() || candidate.score() == best.getFirst().score()) {
      best.add(candidate);
    }
  }

  private static Candidate candidate(ReplicaView replica, RouteRequest request) {
    String rejected = rejection(replica, request);
    double score =
        rejected == null
            ? Math.max(replica.inFlight(), replica.running() + replica.waiting())
            : Double.NaN;
    return new Candidate(
        replica.id(),
        rejected,
        score,
        replica.inFlight(),
        replica.running(),
        replica.waiting(),
        replica.reportAgeMs());
  }

  private static @Nullable String rejection(ReplicaView replica, RouteRequest request) {
    if (!replica.routable()) {
      return "state " + replica.state();
    }
    return request.excluded().contains(replica.id()) ? "already failed this request" : null;
  }
}
