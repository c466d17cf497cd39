package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.boot.FlakyLink.Weather;
import dev.switchboard.testing.Await;
import io.opentelemetry.proto.trace.v1.Span;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Why the local model answered in the place of a region's: the answer's header, the metric and both
 * spans that a collector receives say the same.
 */
class EdgeTraceIT {
  private static final int LATE_MS = 300;
  private static final String CALLER = "00f067aa0ba902b7";

  @TempDir private Path folder;

  private OtlpReceiver collector;
  private FakeUpstream region;
  private FakeUpstream here;
  private FlakyLink link;
  private GatewayProcess gateway;
  private int traces;

  @BeforeEach
  void start() throws Exception {
    collector = new OtlpReceiver();
    region = answering();
    here = answering();
    link = new FlakyLink(region.url(), Await.LIMIT_MS);
    Path config = folder.resolve("switchboard.yaml");
    Files.writeString(
        config,
        """
        circuit: {failures: 0, error-rate: 1.0}
        workers: {eject-after: 100}
        telemetry: {governor: {cpu-percent: 0}}
        upstreams:
          - {url: "%s", models: [big, well, spent], engine: vllm, check-models: false}
          - {url: "%s", models: [small], engine: vllm}
        edge:
          - {name: big, local: small, late-ms: %d, failures: 5, window: 5}
          - {name: well, local: small, late-ms: 600000, answer-late-ms: 600000}
          - {name: spent, local: small, late-ms: 600000, answer-late-ms: 600000, tokens-per-hour: 1}
        """
            .formatted(link.url(), here.url(), LATE_MS));
    gateway =
        GatewayProcess.start(GatewayProcess.underAgent(collector), "--config", config.toString())
            .awaitReady();
    gateway.awaitStates(4, 0);
  }

  private static FakeUpstream answering() throws Exception {
    FakeUpstream server = new FakeUpstream();
    server.script(
        (request, body) -> {
          if (body.toString().contains("\"stream\":true")) {
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done());
          } else {
            request
                .response()
                .putHeader("Content-Type", "application/json")
                .end("{\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":10}}");
          }
        });
    return server;
  }

  @AfterEach
  void stop() throws Exception {
    gateway.close();
    link.close();
    here.close();
    region.close();
    collector.close();
  }

  @Test
  void aRegionThatIsLateIsTheReason() throws Exception {
    assertReason("", "well", true);
    link.is(Weather.DELAYS);

    assertReason("late", "big", true);
  }

  @Test
  void aRegionThatBreaksIsTheReason() throws Exception {
    link.is(Weather.BREAKS);

    assertReason("unreachable", "well", false);
  }

  @Test
  void tokensThatAreUsedUpAreTheReason() throws Exception {
    assertReason("", "spent", false);

    assertReason("budget", "spent", false);
  }

  /** Everybody says it, and empty that no other model answered. */
  private void assertReason(String reason, String model, boolean stream) throws Exception {
    String trace = "9cf92f3577b34da6a3ce929d%08x".formatted(++traces);
    HttpResponse<String> answer =
        gateway.post(
            gateway.api(InProcessGateway.CHAT),
            InProcessGateway.chat(stream).replace("\"m\"", "\"" + model + "\""),
            "traceparent",
            "00-" + trace + "-" + CALLER + "-01");
    assertEquals(200, answer.statusCode(), answer::body);
    Await.until(
        "the spans of " + trace,
        () ->
            !collector.servers(trace).isEmpty()
                && !collector.named("switchboard.route", trace).isEmpty());

    assertEquals(
        reason.isEmpty() ? "" : model + "->small " + reason,
        answer.headers().firstValue("X-Switchboard-Fallback").orElse(""));
    assertEquals(List.of(reason), reasons(collector.servers(trace)));
    assertEquals(List.of(reason), reasons(collector.named("switchboard.route", trace)));
    String series =
        "switchboard_fallbacks_total{from=\"%s\",reason=\"%s\",to=\"small\"}"
            .formatted(model, reason);
    assertEquals(
        reason.isEmpty() ? 0 : 1,
        gateway.metrics().lines().filter(line -> line.startsWith(series)).count());
  }

  private static List<String> reasons(List<Span> spans) {
    return spans.stream()
        .map(span -> OtlpReceiver.attribute(span, "switchboard.fallback_reason"))
        .toList();
  }
}
