package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.scheduler.EngineStep;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline.Lane;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** No two numbers of a step are the same, so that none can stand in another one's place. */
class StepsJsonTest {
  private static final long START = 1_700_000_000_000_000_000L;

  private static JsonNode told() throws Exception {
    Lane lane =
        new Lane(
            3,
            7,
            START + 11_999,
            START + 912_000,
            101_000,
            102_000,
            103_000,
            104_000,
            105_000,
            106_000,
            107_000,
            1,
            1,
            109,
            108_000,
            108_000,
            Collective.of(5));
    EngineStep step =
        new EngineStep(
            41, START - 50_000, START, START + 1_000_000, 23, 17, 6, 31_000, List.of(lane));
    return new ObjectMapper()
        .readTree(StepsJson.of(new ServedModel.Topology(4, 8, 2, "avx2"), List.of(step)));
  }

  @Test
  void eachNumberOfALaneStandsWhereItsNameDoes() throws Exception {
    JsonNode told = told();

    Map<String, Long> lane = new LinkedHashMap<>();
    JsonNode row = told.at("/steps/0/lanes/0");
    JsonNode names = told.path("lane_fields");
    assertEquals(names.size(), row.size());
    for (int i = 0; i < names.size(); i++) {
      lane.put(names.path(i).asText(), row.path(i).asLong());
    }
    assertEquals(
        Map.ofEntries(
            Map.entry("stage", 3L),
            Map.entry("rank", 7L),
            Map.entry("start_us", 11L),
            Map.entry("end_us", 912L),
            Map.entry("compute_us", 101L),
            Map.entry("all_reduce_wait_us", 102L),
            Map.entry("receive_wait_us", 103L),
            Map.entry("send_us", 104L),
            Map.entry("sample_us", 105L),
            Map.entry("copy_us", 106L),
            Map.entry("off_cpu_us", 107L),
            Map.entry("late_us", 108L),
            Map.entry("bytes", 109L)),
        lane);
  }

  @Test
  void aStepTellsWhenItWasAndWhatWasInIt() throws Exception {
    JsonNode told = told();

    assertEquals(4, told.path("stages").asInt());
    assertEquals(8, told.path("ranks").asInt());
    JsonNode step = told.at("/steps/0");
    assertEquals(41, step.path("step").asInt());
    assertEquals(START - 50_000, step.path("submit_ns").asLong());
    assertEquals(START, step.path("start_ns").asLong());
    assertEquals(START + 1_000_000, step.path("end_ns").asLong());
    assertEquals(23, step.path("tokens").asInt());
    assertEquals(17, step.path("prompt_tokens").asInt());
    assertEquals(6, step.path("requests").asInt());
    assertEquals(31, step.path("gap_off_cpu_us").asInt());
  }
}
