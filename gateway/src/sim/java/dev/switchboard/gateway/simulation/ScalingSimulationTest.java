package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.simulation.ScalingComparison.Line;
import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The gateway's rule against the usual ones. In virtual time a seed always comes to the same, so
 * the table of docs/benchmarks is held to what comes out.
 */
@Tag("computation")
@Tag("night")
class ScalingSimulationTest {
  private static final int DAYS = 6;

  /** Of the misses of ours that each usual rule has, at the same replica-hours. */
  private static final double MORE_MISSES = 1.25;

  /** Of the replica-hours of ours that each usual rule needs more, at the same misses. */
  private static final double MORE_HOURS = 0.03;

  /** As often as every usual rule changes the number that it desires. */
  private static final int MOST_CHANGES = 400;

  @Test
  void theRuleMissesFewerAtEqualReplicaHoursOnDaysOnWhichNothingWasChosen() throws IOException {
    ScalingComparison.Outcome outcome = ScalingComparison.others(DAYS).run();

    for (Line line : outcome.lines()) {
      assertTrue(
          line.share() > MORE_MISSES * outcome.ours().share(),
          () -> line.rule() + " misses " + line.share() + ", ours " + outcome.ours().share());
      assertTrue(
          line.hours() > (1 + MORE_HOURS) * outcome.ours().hours(),
          () -> line.rule() + " takes " + line.hours() + " h, ours " + outcome.ours().hours());
    }
    assertTrue(outcome.best());
    assertTrue(outcome.changes() <= MOST_CHANGES, () -> outcome.changes() + " changes a day");
    assertOnPage(outcome, "on six others");
  }

  @Test
  void thePageSaysWhatTheRuleMissesWhereItsConstantsWereChosen() throws IOException {
    assertOnPage(ScalingComparison.chosen().run(), "chosen on these two days");
  }

  private static void assertOnPage(ScalingComparison.Outcome outcome, String days)
      throws IOException {
    String table = outcome.table(days);
    System.out.println(table);
    assertEquals(
        table,
        PolicyComparisonTest.tableOfThePage("| Rule, " + days),
        () -> "the table of docs/benchmarks/policies.md is stale; this is the new one:\n" + table);
  }
}
