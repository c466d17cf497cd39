package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.TimelineJson;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class FakeWorkerTest {
  @Test
  void aTimelineHasTheTokensOfItsAnswer() throws Exception {
    RequestTimeline told = timeline(5, false);
    RequestTimeline detail = timeline(5, true);

    assertEquals(1, Objects.requireNonNull(told.prefill()).steps());
    assertEquals(4, Objects.requireNonNull(told.decode()).tokens());
    assertEquals(0, told.steps().size());
    assertEquals(5, detail.steps().size());
  }

  @Test
  void anAnswerOfOneTokenHasNoDecoding() throws Exception {
    assertNull(timeline(1, false).decode());
  }

  private static RequestTimeline timeline(int answered, boolean steps) throws Exception {
    String document = FakeWorker.document(answered, steps);
    return TimelineJson.read(new JsonMapper().readTree(document).at("/timelines/0"));
  }
}
