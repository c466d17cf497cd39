package dev.switchboard.gateway.explain;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Critical;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A process may be stopped between two steps, where no lane tells of it. */
class StoppedWorkerTest {
  private static final long MS = 1_000_000;
  private static final int STEPS = 20;

  private long now = 1_000 * MS;

  @Test
  void oneLongTimeWithoutACoreBetweenTwoStepsIsAStoppedProcess() {
    Explanation told = explained(900, 10);

    assertEquals(Culprit.STOPPED_WORKER, told.culprit(), told.text());
    assertEquals(900, told.culpritMs(), 1, told.text());
  }

  @Test
  void manyShortOnesAreTheMachine() {
    Explanation told = explained(60, 60);

    assertEquals(Culprit.HOST_CONTENTION, told.culprit(), told.text());
  }

  /** Without a core for so long before one token, and before each of the others. */
  private Explanation explained(long longestMs, long otherMs) {
    Flight flight = new Flight("r", () -> now);
    flight.mark(Mark.RECEIVED);
    flight.mark(Mark.PARSED);
    flight.mark(Mark.ADMITTED);
    flight.decision(Decision.of("p", "m", "w0", List.of()));
    flight.mark(Mark.CONNECTED);
    long start = now;
    flight.content();
    for (int step = 0; step < STEPS; step++) {
      now += (1 + (step == STEPS / 2 ? longestMs : otherMs)) * MS;
      flight.content();
    }
    long lost = now - start - STEPS * MS;
    Critical work = new Critical(STEPS * MS, 0, 0, 0, lost, 0);
    RequestTimeline.Phase decode =
        new RequestTimeline.Phase(start, now, STEPS, 0, 0, STEPS, 0, work, null, List.of());
    flight.timelines(
        List.of(
            new RequestTimeline(
                "r", 0, start, start, start, start, now, 0, null, decode, List.of())),
        EngineStamps.NONE);
    flight.usage(new Usage(1, 0, STEPS + 1));
    flight.mark(Mark.UPSTREAM_ENDED);
    FlightRecord record = flight.finish(Outcome.OK, 200, null);
    return Explanation.of(record, List.of(), List.of(), true);
  }
}
