package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.simulation.Ledger.End;
import dev.switchboard.gateway.simulation.Scenarios.Result;
import dev.switchboard.gateway.slo.Slo;
import java.util.List;
import java.util.LongSummaryStatistics;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What the gateway promises under load, over seeded runs in virtual time. A failure names its seed;
 * {@code -Dswitchboard.simulation.seeds=2000} runs more of them, {@code
 * -Dswitchboard.simulation.long-seeds=200} more of the one that lasts longest.
 */
@Tag("computation")
@ExtendWith(QuietFleet.class)
class SimulationTest {
  private static final int SEEDS = Integer.getInteger("switchboard.simulation.seeds", 200);
  private static final int LONG_SEEDS = Integer.getInteger("switchboard.simulation.long-seeds", 40);
  private static final String SLO = "slo";

  @Test
  void aBurstOfTwiceTheLoadCostsNoGoodputAndLeavesNothingBehind() {
    each(
        Scenarios.BURST,
        (seed, result) -> {
          atLeast(0.9, result.share(), seed, "goodput in the burst");
          double after = result.ledger().goodShare(65, 80);
          atLeast(0.95, after, seed, "goodput 15 s after the burst");
        });
  }

  @Test
  void tenMinutesOfTwiceTheLoadAreSurvivedThroughoutAndForgottenWithinAMinute() {
    seeds(LONG_SEEDS)
        .forEach(
            seed -> {
              Result result = Scenarios.burst(seed, SLO, 60, 600, 120);
              Scenario scenario = result.scenario();
              for (double from = 60; from < 660; from += 30) {
                double share =
                    scenario.goodWork(from, from + 30) / scenario.bestWork(from, from + 30);
                atLeast(0.89, share, seed, "goodput from second " + from);
              }
              double after = result.ledger().goodShare(690, 720);
              atLeast(0.98, after, seed, "goodput half a minute after the burst");
            });
  }

  /**
   * Two of four workers die, whose streams move, and at the same time as many clients as there were
   * come from a gateway that died too. All of them are served within fifteen seconds.
   */
  @Test
  void whoComesFromALostGatewayWhileStreamsMoveIsServed() {
    Slo patient = new Slo("standard", 20_000, 0, 0, 0);
    seeds(SEEDS / 40)
        .forEach(
            seed -> {
              Scenario scenario = new Scenario(seed, SLO, 0.25, 0.25, 0.25, 0.25);
              scenario.at(60, scenario.replicas().get(0)::kill);
              scenario.at(60, scenario.replicas().get(2)::kill);
              Ledger ledger =
                  scenario.run(
                      new ClosedLoop(
                          scenario.random().split(),
                          second -> second < 60 ? 60 : 120,
                          90,
                          patient));
              assertEquals(List.of(), refusals(ledger).toList(), () -> "refused, seed " + seed);
            });
  }

  /**
   * New replicas are given long streams: each tells of few first tokens, and nobody waits at it.
   * Its batch is full soon all the same.
   */
  @Test
  void longStreamsFillTheBatchesOfNewReplicas() {
    Slo patient = new Slo("standard", 300_000, 10_000, 0, 0);
    seeds(SEEDS / 40)
        .forEach(
            seed -> {
              Scenario scenario = new Scenario(seed, SLO, 1, 1, 1, 1);
              int seats = 4 * EngineSpeed.MEASURED.sequences();
              for (int i = 0; i < 0.9 * seats; i++) {
                int number = i;
                double second = 0.05 * i;
                Request.Seen seen = new Request.Seen(100, 0, 6000);
                scenario.at(
                    second,
                    () ->
                        scenario
                            .gateway()
                            .arrive(
                                new Request(
                                    number,
                                    Request.nanos(second),
                                    "t",
                                    patient,
                                    100,
                                    6000,
                                    true,
                                    0,
                                    0,
                                    seen)));
              }
              int[] running = {0};
              scenario.at(
                  30,
                  () ->
                      running[0] =
                          scenario.replicas().stream().mapToInt(SimulatedReplica::running).sum());
              scenario.run(new ClosedLoop(scenario.random().split(), 0, 0, patient));
              atLeast(0.85 * seats, running[0], seed, "running after 30 s");
            });
  }

  /** When each that was refused had come, and why it was. */
  private static Stream<String> refusals(Ledger ledger) {
    return ledger.entries().stream()
        .filter(entry -> entry.refusal() != null)
        .map(entry -> Request.second(entry.request().atNanos()) + " s: " + entry.refusal());
  }

  @Test
  void replicasThatAreAlikeAreAllUsed() {
    each(Scenarios.EVEN, (seed, result) -> atLeast(0.95, result.share(), seed, "goodput"));
  }

  @Test
  void aFloodIsServedAsFarAsTheFleetGoes() {
    each(Scenarios.FLOOD, (seed, result) -> atLeast(0.9, result.share(), seed, "goodput"));
  }

  @Test
  void peopleGoBeforeBatchesThatTakeTheRest() {
    each(
        Scenarios.PEOPLE_AND_BATCHES,
        (seed, result) -> {
          double people = people(result, entry -> true);
          atLeast(0.94, people, seed, "goodput of people");
          atLeast(0.89, result.share(), seed, "goodput");
        });
  }

