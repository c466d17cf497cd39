package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The receipt that a client may ask for, from real workers. */
class ReceiptIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int REQUESTS = 60;
  private static final double ROUNDING_MS = 0.02;
  private static final double UNEXPLAINED = 0.02;

  @Test
  void itsPartsSumToTheWallTimeAndLeaveNextToNothingUnexplained() throws Exception {
    List<Double> unexplained = new ArrayList<>();
    try (GatewayProcess gateway =
        GatewayProcess.start(List.of(), "--workers", "1", "--stages", "2").awaitReady()) {
      for (int i = 0; i < REQUESTS; i++) {
        JsonNode times = receipt(gateway, i % 3 != 0);
        double sum = 0;
        for (JsonNode phase : times) {
          sum += phase.asDouble();
        }
        double total = times.path("total").asDouble();
        assertTrue(total > 0, times::toString);
        assertEquals(total, sum - total, ROUNDING_MS, times::toString);
        unexplained.add(times.path("unexplained").asDouble() / total);
      }
    }
    Collections.sort(unexplained);
    double p95 = unexplained.get(REQUESTS * 95 / 100);
    assertTrue(p95 <= UNEXPLAINED, () -> "unexplained shares: " + unexplained);
  }

  private static JsonNode receipt(GatewayProcess gateway, boolean stream) throws Exception {
    String answer =
        gateway
            .post(
                gateway.api("/v1/chat/completions"),
                "{\"model\":\""
                    + GatewayProcess.MODEL
                    + "\",\"max_tokens\":24,\"ignore_eos\":true,\"stream\":"
                    + stream
                    + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
                "X-Switchboard-Timeline",
                "summary")
            .body();
    String object = answer;
    if (stream) {
      int from = answer.lastIndexOf("data: {", answer.indexOf("\"time_ms\""));
      object = answer.substring(from + 6, answer.indexOf('\n', from));
    }
    JsonNode ours = JSON.readTree(object).path("switchboard");
    assertTrue(ours.path("timelines").size() > 0, answer);
    return ours.path("time_ms");
  }
}
