package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.Decision.Candidate;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Whether a request went where most are, though it could have gone elsewhere. */
class FullestTest {

  @Test
  void theFullestHasMoreThanAnyOther() {
    assertTrue(fullest("a", candidate("a", 48, null), candidate("b", 40, null)));
    assertFalse(fullest("b", candidate("a", 48, null), candidate("b", 40, null)));
    assertFalse(fullest("a", candidate("a", 48, null), candidate("b", 48, null)));
  }

  @Test
  void oneThatTakesNothingIsNotComparedWith() {
    assertTrue(
        fullest(
            "a",
            candidate("a", 48, null),
            candidate("b", 40, null),
            candidate("c", 50, "not_ready")));
    assertFalse(fullest("a", candidate("a", 48, null), candidate("c", 50, "not_ready")));
  }

  @Test
  void whoWasNotChosenIsNotTheFullest() {
    assertFalse(fullest(null, candidate("a", 48, "full"), candidate("b", 40, "full")));
  }

  private static boolean fullest(@Nullable String chosen, Candidate... candidates) {
    return Decision.of("slo", "m", chosen, List.of(candidates)).choseTheFullest();
  }

  private static Candidate candidate(String id, int requests, @Nullable String rejected) {
    ReplicaView view = ReplicaView.of(id, "m").withInFlight(requests);
    return new Candidate(view, rejected, 0, new Prediction(40, 40, 5, 5, 16), 0);
  }
}
