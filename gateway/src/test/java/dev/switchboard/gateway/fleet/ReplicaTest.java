package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.Peers;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ReplicaTest {
  private final List<String> edges = new ArrayList<>();
  private final Replica replica =
      new Replica("w0", "m", true, new Peers(), (which, from, to) -> edges.add(from + ">" + to));

  @Test
  void everyEdgeIsReported() {
    ready();

    assertEquals(List.of("null>STARTING", "STARTING>WARMING", "WARMING>READY"), edges);
  }

  @Test
  void anIllegalEdgeIsRefused() {
    assertThrows(
        IllegalStateException.class, () -> replica.transitionTo(ReplicaState.READY, "no canary"));
    assertFalse(replica.tryTransition(ReplicaState.READY, ReplicaState.DRAINING, "not ready"));
  }

  @Test
  void aTicketCountsOnceHoweverOftenItIsClosed() {
    ready();
    Replica.Ticket first = replica.open(() -> {}, 0);
    Replica.Ticket second = replica.open(() -> {}, 0);

    first.close();
    first.close();

    assertEquals(1, replica.inFlight());
    second.close();
    assertEquals(0, replica.inFlight());
  }

  @Test
  void openTicketsAreToldWhenTheProcessIsGone() {
    ready();
    AtomicInteger told = new AtomicInteger();
    Replica.Ticket closed = replica.open(told::incrementAndGet, 0);
    replica.open(told::incrementAndGet, 0);
    closed.close();

    replica.processExited("killed");

    assertEquals(1, told.get());
    assertEquals(ReplicaState.RESTARTING, replica.state());
    assertFalse(replica.view(0).routable());
  }

  @Test
  void aTicketOpenedAfterTheProcessIsGoneIsToldAtOnce() {
    ready();
    replica.processExited("killed");
    AtomicInteger told = new AtomicInteger();

    replica.open(told::incrementAndGet, 0);

    assertEquals(1, told.get());
  }

  @Test
  void everyStateCanBeStopped() {
    for (ReplicaState state : ReplicaState.values()) {
      assertTrue(state == ReplicaState.STOPPED || state.mayBecome(ReplicaState.STOPPED));
      assertFalse(ReplicaState.STOPPED.mayBecome(state));
    }
  }

  private void ready() {
    replica.transitionTo(ReplicaState.WARMING, "loaded");
    replica.address(URI.create("http://127.0.0.1:1"));
    replica.transitionTo(ReplicaState.READY, "canary");
  }
}
