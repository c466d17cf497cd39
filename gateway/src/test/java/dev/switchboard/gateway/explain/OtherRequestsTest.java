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
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Who stood before a request, and whose prompts were computed beside it: times in milliseconds. */
class OtherRequestsTest {
  private static final long MS = 1_000_000;

  /** Of the request that is explained. */
  private static final int CAME = 100;

  private static final int ADMITTED = 200;
  private static final int FIRST = 300;
  private static final int ENDED = 400;

  private static final FlightRecord REQUEST = of("r", "w0", CAME, ADMITTED, FIRST, ENDED, 0);

  private static FlightRecord of(
      String id, String replica, int came, int admitted, int first, int ended, int computed) {
    Flight flight = flight(id, came, admitted, first, ended);
    flight.attempt(new FlightRecord.Attempt(1, replica, 1, ended * MS, null, false, null));
    flight.usage(new Usage(computed + 40, 40, 2));
    return flight.finish(Outcome.OK, 200, null);
  }

  /** It is connected in the moment after it is admitted; 0 is a moment that does not come. */
  private static Flight flight(String id, int came, int admitted, int first, int ended) {
    Flight flight = new Flight(id, () -> ended * MS);
    flight.mark(Mark.ACCEPTED, came * MS);
    flight.mark(Mark.PARSED, came * MS);
    flight.mark(Mark.ADMITTED, admitted * MS);
    flight.mark(Mark.CONNECTED, admitted == 0 ? 0 : (admitted + 1) * MS);
    flight.mark(Mark.FIRST_TOKEN, first * MS);
    return flight;
  }

  private static OtherRequests beside(FlightRecord... others) {
    return OtherRequests.of(REQUEST, List.of(others));
  }

  private static List<String> ids(List<FlightRecord> records) {
    return records.stream().map(FlightRecord::id).toList();
  }

  @Test
  void whoLeftTheQueueWhileItWaitedThereWentBeforeIt() {
    OtherRequests others =
        beside(
            of("before", "w0", 10, CAME, 110, 120, 1),
            of("first", "w0", 10, CAME + 1, 600, 700, 1),
            of("elsewhere", "w1", 150, 160, 600, 700, 1),
            of("with", "w0", 10, ADMITTED, 600, 700, 1),
            of("after", "w0", 10, ADMITTED + 1, 600, 700, 1),
            of("never", "w0", 10, 0, 0, 700, 1));

    assertEquals(List.of("first", "elsewhere", "with"), ids(others.admittedFirst()));
  }

  @Test
  void whoGotItsFirstTokenThereWhileItWaitedForItsOwnWasFirstAtTheReplica() {
    OtherRequests others =
        beside(
            of("earlier", "w0", 10, 20, ADMITTED, 700, 1),
            of("one", "w0", 10, 20, ADMITTED + 1, 700, 1),
            of("elsewhere", "w1", 10, 20, 250, 700, 1),
            of("two", "w0", 210, 220, FIRST, 700, 1),
            of("later", "w0", 210, 220, FIRST + 1, 700, 1));

    assertEquals(List.of("one", "two"), ids(others.firstAtReplica()));
  }

  @Test
  void promptsThatWereComputedWhileItDecodedAreToldLongestFirst() {
    OtherRequests others =
        beside(
            of("short", "w0", 10, 20, 350, 700, 20),
            of("long", "w0", 310, 320, 390, 700, 500),
            of("elsewhere", "w1", 310, 320, 390, 700, 900),
            of("before", "w0", 10, 20, FIRST, 700, 900),
            of("after", "w0", 410, ENDED, 600, 700, 900),
            of("unconnected", "w0", 310, 0, 0, 700, 900),
            of("unfinished", "w0", 310, 320, 0, 700, 60));

    assertEquals(List.of("long", "unfinished", "short"), ids(others.computed()));
    assertEquals(580, OtherRequests.computedTokens(others.computed()));
  }

  @Test
  void whoWasAtAReplicaWhenItCameRan() {
    OtherRequests others =
        beside(
            of("here", "w0", 10, 20, 30, CAME + 1, 1),
            of("elsewhere", "w1", 10, 20, 0, 700, 1),
            of("ended", "w0", 10, 20, 30, CAME, 1),
            of("queued", "w0", 10, 110, 120, 700, 1),
            of("never", "w0", 10, 0, 0, 700, 1));

    assertEquals(2, others.running());
  }

  /** No attempt of it has ended yet. */
  @Test
  void oneThatRunsYetIsWhereItWasSent() {
    Flight flight = flight("runs", 150, 160, 250, 700);
    flight.decision(Decision.of("slo", "m", "w0", List.of()));

    OtherRequests others = beside(flight.snapshot(Outcome.OK, 0, null));

    assertEquals(List.of("runs"), ids(others.firstAtReplica()));
  }

  @Test
  void whatWorkersSayTheyComputedGoesBeforeTheUsage() {
    RequestTimeline.Phase prefill =
        new RequestTimeline.Phase(1, 2, 70, 0, 0, 1, 0, Critical.NONE, null, List.of());
    Flight flight = flight("told", 10, 20, 30, 40);
    flight.usage(new Usage(500, 100, 2));
    FlightRecord bySelf = flight.finish(Outcome.OK, 200, null);
    flight.timelines(
        List.of(new RequestTimeline("r", 0, 1, 1, 1, 2, 3, 0, prefill, null, List.of())),
        EngineStamps.NONE);

    assertEquals(400, OtherRequests.computedTokens(bySelf));
    assertEquals(70, OtherRequests.computedTokens(flight.finish(Outcome.OK, 200, null)));
  }

  /** Those at the replica are named where there are any; at most five. */
  @Test
  void whoStoodBeforeItIsCountedAndNamed() {
    List<FlightRecord> queued = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      queued.add(of("q" + i, "w1", 10, 150, 160, 700, 1));
    }
    List<FlightRecord> all = new ArrayList<>(queued);
    all.add(of("a", "w0", 10, 20, 250, 700, 30));
    all.add(of("b", "w0", 10, 180, 260, 700, 12));

    Explanation.Ahead ahead = Explanation.of(REQUEST, List.of(), all, true).ahead();
    Explanation.Ahead alone = Explanation.of(REQUEST, List.of(), queued, true).ahead();

    assertEquals(8, ahead.admittedFirst());
    assertEquals(2, ahead.firstAtReplica());
    assertEquals(42, ahead.promptTokens());
    assertEquals(1, ahead.running());
    assertEquals(List.of("a", "b"), ahead.ids());
    assertEquals(List.of("q0", "q1", "q2", "q3", "q4"), alone.ids());
    assertEquals(0, alone.promptTokens());
  }

  @Test
  void neighboursAreNamedLongestFirstAtMostFive() {
    List<FlightRecord> all = new ArrayList<>();
    for (int i = 1; i <= 6; i++) {
      all.add(of("n" + i, "w0", 310, 320, 390, 700, 10 * i));
    }

    Explanation told = Explanation.of(REQUEST, List.of(), all, true);

    assertEquals(List.of("n6", "n5", "n4", "n3", "n2"), told.neighbours());
    assertEquals(210, told.neighbourTokens());
  }
}
