package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LeastLoadedTest {
  private static final long NOW = 1_000_000_000L;

  private final LeastLoaded policy = new LeastLoaded();

  @Test
  void theReplicaWithTheFewestRequestsIsChosen() {
    Decision decision =
        policy.route(List.of(replica("w0", 3, 0), replica("w1", 1, 0)), request(0), NOW);

    assertEquals("w1", decision.chosen());
  }

  @Test
  void whatAReplicaReportsCountsWhenItIsMoreThanOurOwn() {
    Decision decision =
        policy.route(List.of(replica("w0", 1, 9), replica("w1", 2, 2)), request(0), NOW);

    assertEquals("w1", decision.chosen());
  }

  @Test
  void tiesGoRound() {
    List<ReplicaView> replicas = List.of(replica("w0", 1, 0), replica("w1", 1, 0));

    assertEquals("w0", policy.route(replicas, request(0), NOW).chosen());
    assertEquals("w1", policy.route(replicas, request(1), NOW).chosen());
    assertEquals("w0", policy.route(replicas, request(2), NOW).chosen());
  }

  @Test
  void aReplicaThatIsNotReadyOrFailedThisRequestIsRejectedWithTheReason() {
    ReplicaView warming = ReplicaView.of("w0", "m").withState("WARMING");

    Decision decision =
        policy.route(
            List.of(warming, replica("w1", 0, 0), replica("w2", 5, 0)),
            RouteRequest.of("m").withExcluded(Set.of("w1")),
            NOW);

    assertEquals("w2", decision.chosen());
    assertEquals("state WARMING", decision.candidates().get(0).rejected());
    assertEquals("already failed this request", decision.candidates().get(1).rejected());
    assertNull(decision.candidates().get(2).rejected());
  }

  @Test
  void replicasOfOtherModelsAreNoCandidates() {
    ReplicaView other = ReplicaView.of("w0", "other");

    Decision decision = policy.route(List.of(other), request(0), NOW);

    assertNull(decision.chosen());
    assertTrue(decision.candidates().isEmpty());
  }

  private static ReplicaView replica(String id, int inFlight, int running) {
    return ReplicaView.of(id, "m").withInFlight(inFlight).withReport(running, 0, 0, 10);
  }

  private static RouteRequest request(long turn) {
    return RouteRequest.of("m").withTurn(turn);
  }
}
