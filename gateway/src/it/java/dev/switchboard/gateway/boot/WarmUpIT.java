package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import io.opentelemetry.proto.trace.v1.Span;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WarmUpIT {
  private static final int REQUESTS = 200;
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";

  @Test
  void nothingOfTheWarmUpIsSeenButThatItWas() throws Exception {
    Path log = folder.resolve("gateway.log");
    try (OtlpReceiver collector = new OtlpReceiver();
        GatewayProcess gateway =
            GatewayProcess.startLogging(
                log, REQUESTS, GatewayProcess.underAgent(collector), "--config", config())) {
      JsonNode warm = gateway.awaitWarm();
      onlyWhatIsRealIsLogged(log);

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
      Await.until("a trace", () -> !collector.trace(TRACE).isEmpty());
      assertEquals(
          List.of(),
          collector.all().stream()
              .filter(span -> !span.getTraceId().equals(OtlpReceiver.bytes(TRACE)))
              .filter(span -> span.toString().contains("warm-up") || ofChat(span))
              .toList());
    }
  }

  /** Of one worker, and of a governor that lets telemetry take anything. */
  private String config() throws IOException {
    Path file = folder.resolve("switchboard.yaml");
    Files.writeString(
        file,
        """
        log: {format: json}
        workers: {local: 1}
        telemetry: {log-requests: true, governor: {cpu-percent: 0}}
        """);
    return file.toString();
  }

  private static void onlyWhatIsRealIsLogged(Path log) throws IOException {
    List<String> replicas = new ArrayList<>();
    for (String line : Files.readAllLines(log)) {
      if (!line.startsWith("{")) {
        // The JVM and the agent speak before the gateway does.
        continue;
      }
      JsonNode entry = JSON.readTree(line);
      replicas.add(entry.at("/fields/replica").asText("w0"));
      assertTrue(entry.path("time").asText().endsWith("Z"), line);
      assertTrue(Set.of("gateway", "w0").contains(entry.path("source").asText()), line);
      assertFalse(line.contains("warm-up"), line);
      assertFalse(
          Set.of("trace_ceiling", "request_end").contains(entry.path("event").asText()), line);
    }
    assertFalse(replicas.isEmpty());
    assertTrue(replicas.stream().allMatch("w0"::equals), replicas::toString);
  }

  private static boolean ofChat(Span span) {
    return span.toString().contains("/v1/chat/completions");
  }
}
