package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a timeline of 200 steps and 20 candidates says, in short and in full. */
class FlightJsonTest {
  private static final int STEPS = 200;
  private static final int CANDIDATES = 20;
  private static final String CHOSEN = "w" + (CANDIDATES - 1);

  private long now = 1_000_000_000L;
  private final FlightRecord record = record();
  private final JsonNode small = FlightJson.timeline(record, false);
  private final JsonNode full = FlightJson.timeline(record, true);

  @Test
  void aSmallTimelineLeavesOutStepsAndSaysHowMany() {
    JsonNode choice = small.path("choices").path(0);

    assertFalse(choice.has("steps"));
    assertFalse(choice.has("prefill"));
    assertFalse(choice.has("decode"));
    assertEquals(STEPS, choice.path("steps_left_out").asInt());
  }

  @Test
  void aFullTimelineHasEveryStepWithItsLanes() {
    JsonNode choice = full.path("choices").path(0);

    assertEquals(STEPS, choice.path("steps").size());
    assertTrue(choice.path("steps").valueStream().allMatch(step -> step.path("lanes").size() == 4));
    assertEquals(4, choice.path("prefill").path("lanes").size());
    assertEquals(4, choice.path("decode").path("lanes").size());
    assertFalse(choice.has("steps_left_out"));
  }

  @Test
  void bothHaveTheLanesOfBothPhasesAndTheSlowestStepOnlyTheFullOneWithItsLanes() {
    for (String phase : List.of("prefill", "decode")) {
      assertEquals(full.path(phase).path("lanes"), small.path(phase).path("lanes"));
      assertEquals(4, small.path(phase).path("lanes").size());
      assertFalse(small.path(phase).path("slowest_step").has("lanes"));
      assertEquals(4, full.path(phase).path("slowest_step").path("lanes").size());
    }
  }

  @Test
  void aSmallTimelineHasTheChosenCandidateAndSomeOthersAndSaysHowManyMore() {
    JsonNode route = small.path("route");

    assertEquals(8, route.path("candidates").size());
    assertEquals(CHOSEN, route.path("candidates").path(0).path("replica").asText());
    assertEquals(CANDIDATES - 8, route.path("candidates_left_out").asInt());
    assertEquals(CANDIDATES, full.path("route").path("candidates").size());
    assertEquals(0, full.path("route").path("candidates_left_out").asInt());
  }

  @Test
  void phasesAreTheSameInBothAndTheSmallOneIsSmall() {
    assertFalse(small.path("phases").isEmpty());
    assertEquals(full.path("phases"), small.path("phases"));
    assertTrue(small.toString().length() < 12_000, () -> small.toString().length() + " bytes");
    assertTrue(full.toString().length() > 200_000, () -> full.toString().length() + " bytes");
  }

  private FlightRecord record() {
    Flight flight = new Flight("r", () -> now);
    flight.model("m");
    for (Mark mark : List.of(Mark.RECEIVED, Mark.PARSED, Mark.ADMITTED, Mark.ROUTED)) {
      now += 20_000;
      flight.mark(mark);
    }
    flight.decision(Decision.of("slo", "m", CHOSEN, candidates()));
    flight.attempt(new FlightRecord.Attempt(1, CHOSEN, now, now, null, false, null));
    now += 20_000;
    flight.mark(Mark.CONNECTED);
    long base = now;
    now += (STEPS + 1) * 1_000_000L;
    flight.content();
    flight.timelines(List.of(timeline(base)), new EngineStamps(base, now));
    flight.mark(Mark.UPSTREAM_ENDED);
    return flight.finish(Outcome.OK, 200, null);
  }

  /** It would be a text, where everybody reads a number. */
  @Test
  void aScoreThatNoPolicyCouldGiveIsLeftOut() {
    Prediction prediction = new Prediction(20, 30, 8, 9, 10);
    Decision.Candidate none =
        new Decision.Candidate(
            ReplicaView.of("w0", "m"), null, Double.POSITIVE_INFINITY, prediction, 64);

    JsonNode json = FlightJson.decision(Decision.of("slo", "m", null, List.of(none)));

    assertFalse(json.path("candidates").path(0).has("score"), json::toString);
  }

  private static List<Decision.Candidate> candidates() {
    List<Decision.Candidate> made = new ArrayList<>();
    for (int i = 0; i < CANDIDATES; i++) {
      ReplicaView view = ReplicaView.of("w" + i, "m");
      made.add(new Decision.Candidate(view, null, i, new Prediction(20, 30, 8, 9, 10), 64));
    }
    return made;
  }

  private static RequestTimeline timeline(long base) {
    List<Step> steps = new ArrayList<>();
    for (int i = 0; i < STEPS; i++) {
      steps.add(step(i, base + i * 1_000_000L));
    }
    Phase prefill = phase(1, steps.getFirst());
    Phase decode = phase(STEPS - 1, steps.getLast());
    long first = steps.getFirst().endNanos();
    long last = steps.getLast().endNanos();
    return new RequestTimeline(
        "r", 0, base, base + 100, base + 200, first, last, 0, prefill, decode, steps);
  }

  private static Phase phase(int steps, Step slowest) {
    long start = slowest.startNanos();
    long end = slowest.endNanos();
    return new Phase(start, end, 1, 0, 0, steps, 0, Critical.NONE, slowest, slowest.lanes());
  }

  private static Step step(long number, long from) {
    List<Lane> lanes = new ArrayList<>();
    for (int place = 0; place < 4; place++) {
      lanes.add(lane(place / 2, place % 2, from));
    }
    Calls calls = new Calls(from, from, from + 900_000);
    return new Step(number, from, from, from + 800_000, calls, 1, 1, 1, List.of(), lanes);
  }

  private static Lane lane(int stage, int rank, long from) {
    Collective at = new Collective(Collective.Kind.ATTENTION, 2);
    long to = from + 700_000;
    return new Lane(stage, rank, from, to, 80_000, 5, 5, 5, 5, 0, 2, 1, 0, 7, 4000, 3000, at);
  }
}
