package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.telemetry.Stragglers.Rank;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Lane;
import java.util.List;
import org.junit.jupiter.api.Test;

class RankBlameTest {
  private static final Slo TIGHT = new Slo("c", 1, 0, 0, 0);
  private static final Slo LOOSE = new Slo("c", 100_000, 0, 0, 0);
  private static final Rank SLOW = new Rank("w0", 0, 1);

  private final Metrics metrics = new Metrics(model -> true, "0", false);
  private long now = 1;

  @Test
  void whoWaitedForANamedRankWasHarmedByIt() {
    Stragglers named = new Stragglers(List.of(SLOW));

    metrics.blamed(request(3), TIGHT, named);
    metrics.blamed(request(3), LOOSE, named);

    assertEquals(List.of(new RankBlame.Harm(0, 1, 2, 1)), metrics.blame().of("w0"));
    assertEquals(List.of(), metrics.blame().of("w1"));
  }

  @Test
  void whoDidNotWaitForItOrCameWhileNoneWasNamedWasNot() {
    metrics.blamed(request(0), TIGHT, new Stragglers(List.of(SLOW)));
    metrics.blamed(request(3), TIGHT, new Stragglers(List.of()));

    assertEquals(List.of(), metrics.blame().of("w0"));
  }

  @Test
  void aReplicaThatToldNothingIsTakenAtItsWord() {
    metrics.blamed(request(-1), LOOSE, new Stragglers(List.of(SLOW)));

    assertEquals(List.of(new RankBlame.Harm(0, 1, 1, 0)), metrics.blame().of("w0"));
  }

  /**
   * Takes a minute, half of it to its first token.
   *
   * @param last steps in which the rank came last; −1 without a timeline
   */
  private FlightRecord request(int last) {
    Flight flight = new Flight("r", () -> now);
    flight.model("m");
    flight.stream(true);
    flight.mark(Mark.ADMITTED);
    now += 30_000_000_000L;
    flight.content();
    now += 30_000_000_000L;
    if (last >= 0) {
      Lane lane = new Lane(0, 1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 5, last, 0, 0, 0, Collective.of(0));
      RequestTimeline.Phase decode =
          new RequestTimeline.Phase(
              1, 2, 5, 0, 0, 5, 0, RequestTimeline.Critical.NONE, null, List.of(lane));
      flight.timelines(
          List.of(new RequestTimeline("r", 0, 1, 1, 1, 1, 2, 0, null, decode, List.of())),
          EngineStamps.NONE);
    }
    flight.attempt(new FlightRecord.Attempt(1, "w0", 1, now, null, false, null));
    return flight.finish(Outcome.OK, 200, null);
  }
}
