package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Decision.Candidate;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.ReplicaView;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Replica {@code a} is predicted to take 30 ms to a first token and 5 for each, {@code b} 20, 4.
 */
class ShadowScoresTest {
  private final ShadowScores scores = new ShadowScores();

  private static Decision decision(
      String policy, String chosen, String shadow, @Nullable String watched) {
    List<Candidate> both =
        List.of(
            candidate("a", null, new Prediction(30, 40, 5, 6, 0)),
            candidate("b", null, new Prediction(20, 25, 4, 5, 0)),
            candidate("full", "full", new Prediction(1, 1, 1, 1, 0)));
    return new Decision(
        policy, "route", "m", chosen, both, new Decision.Shadow(shadow, watched), null);
  }

  private static Candidate candidate(String id, @Nullable String rejected, Prediction prediction) {
    return new Candidate(ReplicaView.of(id, "m"), rejected, 0, prediction, 0);
  }

  private void happens(Decision decision, double ttftMs, double tpotMs) {
    scores.decided(decision);
    scores.measured(decision, ttftMs, tpotMs);
  }

  private ShadowScores.Score score() {
    return assertNotNullScore(scores.of("route"));
  }

  private static ShadowScores.Score assertNotNullScore(ShadowScores.@Nullable Score score) {
    assertNotNull(score);
    return score;
  }

  @Test
  void bothSidesAreMeansOfTheSameRequests() {
    happens(decision("slo", "a", "other", "b"), 50, 6);
    happens(decision("slo", "b", "other", "b"), 10, -1);

    ShadowScores.Score score = score();

    assertEquals(2, score.decisions());
    assertEquals(1, score.agreed());
    assertEquals(2, score.samples());
    assertEquals(new ShadowScores.Times(30, 6), score.measured());
    assertEquals(new ShadowScores.Times(25, 5), score.predicted());
    assertEquals(new ShadowScores.Times(20, 4), score.shadowed());
    // 30 of the one, nothing of the other.
    assertEquals(15, score.regretMs());
  }

  @Test
  void aShadowsChoiceThatWasPredictedToBeLaterIsNotRegretted() {
    happens(decision("slo", "b", "other", "a"), 50, 6);

    assertEquals(0, score().regretMs());
  }

  @Test
  void whatWasNotPredictedOfBothIsNoSample() {
    happens(decision("slo", "a", "other", "full"), 50, 6);
    happens(decision("slo", "a", "other", null), 50, 6);
    happens(decision("slo", "a", "other", "b"), -1, -1);

    assertEquals(3, score().decisions());
    assertEquals(0, score().samples());
    assertTrue(Double.isNaN(score().regretMs()));
  }

  @Test
  void aShadowThatThrowsIsCountedAndForgetsNothing() {
    happens(decision("slo", "a", "other", "b"), 50, 6);
    happens(decision("slo", "a", "broken", null), 50, 6);

    assertEquals(2, score().decisions());
    assertEquals(1, score().broken());
    assertEquals(1, score().samples());
  }

  @Test
  void anotherPolicyOrShadowBeginsAnew() {
    happens(decision("slo", "a", "other", "b"), 50, 6);
    happens(decision("least-loaded", "a", "other", "b"), 50, 6);
    assertEquals(1, score().decisions());
    happens(decision("least-loaded", "a", "third", "a"), 50, 6);

    assertEquals("third", score().shadow());
    assertEquals(1, score().agreed());
  }

  @Test
  void aRouteThatIsGoneIsForgotten() {
    happens(decision("slo", "a", "other", "b"), 50, 6);

    scores.only(Set.of("another"));

    assertNull(scores.of("route"));
  }
}
