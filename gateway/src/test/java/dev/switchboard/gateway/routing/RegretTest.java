package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.routing.Decision.Candidate;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What came, against the best that was predicted of anybody. */
class RegretTest {

  @Test
  void aBetterOneThatWasNotChosenIsRegrettedByWhatReallyCame() {
    Decision decision = decision("a", candidate("a", 40, null), candidate("b", 10, null));

    assertEquals(50, decision.regretMs(60));
    assertEquals(20, decision.regretMs(30));
  }

  @Test
  void theBestPredictedIsNotRegrettedHoweverLateItCame() {
    Decision decision = decision("b", candidate("a", 40, null), candidate("b", 10, null));

    assertEquals(0, decision.regretMs(500));
  }

  @Test
  void whatCameSoonerThanAnybodyWasPredictedIsNotRegretted() {
    Decision decision = decision("a", candidate("a", 40, null), candidate("b", 10, null));

    assertEquals(0, decision.regretMs(5));
  }

  @Test
  void oneThatCouldNotBeChosenIsNotMissed() {
    Decision decision = decision("a", candidate("a", 40, null), candidate("b", 10, "not_ready"));

    assertEquals(0, decision.regretMs(60));
  }

  private static Decision decision(String chosen, Candidate... candidates) {
    return Decision.of("slo", "m", chosen, List.of(candidates));
  }

  private static Candidate candidate(String id, double ttftMs, @Nullable String rejected) {
    Prediction prediction = new Prediction(ttftMs, ttftMs, 5, 5, 16);
    return new Candidate(ReplicaView.of(id, "m"), rejected, 0, prediction, 0);
  }
}
