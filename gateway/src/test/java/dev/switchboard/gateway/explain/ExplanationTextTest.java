package dev.switchboard.gateway.explain;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.routing.Decision;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExplanationTextTest {
  private static final long MS = 1_000_000;

  private long now = 1_000 * MS;
  private final Flight flight = new Flight("r", () -> now);

  private String text(Outcome outcome, int status) {
    FlightRecord record = flight.finish(outcome, status, null);
    return Explanation.of(record, List.of(), List.of(), true).text();
  }

  @Test
  void theOutcomeIsTheRequestsAndNotThatOfItsFirstToken() {
    flight.stream(true);
    flight.mark(Mark.RECEIVED);
    flight.mark(Mark.PARSED);
    flight.mark(Mark.ADMITTED);
    flight.decision(Decision.of("p", "m", "w0", List.of()));
    flight.mark(Mark.CONNECTED);
    now += 20 * MS;
    flight.content();
    now += 30 * MS;

    String text = text(Outcome.OK, 200);

    assertTrue(
        text.startsWith("It took 50 ms, outcome ok; its first token came after 20 ms. "), text);
  }

  @Test
  void withoutAFirstTokenThereIsNoWordOfOne() {
    flight.mark(Mark.RECEIVED);
    now += 5 * MS;

    String text = text(Outcome.SHED, 429);

    assertTrue(text.startsWith("It took 5.0 ms, outcome shed. "), text);
  }
}
