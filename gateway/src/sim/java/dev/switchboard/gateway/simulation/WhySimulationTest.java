package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.explain.Culprit;
import dev.switchboard.gateway.explain.Explanation;
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
    return Explanation.of(LateRequest.run(seed, causes, foreign).record(), List.of(), List.of());
  }
}
