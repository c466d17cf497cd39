package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.simulation.Ledger.End;
import dev.switchboard.gateway.simulation.Scenarios.Result;
import java.util.LongSummaryStatistics;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/**
 * What the gateway promises under load, over 200 seeded runs in virtual time. A failure names its
 * seed; {@code -Dswitchboard.simulation.rounds=100} runs a hundred times as many.
 */
class SimulationTest {
  private static final int ROUNDS = Integer.getInteger("switchboard.simulation.rounds", 1);
  private static final String SLO = "slo";

  @Test
  void aBurstOfTwiceTheLoadCostsNoGoodputAndLeavesNothingBehind() {
    each(
        Scenarios.BURST,
        40,
        (seed, result) -> {
          atLeast(0.9, result.share(), seed, "goodput in the burst");
          double after = normal(result.ledger(), 100, 120);
          atLeast(0.98, after, seed, "goodput 20 s after the burst");
        });
  }

  @Test
  void tenMinutesOfTwiceTheLoadAreSurvivedThroughoutAndForgottenWithinAMinute() {
    Result result = Scenarios.burst(7, SLO, 60, 600, 120);

    for (double from = 60; from < 660; from += 30) {
      double arrived = result.ledger().arrivedBetween(from, from + 30);
      double best = Math.min(arrived, 30 * result.scenario().capacity());
      double good = result.ledger().goodBetween(from, from + 30);
      atLeast(0.9, good / best, 7, "goodput from second " + from);
    }
    atLeast(0.98, normal(result.ledger(), 690, 720), 7, "goodput half a minute after the burst");
  }

  @Test
  void replicasOfThreeSpeedsAreAllUsedAsFarAsTheyGo() {
    each(
        Scenarios.MIXED_SPEEDS,
        25,
        (seed, result) -> atLeast(0.97, result.share(), seed, "goodput"));
  }

  @Test
  void aReplicaThatIsSlowButAliveIsAvoided() {
    each(
        Scenarios.SLOW_BUT_ALIVE,
        25,
        (seed, result) -> atLeast(0.97, result.share(), seed, "goodput"));
  }

  @Test
  void aReplicaThatComesAndGoesFailsNoRequest() {
    each(
        Scenarios.FLAPPING,
        25,
        (seed, result) -> {
          assertEquals(0, result.ledger().count(End.FAILED), () -> "failed, seed " + seed);
          atLeast(0.93, result.share(), seed, "goodput");
        });
  }

  @Test
  void promptsThatBeginAlikeMakeNoReplicaHot() {
    each(
        Scenarios.PREFIX_HOT_SPOT,
        30,
        (seed, result) -> {
          atLeast(0.9, result.share(), seed, "goodput");
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
  void aGreedyTenantTakesNobodysShare() {
    each(
        Scenarios.GREEDY_TENANT,
        30,
        (seed, result) -> {
          Map<String, Long> tokens = result.ledger().tokensByTenant(15, 60);
          atLeast(0.95, Ledger.jain(tokens.values()), seed, "Jain's index of " + tokens);
          atLeast(0.75, result.share(), seed, "goodput");
        });
  }

  @Test
  void moreDeadlinesThanCanBeMetAreMetAsFarAsTheFleetGoes() {
    each(
        Scenarios.DEADLINE_MIX,
        25,
        (seed, result) -> {
          atLeast(0.85, result.share(), seed, "goodput");
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

  private static double normal(Ledger ledger, double from, double to) {
    return (double) ledger.goodBetween(from, to) / ledger.arrivedBetween(from, to);
  }

  private static void each(Scenarios scenario, int seeds, BiConsumer<Long, Result> check) {
    LongStream.rangeClosed(1, (long) seeds * ROUNDS)
        .parallel()
        .forEach(seed -> check.accept(seed, scenario.run(seed, SLO)));
  }

  private static void atLeast(double least, double value, long seed, String what) {
    assertTrue(value >= least, () -> what + " is " + value + ", seed " + seed);
  }
}
