package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class PerfettoJsonTest {
  /** What the worker's clock is ahead of the gateway's. */
  private static final long AHEAD = 3_000_000_000L;

  private static final Collective AT = new Collective(Collective.Kind.ATTENTION, 2);

  private long now = 1_000_000_000L;

  @Test
  void everyRankOfEveryStepHasASliceOnTheGatewaysClock() {
    JsonNode document = PerfettoJson.of(record());

    List<JsonNode> lanes = slices(document, "step ").stream().filter(e -> lane(e)).toList();
    assertEquals(2 * 4, lanes.size());
    double wallMicros = 1000;
    for (JsonNode slice : slices(document, "")) {
      double from = slice.path("ts").asDouble();
      double to = from + slice.path("dur").asDouble();
      assertTrue(from >= 0 && to <= wallMicros, slice::toString);
    }
    assertEquals(4, lanes.stream().map(e -> e.path("tid").asInt()).distinct().count());
    JsonNode told = lanes.getFirst().path("args");
    assertEquals(3, told.path("longest_late_us").asDouble());
    assertEquals("attention of layer 2", told.path("latest_at").asText());
  }

  @Test
  void everyTrackHasAName() {
    JsonNode document = PerfettoJson.of(record());

    Set<String> named =
        document
            .path("traceEvents")
            .valueStream()
            .filter(event -> event.path("name").asText().equals("thread_name"))
            .map(PerfettoJsonTest::track)
            .collect(Collectors.toSet());
    assertTrue(
        slices(document, "").stream().map(PerfettoJsonTest::track).allMatch(named::contains));
  }

  /** What is called by another name is another track to who looks for it. */
  @Test
  void theTracksAreTheEventLoopTheCallAndEveryRankOfEveryStage() {
    JsonNode document = PerfettoJson.of(record());

    assertEquals(
        List.of(
            "1/1 event loop",
            "1/2 attempts",
            "1/3 client",
            "2/1 choice 0",
            "2/2 FFM call sb_submit",
            "2/3 submit to start",
            "2/4 FFM call sb_await, from the engine's end to its return",
            "2/10 stage 0 rank 0",
            "2/11 stage 0 rank 1",
            "2/74 stage 1 rank 0",
            "2/75 stage 1 rank 1"),
        document
            .path("traceEvents")
            .valueStream()
            .filter(event -> event.path("name").asText().equals("thread_name"))
            .sorted(
                Comparator.comparingInt((JsonNode event) -> event.path("pid").asInt())
                    .thenComparingInt(event -> event.path("tid").asInt()))
            .map(event -> track(event) + " " + event.at("/args/name").asText())
            .toList());
  }

  /**
   * The call begins 5 µs before a step does, and the engine has it 1 µs before; the second stage
   * starts 0.1 ms after the first, and 7 µs after the last one is done the JVM knows.
   */
  @Test
  void eachTrackHasItsSliceAtItsTime() {
    JsonNode document = PerfettoJson.of(record());

    assertEquals("until received 0.0+20.0", slice(document, "1/1"));
    assertEquals("attempt 1 at w0 80.0+900.0", slice(document, "1/2"));
    assertEquals("does not read 500.0+30.0", slice(document, "1/3"));
    assertEquals("tokenize 125.0+30.0", slice(document, "2/1"));
    assertEquals("step 1 200.0+4.5", slice(document, "2/2"));
    assertEquals("step 1 204.0+1.0", slice(document, "2/3"));
    assertEquals("step 1 405.0+7.0", slice(document, "2/4"));
    assertEquals("step 1 205.0+100.0", slice(document, "2/10"));
    assertEquals("step 1 205.0+100.0", slice(document, "2/11"));
    assertEquals("step 1 305.0+100.0", slice(document, "2/74"));
    assertEquals("step 1 305.0+100.0", slice(document, "2/75"));
  }

  /** The first of a track. */
  private static String slice(JsonNode document, String track) {
    JsonNode first =
        slices(document, "").stream()
            .filter(event -> track(event).equals(track))
            .findFirst()
            .orElseThrow();
    return first.path("name").asText()
        + " "
        + first.path("ts").asDouble()
        + "+"
        + first.path("dur").asDouble();
  }

  @Test
  void whatTheClientDidNotReadIsATrackOfItsOwn() {
    JsonNode document = PerfettoJson.of(record());

    assertEquals(30, slices(document, "does not read").getFirst().path("dur").asDouble());
  }

  private static boolean lane(JsonNode event) {
    return event.path("args").has("compute_us");
  }

  private static String track(JsonNode event) {
    return event.path("pid").asInt() + "/" + event.path("tid").asInt();
  }

  private static List<JsonNode> slices(JsonNode document, String prefix) {
    return document
        .path("traceEvents")
        .valueStream()
        .filter(event -> event.path("ph").asText().equals("X"))
        .filter(event -> event.path("name").asText().startsWith(prefix))
        .toList();
  }

  /** One millisecond, of which the engine had from 0.1 to 0.9 ms. */
  private FlightRecord record() {
    Flight flight = new Flight("r", () -> now);
    flight.model("m");
    for (Mark mark : List.of(Mark.RECEIVED, Mark.PARSED, Mark.ADMITTED, Mark.ROUTED)) {
      now += 20_000;
      flight.mark(mark);
    }
    flight.attempt(new FlightRecord.Attempt(1, "w0", now, now + 900_000, null, false, null));
    now += 20_000;
    flight.mark(Mark.CONNECTED);
    long base = now + AHEAD;
    now += 400_000;
    flight.content();
    flight.stallBegins();
    now += 30_000;
    flight.stallEnds();
    now += 370_000;
    flight.timelines(List.of(timeline(base)), new EngineStamps(base + 10_000, base + 780_000));
    flight.mark(Mark.UPSTREAM_ENDED);
    now += 100_000;
    return flight.finish(Outcome.OK, 200, null);
  }

  private static RequestTimeline timeline(long base) {
    List<Step> steps = List.of(step(1, base + 100_000), step(2, base + 400_000));
    Phase prefill = phase(base + 100_000, base + 300_000, steps.getFirst());
    Phase decode = phase(base + 400_000, base + 700_000, steps.getLast());
    return new RequestTimeline(
        "r",
        0,
        base + 20_000,
        base + 50_000,
        base + 90_000,
        base + 300_000,
        base + 700_000,
        0,
        prefill,
        decode,
        steps);
  }

  private static Phase phase(long from, long to, Step step) {
    return new Phase(from, to, 1, 0, 0, 1, 0, Critical.NONE, step, step.lanes());
  }

  private static Step step(long number, long from) {
    List<Lane> lanes = new ArrayList<>();
    for (int stage = 0; stage < 2; stage++) {
      for (int rank = 0; rank < 2; rank++) {
        long start = from + stage * 100_000L;
        lanes.add(
            new Lane(
                stage,
                rank,
                start,
                start + 100_000,
                80_000,
                5,
                5,
                5,
                5,
                0,
                2,
                1,
                0,
                7,
                4000,
                3000,
                AT));
      }
    }
    Calls calls = new Calls(from - 5000, from - 500, from + 207_000);
    return new Step(number, from - 1000, from, from + 200_000, calls, 1, 1, 1, List.of(), lanes);
  }
}
