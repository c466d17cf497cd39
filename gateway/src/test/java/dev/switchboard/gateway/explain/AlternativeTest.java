package dev.switchboard.gateway.explain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Decision.Candidate;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.Rates;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.Workload;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What another replica would have come to, and what would have to be different for it. */
class AlternativeTest {
  private static final long MS = 1_000_000;
  private static final int WAITING_TOKENS = 400;

  private long now = 1_000 * MS;
  private boolean streams = true;

  /** A replica where 400 prompt tokens wait, each of which takes so long. */
  private static Candidate candidate(
      String id, double ttftMs, double score, double tokenMs, double slowdown) {
    Rates rates = new Rates(10, tokenMs, 0, 0, 5, 0, 0, 0, slowdown, 0, 0, 0, 100, 1, 100);
    ReplicaView view =
        ReplicaView.of(id, "m")
            .withOwn(new Workload.Snapshot(1, WAITING_TOKENS, 0, 0, 0, 0, 1, rates));
    return new Candidate(view, null, score, new Prediction(ttftMs, ttftMs, 5, 5, 10), 0);
  }

  private static Candidate leftOut(String id, double ttftMs, String why) {
    Prediction prediction = new Prediction(ttftMs, ttftMs, 5, 5, 10);
    return new Candidate(ReplicaView.of(id, "m"), why, Double.NaN, prediction, 0);
  }

  /** At w0 the first token was there after 60 ms. */
  private Explanation explained(@Nullable Decision decision) {
    Flight flight = new Flight("r", () -> now);
    flight.stream(streams);
    flight.mark(Mark.PARSED);
    flight.mark(Mark.ADMITTED);
    if (decision != null) {
      flight.decision(decision);
      flight.mark(Mark.CONNECTED);
      now += 60 * MS;
      flight.content();
    }
    return Explanation.of(
        flight.finish(decision == null ? Outcome.SHED : Outcome.OK, 200, null),
        List.of(),
        List.of(),
        true);
  }

  private Explanation at(String chosen, Candidate... candidates) {
    return explained(Decision.of("slo", "m", chosen, List.of(candidates)));
  }

  private static void says(String words, Explanation told) {
    assertTrue(told.text().endsWith(" " + words), told::text);
  }

  /** Its first token was expected so many milliseconds after that of the chosen one. */
  @ParameterizedTest
  @CsvSource({
    "50, 0.5, 0, 100",
    "200, 0.5, 0, 400",
    "0.7, 0.5, 0, 2",
    "50, 0.5, 0.6931472, 50",
    "201, 0.5, 0, -1",
    "50, 0, 0, -1",
    "0, 0.5, 0, 0",
    "-20, 0.5, 0, 0"
  })
  void asManyPromptTokensFewerAsItWasExpectedLater(
      double laterMs, double tokenMs, double slowdown, int fewer) {
    Explanation told =
        at(
            "w0",
            candidate("w0", 100, 1, 0.5, 0),
            candidate("w1", 100 + laterMs, 1.25, tokenMs, slowdown));

    assertEquals("w1", told.alternative().replica());
    assertNull(told.alternative().rejected());
    assertEquals(fewer, told.alternative().fewerTokens());
    assertEquals(0.25, told.alternative().scoreMargin(), 1e-9);
    if (fewer > 0) {
      says(
          "With " + fewer + " prompt tokens fewer waiting there w1 would have been as soon.", told);
    } else if (fewer < 0) {
      says("Even with no prompt waiting there w1 would not have been as soon.", told);
    } else {
      says("The policy slo chose it for more than that: w1 scored 0.25 worse.", told);
    }
  }

  @Test
  void bothPredictionsAndWhatItTookAreTold() {
    Explanation told =
        at("w0", candidate("w0", 100, 1, 0.5, 0), candidate("w1", 150, 1.25, 0.5, 0));

    assertEquals(150, told.alternative().predictedTtftMs());
    assertEquals(100, told.alternative().chosenTtftMs());
    assertEquals(60, told.alternative().measuredTtftMs());
    assertTrue(
        told.text()
            .contains(
                "At w1 the first token was expected after 150 ms, at w0, where it went, after 100"
                    + " ms, and it took 60 ms."),
        told::text);
  }

  /** What its client got at once says nothing of when its first token was made. */
  @Test
  void anAnswerThatCameWholeHasNoFirstToken() {
    streams = false;
    Explanation told =
        at("w0", candidate("w0", 100, 1, 0.5, 0), candidate("w1", 150, 1.25, 0.5, 0));

    assertTrue(Double.isNaN(told.alternative().measuredTtftMs()));
    assertTrue(told.text().startsWith("It took 60 ms, outcome ok. "), told::text);
    assertTrue(told.text().contains(", after 100 ms."), told::text);
  }

  @Test
  void theFirstTokenOfAStreamThatMovedIsNotThatOfWhereItWent() {
    Flight flight = new Flight("r", () -> now);
    flight.stream(true);
    flight.decision(Decision.of("slo", "m", "w0", List.of()));
    flight.mark(Mark.CONNECTED);
    now += 60 * MS;
    flight.content();
    flight.attempt(new FlightRecord.Attempt(1, "w0", now, now, "died", false, null));
    now += 400 * MS;
    flight.attempt(
        new FlightRecord.Attempt(
            2, "w2", now, now, "busy", false, new FlightRecord.Move("died", now, now, 0)));
    flight.decisionAnew(
        Decision.of(
            "slo",
            "m",
            "w1",
            List.of(candidate("w0", 100, 1, 0.5, 0), candidate("w1", 150, 1.25, 0.5, 0))));
    flight.attempt(
        new FlightRecord.Attempt(
            3,
            "w1",
            now,
            now,
            null,
            false,
            new FlightRecord.Move("died", now - 400 * MS, now, now)));

    Explanation told =
        Explanation.of(flight.finish(Outcome.OK, 200, null), List.of(), List.of(), true);

    assertTrue(Double.isNaN(told.alternative().measuredTtftMs()));
    assertTrue(told.text().contains("the move of its stream from w0 to w1"), told::text);
  }

  /**
   * Of those that could be chosen the one of the best score; one that could not only where none is.
   */
  @Test
  void theNextBestIsTheBestOfTheOthersThatCouldBeChosen() {
    Explanation told =
        at(
            "w0",
            leftOut("w3", 1, "circuit open"),
            candidate("w2", 110, 3, 0.5, 0),
            candidate("w0", 100, 1, 0.5, 0),
            candidate("w1", 150, 2, 0.5, 0));

    assertEquals("w1", told.alternative().replica());
    assertEquals(1, told.alternative().scoreMargin(), 1e-9);
  }

  @Test
  void oneThatWasLeftOutIsToldWithItsReason() {
    Explanation told =
        at("w0", candidate("w0", 100, 1, 0.5, 0), leftOut("w1", 1, "state DRAINING"));

    assertEquals("state DRAINING", told.alternative().rejected());
    assertEquals(-1, told.alternative().fewerTokens());
    says(
        "No other replica could take it: w1 was left out (state DRAINING). Without that it could"
            + " have been chosen.",
        told);
  }

  @Test
  void whereOnlyOneServesTheModelThereIsNoOther() {
    Explanation told = at("w0", candidate("w0", 100, 1, 0.5, 0));

    assertNull(told.alternative().replica());
    says("There was no other replica.", told);
  }

  @Test
  void whatWasRefusedBeforeItWasRoutedWasSentNowhere() {
    says("It was sent nowhere.", explained(null));
  }
}