  @Test
  void andWhereHalfOfAllAnswersComeAsAWhole() {
    seeds(SEEDS / 2)
        .forEach(
            seed -> {
              Result result = Scenarios.WHOLE_ANSWERS.run(seed, SLO);
              double streams = people(result, Request::streams);
              atLeast(0.88, streams, seed, "goodput of people's streams");
              double wholes = people(result, request -> !request.streams());
              atLeast(0.93, wholes, seed, "goodput of people's whole answers");
              atLeast(0.82, result.share(), seed, "goodput");
            });
  }

  /** How many of people's requests of a kind were good. */
  private static double people(Result result, Predicate<Request> kind) {
    return result
        .ledger()
        .between(10, 50)
        .filter(entry -> entry.request().tenant().equals("people") && kind.test(entry.request()))
        .mapToInt(entry -> entry.good() ? 1 : 0)
        .average()
        .orElse(0);
  }

  @Test
  void replicasOfThreeSpeedsAreAllUsedAsFarAsTheyGo() {
    each(Scenarios.MIXED_SPEEDS, (seed, result) -> atLeast(0.95, result.share(), seed, "goodput"));
  }

  @Test
  void aReplicaThatIsSlowButAliveIsAvoided() {
    each(
        Scenarios.SLOW_BUT_ALIVE, (seed, result) -> atLeast(0.95, result.share(), seed, "goodput"));
  }

  @Test
  void aReplicaThatStandsStillFailsNoRequest() {
    each(
        Scenarios.STANDSTILL,
        (seed, result) -> {
          assertEquals(0, result.ledger().count(End.FAILED), () -> "failed, seed " + seed);
          atLeast(0.95, result.share(), seed, "goodput");
        });
  }

  @Test
  void aServerThatFailsEverythingIsTriedByFewRequests() {
    each(
        Scenarios.FAILING_SERVER,
        (seed, result) -> {
          assertTrue(
              result.ledger().count(End.FAILED) <= 5,
              () -> result.ledger().count(End.FAILED) + " failed, seed " + seed);
          atLeast(0.99, result.share(), seed, "goodput");
        });
  }

  @Test
  void aReplicaThatComesAndGoesFailsNoRequest() {
    each(
        Scenarios.FLAPPING,
        (seed, result) -> {
          assertEquals(0, result.ledger().count(End.FAILED), () -> "failed, seed " + seed);
          atLeast(0.9, result.share(), seed, "goodput");
        });
  }

  @Test
  void promptsThatBeginAlikeMakeNoReplicaHot() {
    each(
        Scenarios.PREFIX_HOT_SPOT,
        (seed, result) -> {
          atLeast(0.87, result.share(), seed, "goodput");
          LongSummaryStatistics served =
              result.ledger().entries().stream()
                  .filter(entry -> entry.attempts() > 0)
                  .collect(Collectors.groupingBy(Ledger.Entry::replica, Collectors.counting()))
                  .values()
                  .stream()
                  .collect(Collectors.summarizingLong(Long::longValue));
          assertTrue(
              served.getMax() < 3 * served.getMin(), () -> served + " requests, seed " + seed);
        });
  }

  @Test
  void oneHotPromptIsServedByAll() {
    each(Scenarios.HOT_PREFIX, (seed, result) -> atLeast(0.95, result.share(), seed, "goodput"));
  }

  @Test
  void aGreedyTenantTakesNobodysShare() {
    each(Scenarios.GREEDY_TENANT, SimulationTest::fair);
  }

  @Test
  void norDoesOneThatCallsItselfUrgentWhereItMayNot() {
    Slo urgent = new Slo("standard", 3000, 150, 20_000, Slo.MAX_PRIORITY);
    seeds(SEEDS)
        .forEach(seed -> fair(seed, Scenarios.greedy(seed, SLO, SimulatedGateway.CAPPED, urgent)));
  }

  private static void fair(long seed, Result result) {
    Map<String, Long> tokens = result.ledger().tokensByTenant(15, 60);
    atLeast(0.95, Ledger.jain(tokens.values()), seed, "Jain's index of " + tokens);
    atLeast(0.9, result.share(), seed, "goodput");
  }

  @Test
  void moreDeadlinesThanCanBeMetAreMetAsFarAsTheFleetGoes() {
    each(
        Scenarios.DEADLINE_MIX,
        (seed, result) -> {
          atLeast(0.8, result.share(), seed, "goodput");
          long late =
              result.ledger().entries().stream()
                  .filter(entry -> entry.end() == End.SERVED && !entry.good())
                  .count();
          assertTrue(
              late <= 0.02 * result.ledger().count(End.SERVED),
              () -> late + " were served late, seed " + seed);
        });
  }

  @Test
  void aSeedAlwaysGivesTheSameRun() {
    long first = Scenarios.FLAPPING.run(11, SLO).ledger().fingerprint();

    assertEquals(first, Scenarios.FLAPPING.run(11, SLO).ledger().fingerprint());
  }

  private static void each(Scenarios scenario, BiConsumer<Long, Result> check) {
    seeds(SEEDS).forEach(seed -> check.accept(seed, scenario.run(seed, SLO)));
  }

  private static LongStream seeds(int count) {
    return LongStream.rangeClosed(1, count).parallel();
  }

  private static void atLeast(double least, double value, long seed, String what) {
    assertTrue(value >= least, () -> what + " is " + value + ", seed " + seed);
  }
}
