package dev.switchboard.timeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.math.BigInteger;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TimelineJsonTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Lane LANE =
      new Lane(
          1,
          2,
          3,
          4,
          5,
          6,
          7,
          8,
          9,
          10,
          11,
          12,
          13,
          14,
          15,
          17,
          new Collective(Collective.Kind.FEED_FORWARD, 16));
  private static final Calls CALLS = new Calls(51, 52, 53);
  private static final Step STEP =
      new Step(21, 22, 23, 24, CALLS, 25, 26, 27, List.of(28L, 29L), List.of(LANE));
  private static final RequestTimeline FULL =
      new RequestTimeline(
          "r",
          1,
          1_700_000_000_000_000_001L,
          2,
          3,
          4,
          5,
          6,
          new Phase(
              31,
              32,
              33,
              34,
              37,
              35,
              36,
              new Critical(41, 42, 43, 44, 45, 46),
              STEP,
              List.of(LANE, LANE)),
          null,
          List.of(STEP));

  @Test
  void whatIsWrittenIsReadBack() throws Exception {
    String text = TimelineJson.write(FULL).toString();

    assertEquals(FULL, TimelineJson.read(JSON.readTree(text)));
  }

  @Test
  void namesAreSnakeCaseAndTimesEndInNanoseconds() {
    ObjectNode json = TimelineJson.write(FULL);

    assertEquals(1_700_000_000_000_000_001L, json.get("received_ns").longValue());
    assertEquals(6, json.at("/prefill/lanes/0/all_reduce_wait_ns").longValue());
    assertEquals(36, json.at("/prefill/wait_ns").longValue());
    assertEquals(37, json.at("/prefill/recomputed_tokens").longValue());
    assertEquals(22, json.at("/steps/0/submit_ns").longValue());
    assertEquals(13, json.at("/prefill/slowest/lanes/0/straggler_steps").longValue());
    assertEquals(17, json.at("/prefill/lanes/0/longest_late_ns").longValue());
  }

  /** A worker of before tells no collectives, and one whose ranks came together has none. */
  @Test
  void aLaneThatWasNeverLateSaysNothingOfIt() {
    Collective none = Collective.of(0);
    Lane early = new Lane(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 11, 12, 13, 0, 0, none);
    Step step = new Step(21, 22, 23, 24, CALLS, 25, 26, 27, List.of(), List.of(early));
    ObjectNode json = TimelineJson.write(FULL.withSteps(List.of(step)));

    assertFalse(json.at("/steps/0/lanes/0").has("late_ns"));
    assertEquals(early, TimelineJson.read(json).steps().getFirst().lanes().getFirst());
  }

  /** A worker of before does not tell it. */
  @Test
  void whatThePhaseWaitedForMayBeMissing() {
    ObjectNode json = TimelineJson.write(FULL);
    ((ObjectNode) json.at("/prefill")).remove("critical");

    Phase read = Objects.requireNonNull(TimelineJson.read(json).prefill());

    assertEquals(Critical.NONE, read.critical());
  }

  @Test
  void unknownNamesAreIgnored() {
    ObjectNode json = TimelineJson.write(FULL).put("of_a_newer_worker", 1);

    assertEquals(FULL, TimelineJson.read(json));
  }

  @Test
  void complaintNamesTheField() {
    ObjectNode json = TimelineJson.write(FULL);
    ((ObjectNode) json.at("/prefill/lanes/0")).put("rank", "x");

    IllegalArgumentException complaint =
        assertThrows(IllegalArgumentException.class, () -> TimelineJson.read(json));

    assertEquals("timeline.prefill.lanes.rank must be an int", complaint.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "/prefill/lanes/1,bytes,timeline.prefill.lanes.bytes must be a long",
    "/prefill/slowest/lanes/0,rank,timeline.prefill.slowest.lanes.rank must be an int",
    "/prefill/critical,sample_ns,timeline.prefill.critical.sample_ns must be a long",
    "/steps/0,lanes,timeline.steps.lanes must be an array of at most 4096",
    "/prefill,start_ns,timeline.prefill.start_ns must be a long",
    "'',request_id,timeline.request_id must be a string"
  })
  void whatIsMissingOrOfAnotherTypeIsNamed(String object, String name, String complaint) {
    ObjectNode missing = TimelineJson.write(FULL);
    ((ObjectNode) missing.at(object)).remove(name);
    ObjectNode other = TimelineJson.write(FULL);
    ((ObjectNode) other.at(object)).putObject(name).put("x", 1);

    for (ObjectNode wrong : List.of(missing, other)) {
      IllegalArgumentException thrown =
          assertThrows(IllegalArgumentException.class, () -> TimelineJson.read(wrong));
      assertEquals(complaint, thrown.getMessage());
    }
  }

  @Test
  void whatStandsInArraysIsNamedByThem() {
    ObjectNode lanes = TimelineJson.write(FULL);
    ((ObjectNode) lanes.at("/prefill")).putArray("lanes").add(1);
    ObjectNode members = TimelineJson.write(FULL);
    ((ObjectNode) members.at("/steps/0")).putArray("members").add(1).add("x");

    assertEquals(
        "timeline.prefill.lanes must be an object",
        assertThrows(IllegalArgumentException.class, () -> TimelineJson.read(lanes)).getMessage());
    assertEquals(
        "timeline.steps.members must be of longs",
        assertThrows(IllegalArgumentException.class, () -> TimelineJson.read(members))
            .getMessage());
  }

  @Test
  void numbersThatAreTooLargeAreRefused() {
    ObjectNode choice = TimelineJson.write(FULL).put("choice", 1L << 31);
    ObjectNode received = TimelineJson.write(FULL).put("received_ns", BigInteger.TWO.pow(63));

    assertThrows(IllegalArgumentException.class, () -> TimelineJson.read(choice));
    assertThrows(IllegalArgumentException.class, () -> TimelineJson.read(received));
  }

  @Test
  void anythingButAnObjectIsRefused() throws Exception {
    assertThrows(IllegalArgumentException.class, () -> TimelineJson.read(JSON.readTree("[1]")));
    assertThrows(IllegalArgumentException.class, () -> TimelineJson.read(JSON.readTree("{}")));
  }
}
