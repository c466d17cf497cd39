package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.explain.Culprit;
import dev.switchboard.gateway.explain.Explanation;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.slo.SloCause;
import dev.switchboard.gateway.telemetry.SloBlame;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Whether the explanation of a late request names what made it late. */
class WhySimulationTest {
  private static final int SEEDS = 50;

  /** Of a cause's seeds, those that are to be named rightly. */
  private static final double SHARE = 0.95;

  private static final Map<Cause, Culprit> CULPRITS =
      Map.ofEntries(
          Map.entry(Cause.LATE_CONNECTION, Culprit.LATE_CONNECTION),
          Map.entry(Cause.LONG_QUEUE, Culprit.LONG_QUEUE),
          Map.entry(Cause.ALL_REPLICAS_DEAD, Culprit.NO_REPLICA),
          Map.entry(Cause.UPSTREAM_SLOW, Culprit.SLOW_UPSTREAM),
          Map.entry(Cause.MIGRATION, Culprit.MIGRATION),
          Map.entry(Cause.COLD_PREFIX, Culprit.COLD_PREFIX),
          Map.entry(Cause.NEIGHBOURS_PREFILL, Culprit.NEIGHBOURS_PREFILL),
          Map.entry(Cause.SLOW_RANK, Culprit.SLOW_RANK),
          Map.entry(Cause.HOST_CONTENTION, Culprit.HOST_CONTENTION),
          Map.entry(Cause.STOPPED_WORKER, Culprit.STOPPED_WORKER),
          Map.entry(Cause.GATEWAY_FROZEN, Culprit.GATEWAY_LATE),
          Map.entry(Cause.SLOW_READER, Culprit.SLOW_READER));

  @Test
  void everyCauseHasItsCulpritAndIsNamed() {
    assertEquals(Set.of(Cause.values()), CULPRITS.keySet());
    CULPRITS.forEach(WhySimulationTest::named);
  }

  private static void named(Cause cause, Culprit culprit) {
    int right = 0;
    StringBuilder wrong = new StringBuilder();
    for (long seed = 1; seed <= SEEDS; seed++) {
      Explanation told = explained(seed, Set.of(cause), cause == Cause.UPSTREAM_SLOW);
      if (told.culprit() == culprit) {
        right++;
      } else {
        wrong.append("\nseed ").append(seed).append(": ").append(told);
      }
    }
    assertTrue(right >= SHARE * SEEDS, cause + ": " + right + " of " + SEEDS + wrong);
  }

  /** What the service levels' history says, where the request was late for one reason. */
  private static final Map<Culprit, SloCause> OBJECTIVES =
      Map.ofEntries(
          Map.entry(Culprit.LONG_QUEUE, SloCause.QUEUE),
          Map.entry(Culprit.NO_REPLICA, SloCause.QUEUE),
          Map.entry(Culprit.SLOW_UPSTREAM, SloCause.OTHER),
          Map.entry(Culprit.MIGRATION, SloCause.MIGRATION),
          Map.entry(Culprit.COLD_PREFIX, SloCause.PREFILL),
          Map.entry(Culprit.NEIGHBOURS_PREFILL, SloCause.NEIGHBOURS),
          Map.entry(Culprit.SLOW_RANK, SloCause.STRAGGLER),
          Map.entry(Culprit.HOST_CONTENTION, SloCause.MACHINE),
          Map.entry(Culprit.STOPPED_WORKER, SloCause.MACHINE),
          Map.entry(Culprit.GATEWAY_LATE, SloCause.MACHINE),
          Map.entry(Culprit.SLOW_READER, SloCause.CLIENT));

  /** What was before a request is in no objective's time. */
  @Test
  void aMissedDeadlineIsBlamedOnTheCulprit() {
    CULPRITS.forEach(
        (cause, culprit) -> {
          if (culprit != Culprit.LATE_CONNECTION) {
            blamed(cause, culprit);
          }
        });
  }

  private static void blamed(Cause cause, Culprit culprit) {
    int right = 0;
    StringBuilder wrong = new StringBuilder();
    for (long seed = 1; seed <= SEEDS; seed++) {
      LateRequest.Ended ended = LateRequest.run(seed, Set.of(cause), cause == Cause.UPSTREAM_SLOW);
      Explanation told = Explanation.of(ended.record(), List.of(), List.of(), true);
      int deadlineMs = (int) Math.ceil(told.wallMs() - 0.99 * told.culpritMs());
      SloCause found =
          SloBlame.of(
              Objective.DEADLINE,
              ended.record(),
              ended.breakdown(),
              new Slo("late", 0, 0, deadlineMs, 0),
              List.of());
      right += found == OBJECTIVES.get(culprit) ? 1 : 0;
      wrong.append(found == OBJECTIVES.get(culprit) ? "" : "\nseed " + seed + ": " + found);
    }
    assertTrue(right >= SHARE * SEEDS, cause + ": " + right + " of " + SEEDS + wrong);
  }

  /** What took as long as it always does is nobody's doing. */
  @Test
  void nobodyIsNamedWhereNothingHappened() {
    for (long seed = 1; seed <= SEEDS; seed++) {
      Explanation told = explained(seed, Set.of(), false);

      assertEquals(Culprit.OWN_WORK, told.culprit(), told.toString());
      assertTrue(told.text().contains("Nothing held it up"), told.text());
    }
  }

  @Test
  void theRankIsTheOneThatIsSlow() {
    Explanation told = explained(1, Set.of(Cause.SLOW_RANK), false);

    assertEquals("0.1", told.rank());
    assertTrue(told.text().contains("the rank 0.1 of w0"), told.text());
  }

  private static Explanation explained(long seed, Set<Cause> causes, boolean foreign) {
    return Explanation.of(
        LateRequest.run(seed, causes, foreign).record(), List.of(), List.of(), true);
  }
}
