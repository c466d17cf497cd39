package dev.switchboard.console.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

class HeadroomTest {
  private static final Instant NOW = Instant.parse("2026-01-01T10:00:00Z");
  private static final List<JsonNode> CLASSES =
      List.of(
          json("{'name':'fast','ttft_ms':100,'tpot_ms':10,'deadline_ms':0}"),
          json("{'name':'slow','ttft_ms':0,'tpot_ms':0,'deadline_ms':1000}"),
          json("{'name':'any','ttft_ms':0,'tpot_ms':0,'deadline_ms':0}"));

  private final ArrayNode requests = JsonMapper.shared().createArrayNode();

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text.replace('\'', '"'));
  }

  private void add(Duration ago, String slo, String times) {
    requests.add(
        json(
            "{'replica':'w0','model':'m','slo_class':'%s','accepted_at':'%s',%s}"
                .formatted(slo, NOW.minus(ago), times)));
  }

  private void add(String slo, String times) {
    add(Duration.ofMinutes(1), slo, times);
  }

  private double left() {
    Headroom headroom = new Headroom(requests, CLASSES, NOW);
    assertEquals(headroom.ofReplica("w0"), headroom.ofModel("m"));
    return headroom.ofReplica("w0");
  }

  @Test
  void nineInTenRequestsHadAtLeastThat() {
    for (int i = 1; i <= 20; i++) {
      add("fast", "'ttft_ms':" + 5 * i);
    }

    // The two worst of 20 are left out: 100 and 95 ms of 100.
    assertEquals(0.1, left(), 1e-9);
  }

  @Test
  void whatMissedIsNegative() {
    add("fast", "'ttft_ms':112");

    assertEquals(-0.12, left(), 1e-9);
  }

  @Test
  void theObjectiveThatCameNearestCounts() {
    add("fast", "'ttft_ms':20,'tpot_ms':7");

    assertEquals(0.3, left(), 1e-9);
  }

  @Test
  void aDeadlineIsHeldToTheWallTime() {
    add("slow", "'ttft_ms':900,'wall_ms':600");

    assertEquals(0.4, left(), 1e-9);
  }

  @Test
  void whatIsOlderThanTenMinutesSaysNothing() {
    add(Duration.ofMinutes(10), "fast", "'ttft_ms':500");
    assertTrue(Double.isNaN(left()));

    add(Duration.ofSeconds(599), "fast", "'ttft_ms':50");
    assertEquals(0.5, left(), 1e-9);
  }

  @Test
  void withoutAClassOrATargetNothingIsKnown() {
    add("unknown", "'ttft_ms':50");
    add("any", "'ttft_ms':50,'wall_ms':60");

    assertTrue(Double.isNaN(left()));
    assertTrue(Double.isNaN(new Headroom(requests, CLASSES, NOW).ofReplica("w1")));
  }
}
