package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** How many steps a document tells: what it takes of the heap is bounded. */
class TimelineDocumentTest {
  private static final int STEPS = 4096;
  private static final ObjectMapper JSON = new ObjectMapper();

  private static JsonNode document(int choices, int lanes, TimelineDocument.Steps told)
      throws JsonProcessingException {
    Lane lane = new Lane(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, Collective.of(0));
    List<Lane> all = Collections.nCopies(lanes, lane);
    List<Step> steps =
        IntStream.range(0, STEPS)
            .mapToObj(i -> new Step(i, 0, 0, 0, Calls.NONE, 1, 1, 1, List.of(7L), all))
            .toList();
    RequestTimeline each = new RequestTimeline("id", 0, 0, 0, 0, 0, 0, 0, null, null, steps);
    String json = TimelineDocument.write("w0", 0, 0, Collections.nCopies(choices, each), told);
    return JSON.readTree(json).path("timelines");
  }

  @Test
  void ofOneChoiceOnOneLaneAllStepsAreTold() throws JsonProcessingException {
    JsonNode steps = document(1, 1, TimelineDocument.Steps.COST).at("/0/steps");

    assertEquals(STEPS, steps.size());
    assertTrue(steps.at("/0/members").isMissingNode());
  }

  @Test
  void ofManyChoicesOnManyLanesEachTellsAsManyOfItsFirst() throws JsonProcessingException {
    JsonNode timelines = document(16, 4, TimelineDocument.Steps.ALL);

    assertEquals(16, timelines.size());
    for (JsonNode timeline : timelines) {
      assertEquals(8192 / 16 / (1 + 4), timeline.path("steps").size());
      assertEquals(0, timeline.at("/steps/0/step").asInt(-1));
      assertEquals(7, timeline.at("/steps/0/members/0").asInt());
    }
  }

  @Test
  void unaskedNoStepIsTold() throws JsonProcessingException {
    assertEquals(0, document(1, 1, TimelineDocument.Steps.NONE).at("/0/steps").size());
  }
}
