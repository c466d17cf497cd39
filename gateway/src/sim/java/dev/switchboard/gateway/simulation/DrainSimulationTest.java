package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.fleet.RollingRestart;
import dev.switchboard.gateway.simulation.Ledger.End;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Replicas that are emptied and restarted under load, in virtual time. */
@Tag("computation")
@ExtendWith(QuietFleet.class)
class DrainSimulationTest {
  private static final int SEEDS = Integer.getInteger("switchboard.simulation.seeds", 200);

  /** Most of what is there then goes when it is asked to. */
  private static final long SHORT_GRACE_MS = 300;

  /** All of it ends where it is, when nobody knows. */
  private static final long LONG_GRACE_MS = 30_000;

  /** What a drain was to come to, and what came. */
  private record Drained(Scenario scenario, DrainPlan plan, Drain.Report report) {}

  @Test
  void aDrainUnderLoadFailsNothingAndEndsWithItsGraceAsForecast() {
    double[] off = seeds().mapToDouble(seed -> offMs(drained(seed, SHORT_GRACE_MS))).toArray();

    double median = median(off);
    assertTrue(median <= 40, () -> "forecasts are off by " + median + " ms");
  }

  /**
   * Of half of the answers nothing says how long they may become, of the others only a loose bound:
   * what is forecast is when all have ended as often as not.
   */
  @Test
  void whatMayEndWhereItIsTakesAsLongAsAnswersDoOfLate() {
    List<Drained> drains = seeds().mapToObj(seed -> drained(seed, LONG_GRACE_MS)).toList();

    double median = median(drains.stream().mapToDouble(DrainSimulationTest::offMs).toArray());
    assertTrue(median <= 300, () -> "forecasts are off by " + median + " ms");
    atMost(drains, 1, 0.4, 0.8);
    atMost(drains, 2.5, 0.9, 1);
  }

  /** A share of drains took no longer than so many times their forecast. */
  private static void atMost(List<Drained> drains, double factor, double least, double most) {
    double share =
        drains.stream()
            .mapToInt(
                drained ->
                    drained.report.durationMs() <= factor * drained.plan.expectedMs() ? 1 : 0)
            .average()
            .orElse(0);
    assertTrue(
        share >= least && share <= most,
        () -> share + " took no more than " + factor + " times the forecast");
  }

  private static double offMs(Drained drained) {
    return Math.abs(drained.report.durationMs() - drained.plan.expectedMs());
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }

  /** Of which nothing failed. */
  private static Drained drained(long seed, long graceMs) {
    Drained drained = drain(seed, graceMs);
    Drain.Report report = drained.report;
    nothingFailed(drained.scenario, seed);
    assertTrue(report.done() && report.broken() == 0, () -> report + ", seed " + seed);
    assertEquals(
        report.requests(),
        report.finished() + report.moved() + report.restarted(),
        () -> report + ", seed " + seed);
    return drained;
  }

  @Test
  void whatADrainForecastsToMoveIsMoved() {
    List<Drained> drains = seeds().mapToObj(seed -> drain(seed, SHORT_GRACE_MS)).toList();

    double forecast = drains.stream().mapToDouble(drained -> drained.plan.expectedMoves()).sum();
    double moved =
        drains.stream()
            .mapToInt(drained -> drained.report.moved() + drained.report.restarted())
            .sum();
    assertTrue(forecast > SEEDS, () -> "too few to say anything: " + forecast);
    // Of 200 seeds; of fewer the sum is less certain.
    double tolerance = 0.15 * forecast * Math.sqrt(200.0 / SEEDS);
    assertEquals(forecast, moved, tolerance, "requests that were to move, and did");
  }

  private static Drained drain(long seed, long graceMs) {
    Scenario scenario = new Scenario(seed, "slo", 1, 1, 1);
    Fleet fleet = scenario.gateway().fleet().fleet();
    Replica replica = scenario.gateway().fleet().replica("w1");
    AtomicReference<DrainPlan> plan = new AtomicReference<>();
    scenario.at(
        10,
        () -> {
          plan.set(fleet.commands().plan(replica, graceMs).join());
          assertTrue(fleet.commands().drain(replica, graceMs, false), "it could not be drained");
        });
    scenario.run(Scenarios.steady(scenario, 20, 0.6 * scenario.capacity()));
    assertEquals(ReplicaState.DRAINED, replica.state());
    return new Drained(
        scenario, plan.get(), Objects.requireNonNull(replica.drain()).report(0, Long.MAX_VALUE));
  }

  @Test
  void aRollingRestartUnderLoadFailsNothingAndNeverLacksMoreThanOne() {
    seeds()
        .forEach(
            seed -> {
              Scenario scenario = new Scenario(seed, "slo", 1, 1, 1);
              Fleet fleet = scenario.gateway().fleet().fleet();
              scenario.at(5, () -> assertNotNull(fleet.restarts().all(null, 1000)));
              scenario.run(Scenarios.steady(scenario, 30, 0.45 * scenario.capacity()));
              RollingRestart.Report report =
                  Objects.requireNonNull(fleet.restarts().last()).report();
              nothingFailed(scenario, seed);
              assertTrue(report.done() && !report.failed(), () -> report + ", seed " + seed);
              assertEquals(3, report.rows().size());
              assertEquals(
                  1, scenario.gateway().mostOutside(EnumSet.of(ReplicaState.READY)), "missing");
              fleet.replicas().forEach(replica -> assertEquals(1, replica.incarnation()));
            });
  }

  private static void nothingFailed(Scenario scenario, long seed) {
    assertEquals(
        0, scenario.gateway().ledger().count(End.FAILED), () -> "requests failed, seed " + seed);
  }

  private static LongStream seeds() {
    return LongStream.rangeClosed(1, SEEDS).parallel();
  }
}
