package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.simulation.Ledger.End;
import dev.switchboard.gateway.simulation.SimulatedGateway.Change;
import java.util.EnumSet;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Foreign servers that fail requests, or are slow, while their health checks are fine. The policy
 * takes them in turn, so nothing but the circuit keeps requests away from them.
 */
@Tag("computation")
@ExtendWith(QuietFleet.class)
class CircuitSimulationTest {
  private static final int SEEDS = Integer.getInteger("switchboard.simulation.seeds", 200);
  private static final String IN_TURN = "round-robin";

  /** Failures in a row that open a circuit, and what was on its way there by then. */
  private static final int UNTIL_OPEN = 5 + 3;

  /** Probes within ten seconds: after 1, 2 and 4 s, and each up to half as much more. */
  private static final int PROBES = 4;

  private static final EnumSet<ReplicaState> ALL_BUT_EJECTED =
      EnumSet.complementOf(EnumSet.of(ReplicaState.EJECTED));

  @Test
  void aServerThatComesAndGoesIsProbedByOneRequestAtATime() {
    seeds()
        .forEach(
            seed -> {
              Scenarios.Result result = Scenarios.FAILING_SERVER.run(seed, IN_TURN);
              long tried = result.scenario().replicas().get(1).refusals();
              assertTrue(tried <= 2 * (UNTIL_OPEN + PROBES), () -> tried + " tries, seed " + seed);
              assertTrue(tried >= 6, () -> tried + " tries opened a circuit, seed " + seed);
              long failed = result.ledger().count(End.FAILED);
              assertTrue(failed <= 2, () -> failed + " requests failed, seed " + seed);
              servesAgain(result.ledger(), "u1", 50, seed);
            });
  }

  @Test
  void streamsThatBeganBeforeAFaultDoNotKeepItsServerInUse() {
    seeds()
        .forEach(
            seed -> {
              Scenario scenario = Scenario.foreign(seed, IN_TURN, 1, 1, 1, 1);
              SimulatedReplica failing = scenario.replicas().get(1);
              double rate = 0.9 * scenario.capacity();
              // What it serves then ends as often as new requests fail.
              scenario.at(15, () -> failing.broken(true));
              scenario.run(
                  new Traffic(scenario.random().split(), 0, 0)
                      .arrivals("t", 20, at -> rate, rate, draw -> Traffic.WHENEVER));
              long tried = failing.refusals();
              assertTrue(tried <= UNTIL_OPEN, () -> tried + " tries, seed " + seed);
            });
  }

  @Test
  void ofFourServersThatAllFailHalfStay() {
    seeds()
        .forEach(
            seed -> {
              Scenario scenario = Scenario.foreign(seed, IN_TURN, 1, 1, 1, 1);
              List<SimulatedReplica> servers = scenario.replicas();
              scenario.at(5, () -> servers.forEach(server -> server.broken(true)));
              scenario.at(15, () -> servers.forEach(server -> server.broken(false)));
              Ledger ledger =
                  scenario.run(Scenarios.steady(scenario, 30, 0.4 * scenario.capacity()));
              assertEquals(2, scenario.gateway().mostOutside(ALL_BUT_EJECTED), "ejected");
              // Every scenario bounds its retries; this one wants more than that.
              assertTrue(scenario.gateway().retriesDenied() > 0, () -> "none denied, seed " + seed);
              double after = ledger.goodShare(20, 30);
              assertTrue(after >= 0.95, () -> after + " were good afterwards, seed " + seed);
            });
  }

  /** They neither serve nor say how they are, which may be this machine's fault. */
  @Test
  void ofFourServersThatAllSayNothingHalfStay() {
    assertEquals(2, mostEjected(server -> server.freeze(true), server -> server.freeze(false)));
  }

  @Test
  void serversThatAreGoneAreAllOut() {
    assertEquals(4, mostEjected(SimulatedReplica::kill, SimulatedReplica::boot));
  }

  private static int mostEjected(
      Consumer<SimulatedReplica> fault, Consumer<SimulatedReplica> repair) {
    Scenario scenario = Scenario.foreign(1, IN_TURN, 1, 1, 1, 1);
    scenario
        .at(5, () -> scenario.replicas().forEach(fault))
        .at(15, () -> scenario.replicas().forEach(repair));
    scenario.run(Scenarios.steady(scenario, 30, 0.1 * scenario.capacity()));
    return scenario.gateway().mostOutside(ALL_BUT_EJECTED);
  }

  @Test
  void aServerThatIsFarSlowerThanItsPeersIsEjectedAndComesBack() {
    seeds()
        .forEach(
            seed -> {
              Scenario scenario = Scenario.foreign(seed, IN_TURN, 1, 1, 1, 1);
              SimulatedReplica slow = scenario.replicas().get(1);
              scenario.at(3, () -> slow.slowdown(25)).at(20, () -> slow.slowdown(1));
              double rate = 0.3 * scenario.capacity();
              Traffic traffic =
                  new Traffic(scenario.random().split(), 0, 0)
                      .arrivals("t", 50, at -> rate, rate, draw -> Traffic.WHENEVER);
              Ledger ledger = scenario.run(traffic);
              List<Change> ejections =
                  scenario.gateway().changes().stream()
                      .filter(change -> change.to() == ReplicaState.EJECTED)
                      .toList();
              assertTrue(!ejections.isEmpty(), () -> "it was never ejected, seed " + seed);
              ejections.forEach(
                  change -> {
                    assertEquals("u1", change.replica(), () -> change + ", seed " + seed);
                    assertTrue(change.reason().startsWith("its first tokens take"), change::reason);
                  });
              servesAgain(ledger, "u1", 42, seed);
            });
  }

  private static void servesAgain(Ledger ledger, String replica, double from, long seed) {
    long served =
        ledger
            .between(from, Double.MAX_VALUE)
            .filter(entry -> entry.end() == End.SERVED && entry.replica().equals(replica))
            .count();
    assertTrue(served > 0, () -> replica + " serves nothing any more, seed " + seed);
  }

  private static LongStream seeds() {
    return LongStream.rangeClosed(1, SEEDS).parallel();
  }
}
