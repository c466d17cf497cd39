package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.upstream.Circuit;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What becomes of replicas that were found, and of what is wanted of them. */
class FleetFoundTest {
  private static final long A_TICK = 20;

  private final FleetByHand hand = new FleetByHand(List.of(), List.of());
  private final List<ServedRequest.Leave> asked = new ArrayList<>();
  private final ServedRequest guest = FleetByHand.guest(asked::add);

  private static DiscoveredServer found(String pod, DiscoveredServer.Orders orders) {
    return FleetByHand.pod(pod, false, orders);
  }

  private FleetChange take(DiscoveredServer... found) {
    FleetPlan plan =
        FleetPlan.of(
            FleetByHand.WORKERS, Circuit.Config.DEFAULTS, List.of(), List.of(), Instant.EPOCH);
    return hand.fleet().reconfigure(plan.withFound(Set.of("m"), Arrays.asList(found)));
  }

  private Replica ready(String pod) {
    take(found(pod, DiscoveredServer.SERVE));
    return hand.ready("u0");
  }

  @Test
  void aModelWithoutPodsIsServedByNobodyAndNotHopeless() {
    take();

    assertTrue(hand.fleet().serves("m"));
    assertFalse(hand.fleet().hopeless());
    assertFalse(hand.fleet().anyReady());
  }

  @Test
  void aPodThatEndsIsEmptiedThoughNobodyTakesItsPlace() {
    Replica replica = ready("a");
    Replica.Ticket ticket = replica.open(guest, hand.nowNanos());
    assertNotNull(ticket);

    take(found("a", new DiscoveredServer.Leave("pod a ends", 5000)));
    hand.pass(A_TICK);
    assertEquals(ReplicaState.DRAINING, replica.state());
    assertEquals("pod a ends", replica.reason());
    hand.pass(4900);
    assertEquals(List.of(), asked);
    hand.pass(200);
    assertEquals(List.of(ServedRequest.Leave.DRAINED), asked);

    ticket.close(Drain.Departure.FINISHED);
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    assertEquals("", hand.ids());
  }

  @Test
  void oneThatVanishesMeanwhileIsNotWaitedFor() {
    Replica replica = ready("a");
    assertNotNull(replica.open(guest, hand.nowNanos()));
    take(found("a", new DiscoveredServer.Leave("pod a ends", 60_000)));
    hand.pass(A_TICK);
    assertEquals(List.of(), asked);

    take();
    hand.pass(A_TICK);

    assertEquals(List.of(ServedRequest.Leave.DRAINED), asked);
  }

  @Test
  void anotherPodAtTheSameAddressIsAnotherReplica() {
    Replica first = ready("a");

    FleetChange change = take(found("b", DiscoveredServer.SERVE));

    assertEquals(List.of("u1"), change.added());
    assertEquals(List.of("u0"), change.removed());
    assertTrue(first.leaving());
  }

  @Test
  void oneThatIsHeldKeepsItsRequestsAndGetsNoMore() {
    Replica replica = ready("a");
    assertNotNull(replica.open(guest, hand.nowNanos()));

    take(found("a", new DiscoveredServer.Stay("not ready", null, 0)));
    assertEquals(ReplicaState.CORDONED, replica.state());
    assertEquals("not ready", replica.reason());
    assertFalse(replica.cordoned());
    assertFalse(hand.fleet().commands().uncordon(replica));
    assertEquals(List.of(), asked);

    take(found("a", DiscoveredServer.SERVE));
    assertEquals(ReplicaState.READY, replica.state());
  }

  @Test
  void whatAnOperatorCordonedStaysSoWhenItIsReadyAgain() {
    Replica replica = ready("a");
    take(found("a", new DiscoveredServer.Stay("not ready", null, 0)));
    replica.cordoned(true);

    take(found("a", DiscoveredServer.SERVE));
    assertEquals(ReplicaState.CORDONED, replica.state());

    assertTrue(hand.fleet().commands().uncordon(replica));
    assertEquals(ReplicaState.READY, replica.state());
  }

  @Test
  void oneThatIsFoundHeldDoesNotServeWhenItIsProven() {
    take(found("a", new DiscoveredServer.Stay("not ready", null, 0)));

    assertEquals(ReplicaState.CORDONED, hand.ready("u0").state());
  }

  @Test
  void oneThatIsToBeDrainedComesBackByTheCanary() {
    Replica replica = ready("a");
    take(found("a", new DiscoveredServer.Stay(null, "annotation", 0)));
    hand.pass(A_TICK);
    assertEquals(ReplicaState.DRAINED, replica.state());
    assertEquals("empty", replica.reason());

    take(found("a", DiscoveredServer.SERVE));
    assertEquals(ReplicaState.WARMING, replica.state());
  }

  @Test
  void whatAnOperatorHadSetHoldsForThePodThatIsFoundLater() {
    hand.fleet().settings().restore("pod a-uid port 8000 of m 0", true, 3.0, 1);

    Replica replica = ready("a");

    assertEquals(ReplicaState.CORDONED, replica.state());
    assertEquals(3.0, replica.weight());
    assertEquals("pod a-uid port 8000 of m 0", hand.fleet().settings().name(replica));
  }

  @Test
  void whatIsNotLookedForAnyMoreLeavesLikeAnyServer() {
    Replica replica = ready("a");
    assertNotNull(replica.open(guest, hand.nowNanos()));

    hand.reload(List.of(), List.of());
    hand.pass(A_TICK);

    assertTrue(replica.leaving());
    assertEquals(ReplicaState.READY, replica.state());
    assertFalse(hand.fleet().serves("m"));
  }

  @Test
  void aStartWaitsUntilWhatMayBeFoundWasLookedFor() {
    hand.fleet().expect(Set.of("m"));
    assertFalse(hand.fleet().settled(1));

    assertTrue(hand.fleet().searched());
    assertFalse(hand.fleet().searched());
    assertTrue(hand.fleet().settled(1));
  }
}
