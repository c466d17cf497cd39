package dev.switchboard.gateway.fleet;

import static dev.switchboard.gateway.fleet.ReplicaState.CORDONED;
import static dev.switchboard.gateway.fleet.ReplicaState.DRAINED;
import static dev.switchboard.gateway.fleet.ReplicaState.DRAINING;
import static dev.switchboard.gateway.fleet.ReplicaState.EJECTED;
import static dev.switchboard.gateway.fleet.ReplicaState.FAILED;
import static dev.switchboard.gateway.fleet.ReplicaState.READY;
import static dev.switchboard.gateway.fleet.ReplicaState.RESTARTING;
import static dev.switchboard.gateway.fleet.ReplicaState.STANDBY;
import static dev.switchboard.gateway.fleet.ReplicaState.STARTING;
import static dev.switchboard.gateway.fleet.ReplicaState.STOPPED;
import static dev.switchboard.gateway.fleet.ReplicaState.WARMING;
import static java.util.Map.entry;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.routing.SharedCostModel;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.gateway.upstream.Circuit;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ReplicaTest {
  /** The table of the state machine, written down a second time. */
  private static final Map<ReplicaState, Set<ReplicaState>> EDGES =
      Map.ofEntries(
          entry(STARTING, Set.of(WARMING, RESTARTING, STOPPED)),
          entry(
              WARMING,
              Set.of(READY, STANDBY, CORDONED, EJECTED, DRAINING, DRAINED, RESTARTING, STOPPED)),
          entry(READY, Set.of(CORDONED, EJECTED, DRAINING, RESTARTING, STOPPED)),
          entry(STANDBY, Set.of(READY, CORDONED, EJECTED, DRAINING, RESTARTING, STOPPED)),
          entry(CORDONED, Set.of(READY, EJECTED, DRAINING, RESTARTING, STOPPED)),
          entry(EJECTED, Set.of(WARMING, DRAINING, RESTARTING, STOPPED)),
          entry(DRAINING, Set.of(DRAINED, WARMING, RESTARTING, STOPPED)),
          entry(DRAINED, Set.of(WARMING, RESTARTING, STOPPED)),
          entry(RESTARTING, Set.of(STARTING, FAILED, STOPPED)),
          entry(FAILED, Set.of(STARTING, STOPPED)),
          entry(STOPPED, Set.of(STARTING)));

  /** How to come to each state from the first. */
  private static final Map<ReplicaState, List<ReplicaState>> WAYS =
      Map.ofEntries(
          entry(STARTING, List.of()),
          entry(WARMING, List.of(WARMING)),
          entry(READY, List.of(WARMING, READY)),
          entry(STANDBY, List.of(WARMING, STANDBY)),
          entry(CORDONED, List.of(WARMING, READY, CORDONED)),
          entry(EJECTED, List.of(WARMING, READY, EJECTED)),
          entry(DRAINING, List.of(WARMING, READY, DRAINING)),
          entry(DRAINED, List.of(WARMING, READY, DRAINING, DRAINED)),
          entry(RESTARTING, List.of(RESTARTING)),
          entry(FAILED, List.of(RESTARTING, FAILED)),
          entry(STOPPED, List.of(STOPPED)));

  private final List<String> edges = new ArrayList<>();
  private final List<ServedRequest.Leave> told = new ArrayList<>();
  private final ServedRequest guest = FleetByHand.guest(told::add);
  private final Replica replica =
      new Replica(
          "w0",
          "m",
          true,
          UpstreamAccess.LOCAL,
          new SharedCostModel(),
          Circuit.Config.DEFAULTS,
          () -> 0,
          (which, from, to) -> edges.add(from + ">" + to));

  @Test
  void everyEdgeIsReported() {
    ready();

    assertEquals(List.of("null>STARTING", "STARTING>WARMING", "WARMING>READY"), edges);
  }

  @Test
  void ofAllPairsOfStatesOnlyTheEdgesOfTheTableAreTakenAndEachIsCountedOnce() {
    Metrics metrics = new Metrics("m"::equals, "1", true);
    List<String> wrong = new ArrayList<>();
    for (ReplicaState from : ReplicaState.values()) {
      for (ReplicaState to : ReplicaState.values()) {
        Replica one = in(from, metrics);
        boolean permitted = EDGES.getOrDefault(from, Set.of()).contains(to);
        double before = transitions(metrics, from, to);
        boolean refused = false;
        try {
          one.transitionTo(to, "why");
        } catch (IllegalStateException illegal) {
          refused = true;
        }
        double counted = transitions(metrics, from, to) - before;
        if (refused == permitted
            || one.state() != (permitted ? to : from)
            || counted != (permitted ? 1 : 0)) {
          wrong.add(from + ">" + to + ": " + one.state() + ", counted " + counted);
        }
      }
    }

    assertEquals(List.of(), wrong);
  }

  @Test
  void whoWasFasterHasChangedTheState() {
    assertFalse(replica.tryTransition(ReplicaState.READY, ReplicaState.DRAINING, "not ready"));
  }

  /** A replica that was led into a state along edges of the table. */
  private static Replica in(ReplicaState wanted, Metrics metrics) {
    Replica one =
        new Replica(
            "w1",
            "m",
            true,
            UpstreamAccess.LOCAL,
            new SharedCostModel(),
            Circuit.Config.DEFAULTS,
            () -> 0,
            (which, from, to) ->
                metrics.replicaState("w1", "m", from == null ? null : from.name(), to.name()));
    Objects.requireNonNull(WAYS.get(wanted))
        .forEach(state -> one.transitionTo(state, "on the way"));
    return one;
  }

  private static double transitions(Metrics metrics, ReplicaState from, ReplicaState to) {
    return metrics.registry().scrape().stream()
        .filter(
            snapshot -> snapshot.getMetadata().getName().equals("switchboard_replica_transitions"))
        .flatMap(snapshot -> ((CounterSnapshot) snapshot).getDataPoints().stream())
        .filter(point -> point.getLabels().equals(Labels.of("from", from.name(), "to", to.name())))
        .mapToDouble(CounterSnapshot.CounterDataPointSnapshot::getValue)
        .sum();
  }

  @Test
  void onlyWhatWasSentIsBelievedThereAndOnlyWhatIsLostIsToldSo() {
    ready();
    Replica.Ticket sent = open();
    Replica.Ticket waiting = open();
    sent.sent(7);

    assertEquals(Set.of(7L), replica.sent());
    replica.lost(List.of(7L));
    assertEquals(List.of(ServedRequest.Leave.LOST), told);
    sent.close(Drain.Departure.FINISHED);
    waiting.close(Drain.Departure.FINISHED);
    assertEquals(Set.of(), replica.sent());
  }

  @Test
  void whatHasNothingToSayOrJustSaidSomethingIsOwedNothing() {
    ready();
    Replica.Ticket silent = open();
    Replica.Ticket talking = open();
    Replica.Ticket stalled = open();
    silent.sent(7);
    talking.sent(8);
    stalled.sent(9);
    long now = 10 * InFlightDiff.SETTLE_NANOS;

    talking.heard(now - InFlightDiff.SETTLE_NANOS + 1, true);
    stalled.heard(0, false);

    assertEquals(Set.of(7L, 8L, 9L), replica.sent());
    assertEquals(Set.of(7L), replica.owed(now));
    assertEquals(Set.of(7L, 8L), replica.owed(now + 1));
    stalled.heard(0, true);
    assertEquals(Set.of(7L, 8L, 9L), replica.owed(now + 1));
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

    assertEquals(List.of(ServedRequest.Leave.GONE), told);
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

    assertTrue(replica.empty(READY, drain, null, "operator"));
    during.close(Drain.Departure.MOVED);

    Drain.Report report = drain.report(replica.inFlight(), 0);
    assertEquals(1, report.moved());
    assertEquals(0, report.broken());
    assertEquals(0, report.remaining());
  }

  @Test
  void requestsAreAskedInTheOrderInWhichTheyCame() {
    ready();
    List<ServedRequest> came = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      ServedRequest next = another();
      came.add(next);
      Replica.Ticket ticket = Objects.requireNonNull(replica.open(next, 0));
      if (i % 7 == 0) {
        ticket.close(Drain.Departure.FINISHED);
        came.remove(next);
      }
    }

    List<ServedRequest> asked = new ArrayList<>();
    replica.guests(asked::add);

    assertEquals(came, asked);
  }

  private static ServedRequest another() {
    return FleetByHand.guest(why -> {});
  }

  private Replica.Ticket open() {
    return Objects.requireNonNull(replica.open(guest, 0));
  }

  private void ready() {
    replica.transitionTo(ReplicaState.WARMING, "loaded");
    replica.listens(URI.create("http://127.0.0.1:1"), null);
    replica.transitionTo(ReplicaState.READY, "canary");
  }
}
