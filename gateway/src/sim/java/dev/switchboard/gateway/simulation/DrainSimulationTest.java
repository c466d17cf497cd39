package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.drain.DrainPlan.Fate;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.fleet.RollingRestart;
import dev.switchboard.gateway.simulation.Ledger.End;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Replicas that are emptied and restarted under load, in virtual time. */
@ExtendWith(QuietFleet.class)
class DrainSimulationTest {
  private static final int SEEDS = Integer.getInteger("switchboard.simulation.seeds", 200);

  /**
   * A forecast of a drain is off by no more than so much of it or this time, and mostly by far
   * less.
   */
  private static final double FORECAST_ERROR = 0.6;

  private static final double FORECAST_ERROR_MS = 500;
  private static final double MEDIAN_ERROR_MS = 100;

  /** What a drain was to come to, and what came. */
  private record Drained(Scenario scenario, DrainPlan plan, Drain.Report report) {}

  @Test
  void aDrainUnderLoadFailsNothingAndTakesAsLongAsForecast() {
    double[] off =
        seeds()
            .mapToDouble(seed -> offMs(drain(seed, seed % 2 == 0 ? 300 : 30_000), seed))
            .sorted()
            .toArray();

    double median = off[off.length / 2];
    assertTrue(median <= MEDIAN_ERROR_MS, () -> "forecasts are off by " + median + " ms");
  }

  /** By how much the forecast was off; nothing may have failed. */
  private static double offMs(Drained drained, long seed) {
    Drain.Report report = drained.report;
    long expectedMs = drained.plan.expectedMs();
    double offMs = Math.abs(report.durationMs() - expectedMs);
    nothingFailed(drained.scenario, seed);
    assertTrue(report.done() && report.broken() == 0, () -> report + ", seed " + seed);
    assertEquals(
        report.requests(),
        report.finished() + report.moved() + report.restarted(),
        () -> report + ", seed " + seed);
    assertTrue(
        offMs <= Math.max(FORECAST_ERROR * expectedMs, FORECAST_ERROR_MS),
        () -> expectedMs + " ms forecast, " + report + ", seed " + seed);
    return offMs;
  }

  @Test
  void whatADrainForecastsToMoveIsMoved() {
    List<Drained> drains = seeds().mapToObj(seed -> drain(seed, 300)).toList();

    double forecast =
        drains.stream()
            .mapToInt(
                drained -> drained.plan.count(Fate.MIGRATE) + drained.plan.count(Fate.RESTART))
            .sum();
    double moved =
        drains.stream()
            .mapToInt(drained -> drained.report.moved() + drained.report.restarted())
            .sum();
    assertTrue(forecast > SEEDS, () -> "too few to say anything: " + forecast);
    assertEquals(forecast, moved, 0.15 * forecast, "requests that were to move, and did");
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
