package dev.switchboard.console.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.console.live.Event;
import dev.switchboard.console.ui.Tone;
import java.time.Instant;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

class EventLineTest {
  /** The governor lowers the level first, then the share; it raises them the other way round. */
  @ParameterizedTest
  @CsvSource({
    "3, 2, 1.0, WARN, 'Telemetry limited to level 2, was 3'",
    "1, 1, 0.25, WARN, 'Telemetry at level 1: 25 % of requests told'",
    "1, 1, 1.0, GOOD, 'Telemetry at level 1: 100 % of requests told'",
    "1, 3, 1.0, GOOD, 'Telemetry raised to level 3, was 1'"
  })
  void aStepOfTheGovernorSaysWhichWayItWent(int from, int to, double told, Tone tone, String text) {
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    data.put("from", from).put("to", to).put("told_share", told);

    EventLine line =
        EventLine.of(new Event("gw", "trace_ceiling", Instant.EPOCH, data)).orElseThrow();

    assertEquals(text, line.text());
    assertEquals(tone, line.tone());
  }
}
