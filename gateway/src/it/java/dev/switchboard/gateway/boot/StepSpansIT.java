package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import io.opentelemetry.proto.trace.v1.Span;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
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
  private static final String SHORT = "acf92f3577b34da6a3ce929d0e0e4734";
  private static final String LONG = "acf92f3577b34da6a3ce929d0e0e4735";
  private static final String SILENT = "acf92f3577b34da6a3ce929d0e0e4733";

  private static final Set<String> LANES = Set.of("stage 0 › rank 0", "stage 0 › rank 1");

  @TempDir private static @Nullable Path folder;

  @Test
  void aBatchedStepIsOneSpanThatIsLinkedToEveryRequestThatIsExported() throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    GatewayProcess.writeConfig(
        config, "workers: {local: 1, arguments: [--allow-fault-injection]}\n");
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
      Await.until("steps", () -> steps(collector).size(), count -> count >= 60);

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

  @Test
  void ranksAreToldFromLevelTwoOnAsTheRequestOrAnOperatorSays() throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("levels.yaml");
    // Nothing that a request turns out to be raises its level.
    GatewayProcess.writeConfig(
        config,
        "workers: {local: 1, ranks: 2}\ntelemetry: {exemplars-per-second: 0,"
            + " kept-traces-per-second: 0, governor: {cpu-percent: 0}}\n");
    try (OtlpReceiver collector = new OtlpReceiver();
        GatewayProcess gateway =
            GatewayProcess.start(
                    GatewayProcess.underAgent(collector), "--config", config.toString())
                .awaitReady()) {
      open(gateway, ONE, 4, "1").rest();
      open(gateway, OTHER, 4, "2").rest();

      assertEquals(Set.of(), ranks(collector, ONE));
      assertEquals(LANES, ranks(collector, OTHER));

      String level = "/admin/v1/trace-levels/" + GatewayProcess.MODEL;
      gateway.adminSend("PUT", level, "{\"level\": 1}");
      open(gateway, SHORT, 4).rest();
      gateway.adminSend("PUT", level, "{\"level\": 2}");
      open(gateway, LONG, 4).rest();

      assertEquals(Set.of(), ranks(collector, SHORT));
      assertEquals(LANES, ranks(collector, LONG));
    }
  }

  /** Of a request whose every span has come: that of its attempt is the last that ends. */
  private static Set<String> ranks(OtlpReceiver collector, String trace) throws Exception {
    Await.until(
        "its attempt", () -> collector.named("chat " + GatewayProcess.MODEL, trace).size() == 1);
    return collector.trace(trace).stream()
        .map(Span::getName)
        .filter(name -> name.startsWith("stage "))
        .collect(Collectors.toSet());
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
    return open(gateway, trace, tokens, "X-Switchboard-Trace", level);
  }

  private static StreamClient open(
      GatewayProcess gateway, String trace, int tokens, String... headers) throws Exception {
    List<String> all = new ArrayList<>(List.of(headers));
    Collections.addAll(all, "traceparent", "00-" + trace + "-00f067aa0ba902b7-01");
    return StreamClient.open(
        gateway,
        "/v1/chat/completions",
        "{\"model\":\"switchboard-demo\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":"
            + tokens
            + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
        all.toArray(String[]::new));
  }

  private static List<Span> steps(OtlpReceiver collector) {
    return collector.all().stream().filter(span -> span.getName().equals("engine.step")).toList();
  }

  private static Set<Object> linked(Span span) {
    return span.getLinksList().stream().map(Span.Link::getTraceId).collect(Collectors.toSet());
  }
}
