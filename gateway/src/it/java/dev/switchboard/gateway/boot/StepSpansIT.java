package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.proto.trace.v1.Span;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The steps of a real engine that several requests shared, as a collector receives them. */
class StepSpansIT {
  private static final String ONE = "acf92f3577b34da6a3ce929d0e0e4731";
  private static final String OTHER = "acf92f3577b34da6a3ce929d0e0e4732";
  private static final String SILENT = "acf92f3577b34da6a3ce929d0e0e4733";

  @TempDir private static @Nullable Path folder;

  @Test
  void aBatchedStepIsOneSpanThatIsLinkedToEveryRequestThatIsExported() throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Files.writeString(
        config,
        "models: [{file: "
            + GatewayProcess.home().resolve("native-engine/demo-model/switchboard-demo.gguf")
            + "}]\nworkers: {local: 1, arguments: [--allow-fault-injection]}\n");
    try (OtlpReceiver collector = new OtlpReceiver();
        GatewayProcess gateway =
            GatewayProcess.start(
                    GatewayProcess.underAgent(collector), "--config", config.toString())
                .awaitReady()) {
      gateway.slow("w0", 5);
      StreamClient silent = open(gateway, SILENT, 80, "0");
      StreamClient one = open(gateway, ONE, 60, "3");
      // Tells no steps itself, and still runs when the other one brings them.
      StreamClient other = open(gateway, OTHER, 80, "1");
      one.rest();
      other.rest();
      silent.rest();
      InProcessGateway.await(() -> steps(collector).size() >= 60);

      Span shared =
          steps(collector).stream()
              .filter(step -> step.getLinksCount() == 2)
              .findFirst()
              .orElseThrow();
      assertEquals(Set.of(OtlpReceiver.bytes(ONE), OtlpReceiver.bytes(OTHER)), linked(shared));
      assertEquals("3", OtlpReceiver.attribute(shared, "switchboard.batch_requests"));
      assertEquals("2", OtlpReceiver.attribute(shared, "switchboard.members_known"));
      assertEquals("0", OtlpReceiver.attribute(shared, "switchboard.members_left_out"));
      Set<String> seen = new HashSet<>();
      for (Span step : steps(collector)) {
        assertTrue(seen.add(OtlpReceiver.attribute(step, "switchboard.step")), step::toString);
      }
      theRequestNamesTheTraceOfItsSteps(collector, shared);
    }
  }

  private static void theRequestNamesTheTraceOfItsSteps(OtlpReceiver collector, Span step) {
    String trace = HexFormat.of().formatHex(step.getTraceId().toByteArray());
    assertTrue(
        collector.trace(ONE).stream()
            .anyMatch(
                span -> OtlpReceiver.attribute(span, "switchboard.step_traces").contains(trace)),
        trace);
  }

  private static StreamClient open(GatewayProcess gateway, String trace, int tokens, String level)
      throws Exception {
    return StreamClient.open(
        gateway,
        "/v1/chat/completions",
        "{\"model\":\"switchboard-demo\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":"
            + tokens
            + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
        "X-Switchboard-Trace",
        level,
        "traceparent",
        "00-" + trace + "-00f067aa0ba902b7-01");
  }

  private static List<Span> steps(OtlpReceiver collector) {
    return collector.all().stream().filter(span -> span.getName().equals("engine.step")).toList();
  }

  private static Set<Object> linked(Span span) {
    return span.getLinksList().stream().map(Span.Link::getTraceId).collect(Collectors.toSet());
  }
}
