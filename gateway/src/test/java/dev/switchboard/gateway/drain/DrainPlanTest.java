package dev.switchboard.gateway.drain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.DrainPlan.Fate;
import dev.switchboard.gateway.slo.Slo;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DrainPlanTest {
  private static final long MS = 1_000_000;
  private static final long NOW = 10_000 * MS;

  /** First token at 100 ms after the start, then one every 10 ms. */
  private static StreamState stream(int tokens, int maxTokens, boolean movable) {
    long firstToken = NOW - (tokens - 1) * 10L * MS;
    return new StreamState(
        "r",
        true,
        movable,
        50,
        tokens,
        maxTokens,
        firstToken - 100 * MS,
        firstToken,
        StreamState.Wanted.NOTHING);
  }

  private static StreamState whole() {
    return new StreamState("w", false, false, 50, 0, 100, NOW, 0, StreamState.Wanted.NOTHING);
  }

  /** A stream of ten tokens so far, one every 10 ms, of at most twenty. */
  private static StreamState wanting(Slo slo) {
    long firstToken = NOON_FIRST;
    return new StreamState(
        "r",
        true,
        true,
        50,
        10,
        20,
        firstToken - 100 * MS,
        firstToken,
        new StreamState.Wanted(slo, firstToken - 100 * MS));
  }

  private static final long NOON_FIRST = NOW - 90 * MS;

  /** Moving costs 60 prompt tokens of 2 ms: 120 ms, 6.3 ms on each of its tokens. */
  @ParameterizedTest
  @CsvSource({
    "live, 0, 15, 0, 0, 1",
    "live, 0, 20, 0, 0, 0",
    "live, 0, 9, 0, 0, 0",
    "live, 0, 0, 300, 0, 1",
    "live, 0, 0, 500, 0, 0",
    "live, 0, 0, 200, 0, 0",
    "live, 0, 15, 300, 1000, 0"
  })
  void whatWouldMissATargetOnlyBecauseItMovesIsAtRisk(
      String name, int ttftMs, double tpotMs, int deadlineMs, long graceMs, int atRisk) {
    Slo slo = new Slo(name, ttftMs, tpotMs, deadlineMs, 0);

    DrainPlan plan =
        DrainPlan.of(
            List.of(wanting(slo), whole()),
            graceMs,
            true,
            new DrainPlan.Pace(10, 2, Double.NaN),
            NOW);

    assertEquals(new BudgetAtRisk("live", 1, atRisk), plan.slo().getFirst());
    assertEquals(new BudgetAtRisk("standard", 1, 0), plan.slo().getLast());
  }

  @ParameterizedTest
  @CsvSource({
    "200, true, true, 1100, ENDS_SOON",
    "200, true, true, 500, NOT_ASKED_YET",
    "200, false, true, 500, CANNOT_MOVE",
    "200, true, false, 500, NO_OTHER_REPLICA"
  })
  void whyARequestIsStillThereIsTold(
      int maxTokens, boolean movable, boolean elsewhere, long graceMs, DrainPlan.Stays why) {
    DrainPlan plan =
        DrainPlan.of(
            List.of(stream(100, maxTokens, movable)),
            graceMs,
            elsewhere,
            DrainPlan.Pace.UNKNOWN,
            NOW);

    assertEquals(why, plan.forecasts().getFirst().why());
  }

  @ParameterizedTest
  @CsvSource({
    "200, true, true, 1100, FINISH, 1000",
    "200, true, true, 500, MIGRATE, 500",
    "200, false, true, 500, WAIT, 1000",
    "200, true, false, 500, WAIT, 1000"
  })
  void aStreamEndsWhereItIsOrGoesOnElsewhereOrIsWaitedFor(
      int maxTokens, boolean movable, boolean elsewhere, long graceMs, Fate fate, long expectedMs) {
    DrainPlan plan =
        DrainPlan.of(
            List.of(stream(100, maxTokens, movable)),
            graceMs,
            elsewhere,
            DrainPlan.Pace.UNKNOWN,
            NOW);

    assertEquals(fate, plan.forecasts().getFirst().fate());
    assertEquals(1000, plan.forecasts().getFirst().remainingMs());
    assertEquals(expectedMs, plan.expectedMs());
    assertTrue(plan.bounded());
  }

  @Test
  void movingCostsThePromptAndWhatWasGenerated() {
    DrainPlan plan =
        DrainPlan.of(List.of(stream(100, 200, true)), 0, true, DrainPlan.Pace.UNKNOWN, NOW);

    assertEquals((50 + 100) * 2, plan.forecasts().getFirst().costMs());
  }

  @Test
  void aWholeAnswerBeginsAnewElsewhere() {
    DrainPlan plan = DrainPlan.of(List.of(whole(), whole()), 0, true, DrainPlan.Pace.UNKNOWN, NOW);

    assertEquals(2, plan.count(Fate.RESTART));
    assertEquals(0, plan.expectedMs());
  }

  @Test
  void anAnswerWithoutABoundMakesThePlanAGuess() {
    DrainPlan plan =
        DrainPlan.of(List.of(stream(10, -1, false)), 0, true, DrainPlan.Pace.UNKNOWN, NOW);

    assertFalse(plan.bounded());
    assertEquals(1, plan.count(Fate.WAIT));
    assertEquals(2460, plan.expectedMs());
  }

  /** With a mean of 100 tokens, as many as not have ended after 69. */
  @ParameterizedTest
  @CsvSource({
    "-1, false, 693, 1, 693",
    "-1, false, 693, 2, 1228",
    "-1, true, 693, 2, 1000",
    "1000, false, 693, 2, 1228",
    "60, false, 500, 2, 500"
  })
  void whatIsLeftOfAnAnswerIsAsLongAsAnswersAreOfLateButNoLongerThanItMayBe(
      int maxTokens, boolean movable, long remainingMs, int requests, long expectedMs) {
    DrainPlan plan =
        DrainPlan.of(
            Collections.nCopies(requests, stream(10, maxTokens, movable)),
            1000,
            true,
            new DrainPlan.Pace(10, 2, 100),
            NOW);

    assertEquals(remainingMs, plan.forecasts().getFirst().remainingMs());
    assertEquals(expectedMs, plan.expectedMs());
    assertEquals(requests, plan.count(Fate.FINISH));
    assertEquals(movable || maxTokens > 0, plan.bounded());
  }

  @Test
  void anEmptyReplicaIsEmptyAtOnce() {
    DrainPlan plan = DrainPlan.of(List.of(), 1000, false, DrainPlan.Pace.UNKNOWN, NOW);

    assertEquals(0, plan.expectedMs());
    assertTrue(plan.bounded());
  }
}
