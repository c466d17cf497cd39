package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.StreamState;
import dev.switchboard.gateway.routing.Peers;
import dev.switchboard.gateway.upstream.Circuit;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class ReplicaTest {
  private final List<String> edges = new ArrayList<>();
  private final List<Guest.Leave> told = new ArrayList<>();
  private final Guest guest =
      new Guest() {
        @Override
        public void leave(Leave why) {
          told.add(why);
        }

        @Override
        public void tell(Consumer<StreamState> hearer) {}
      };
  private final Replica replica =
      new Replica(
          "w0",
          "m",
          true,
          UpstreamAccess.LOCAL,
          new Peers(),
          Circuit.Config.DEFAULTS,
          (which, from, to) -> edges.add(from + ">" + to));

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
  void onlyWhatWasSentIsBelievedThereAndOnlyWhatIsLostIsToldSo() {
    ready();
    Replica.Ticket sent = open();
    Replica.Ticket waiting = open();
    sent.sent(7);

    assertEquals(Set.of(7L), replica.sent());
    replica.lost(List.of(7L));
    assertEquals(List.of(Guest.Leave.LOST), told);
    sent.close(Drain.Departure.FINISHED);
    waiting.close(Drain.Departure.FINISHED);
    assertEquals(Set.of(), replica.sent());
  }

  @Test
  void aTicketCountsOnceHoweverOftenItIsClosed() {
    ready();
    Replica.Ticket first = open();
    Replica.Ticket second = open();

    first.close(Drain.Departure.FINISHED);
    first.close(Drain.Departure.FINISHED);

    assertEquals(1, replica.inFlight());
    second.close(Drain.Departure.FINISHED);
    assertEquals(0, replica.inFlight());
  }

  @Test
  void openTicketsAreToldWhenTheProcessIsGone() {
    ready();
    Replica.Ticket closed = open();
    open();
    closed.close(Drain.Departure.FINISHED);

    replica.processExited("killed");

    assertEquals(List.of(Guest.Leave.GONE), told);
    assertEquals(ReplicaState.RESTARTING, replica.state());
    assertFalse(replica.view(0).routable());
  }

  @Test
  void whoComesWhenItTakesNoRequestsIsRefusedAndNotCounted() {
    ready();
    replica.transitionTo(ReplicaState.CORDONED, "operator");

    Replica.Ticket refused = replica.open(guest, 0);

    assertNull(refused);
    assertEquals(0, replica.inFlight());
  }

  @Test
  void aDrainIsToldWhatBecameOfItsRequests() {
    ready();
    Replica.Ticket before = open();
    Replica.Ticket during = open();
    Drain drain = new Drain(2, 0, 0);
    before.close(Drain.Departure.FAILED);

    replica.drain(drain);
    replica.transitionTo(ReplicaState.DRAINING, "operator");
    during.close(Drain.Departure.MOVED);

    Drain.Report report = drain.report(replica.inFlight(), 0);
    assertEquals(1, report.moved());
    assertEquals(0, report.broken());
    assertEquals(0, report.remaining());
  }

  @Test
  void everyStateCanBeStopped() {
    for (ReplicaState state : ReplicaState.values()) {
      assertTrue(state == ReplicaState.STOPPED || state.mayBecome(ReplicaState.STOPPED));
      assertEquals(state == ReplicaState.STARTING, ReplicaState.STOPPED.mayBecome(state));
    }
  }

  private Replica.Ticket open() {
    return Objects.requireNonNull(replica.open(guest, 0));
  }

  private void ready() {
    replica.transitionTo(ReplicaState.WARMING, "loaded");
    replica.address(URI.create("http://127.0.0.1:1"));
    replica.transitionTo(ReplicaState.READY, "canary");
  }
}
