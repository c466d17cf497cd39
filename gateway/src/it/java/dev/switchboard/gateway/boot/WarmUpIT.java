package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.opentelemetry.proto.trace.v1.Span;
import java.util.List;
import org.junit.jupiter.api.Test;

class WarmUpIT {
  private static final int REQUESTS = 200;
  private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";

  @Test
  void nothingOfTheWarmUpIsSeenButThatItWas() throws Exception {
    try (OtlpReceiver collector = new OtlpReceiver();
        GatewayProcess gateway =
            GatewayProcess.start(
                REQUESTS, GatewayProcess.underAgent(collector), "--workers", "1")) {
      JsonNode warm = gateway.awaitWarm();

      assertEquals(REQUESTS, warm.path("requests").asInt());
      assertEquals(0, gateway.admin("/admin/v1/requests").path("requests").size());
      assertEquals(1, gateway.admin("/admin/v1/replicas").path("replicas").size());
      assertTrue(
          gateway
              .metrics()
              .lines()
              .noneMatch(line -> line.startsWith("switchboard_requests_total")),
          "a request was counted");

      // What the collector has by then would have been sent before this.
      gateway.post(
          gateway.api("/v1/chat/completions"),
          "{\"model\":\""
              + GatewayProcess.MODEL
              + "\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
          "traceparent",
          "00-" + TRACE + "-b7ad6b7169203331-01");
      InProcessGateway.await(() -> !collector.trace(TRACE).isEmpty());
      assertEquals(
          List.of(),
          collector.all().stream()
              .filter(span -> !span.getTraceId().equals(OtlpReceiver.bytes(TRACE)))
              .filter(span -> span.toString().contains("warm-up") || ofChat(span))
              .toList());
    }
  }

  private static boolean ofChat(Span span) {
    return span.toString().contains("/v1/chat/completions");
  }
}
