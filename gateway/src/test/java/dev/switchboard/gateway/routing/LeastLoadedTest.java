package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.slo.Slo;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LeastLoadedTest {
  private final LeastLoaded policy = new LeastLoaded();

  @Test
  void theReplicaWithTheFewestRequestsIsChosen() {
    Decision decision = policy.route(List.of(replica("w0", 3, 0), replica("w1", 1, 0)), request(0));

    assertEquals("w1", decision.chosen());
  }

  @Test
  void whatAReplicaReportsCountsWhenItIsMoreThanOurOwn() {
    Decision decision = policy.route(List.of(replica("w0", 1, 9), replica("w1", 2, 2)), request(0));

    assertEquals("w1", decision.chosen());
  }

  @Test
  void tiesGoRound() {
    List<ReplicaView> replicas = List.of(replica("w0", 1, 0), replica("w1", 1, 0));

    assertEquals("w0", policy.route(replicas, request(0)).chosen());
    assertEquals("w1", policy.route(replicas, request(1)).chosen());
    assertEquals("w0", policy.route(replicas, request(2)).chosen());
  }

  @Test
  void aReplicaThatIsNotReadyOrFailedThisRequestIsRejectedWithTheReason() {
    ReplicaView warming = new ReplicaView("w0", "m", false, "WARMING", 0, 0, 0, 0, -1);

    Decision decision =
        policy.route(
            List.of(warming, replica("w1", 0, 0), replica("w2", 5, 0)),
            new RouteRequest("m", Set.of("w1"), 0, Slo.NONE, 0, 100, 100));

    assertEquals("w2", decision.chosen());
    assertEquals("state WARMING", decision.candidates().get(0).rejected());
    assertEquals("already failed this request", decision.candidates().get(1).rejected());
    assertNull(decision.candidates().get(2).rejected());
  }

  @Test
  void replicasOfOtherModelsAreNoCandidates() {
    ReplicaView other = new ReplicaView("w0", "other", true, "READY", 0, 0, 0, 0, 1);

    Decision decision = policy.route(List.of(other), request(0));

    assertNull(decision.chosen());
    assertTrue(decision.candidates().isEmpty());
  }

  private static ReplicaView replica(String id, int inFlight, int running) {
    return new ReplicaView(id, "m", true, "READY", inFlight, running, 0, 0, 10);
  }

  private static RouteRequest request(long turn) {
    return new RouteRequest("m", Set.of(), turn, Slo.NONE, 0, 100, 100);
  }
}
