package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.opentelemetry.proto.trace.v1.Span;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The trace of one request, as a collector receives it from the real gateway with the real agent
 * before a real worker of two stages of two ranks.
 */
class TraceIT {
  private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
  private static final String FOREIGN_TRACE = "5cf92f3577b34da6a3ce929d0e0e4737";
  private static final String CALLER = "00f067aa0ba902b7";
  private static final Set<String> LANES =
      Set.of("stage 0 › rank 0", "stage 0 › rank 1", "stage 1 › rank 0", "stage 1 › rank 1");

  @TempDir private static @Nullable Path folder;
  private static OtlpReceiver collector;
  private static FakeUpstream foreign;
  private static GatewayProcess gateway;

  @BeforeAll
  static void start() throws Exception {
    collector = new OtlpReceiver();
    foreign = new FakeUpstream();
    foreign.script(
        (request, body) ->
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done()));
    Path home = GatewayProcess.home();
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Files.writeString(
        config,
        "models: [{file: "
            + home.resolve("native-engine/demo-model/switchboard-demo.gguf")
            + "}]\nworkers: {local: 1, stages: 2, ranks: 2}\n"
            + "upstreams: [{url: \""
            + foreign.url()
            + "\", models: [foreign]}]\n");
    gateway =
        GatewayProcess.start(GatewayProcess.underAgent(collector), "--config", config.toString())
            .awaitReady();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    foreign.close();
    collector.close();
  }

  @Test
  void oneTraceShowsEveryStageAndRankThatComputedTheRequest() throws Exception {
    HttpResponse<String> answer =
        gateway.post(
            gateway.api("/v1/chat/completions"),
            "{\"model\":\""
                + GatewayProcess.MODEL
                + "\",\"stream\":true,\"max_tokens\":8,\"ignore_eos\":true,"
                + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
            "traceparent",
            "00-" + TRACE + "-" + CALLER + "-01",
            "X-Request-Id",
            "traced");
    assertEquals(200, answer.statusCode());
    assertTrue(answer.body().endsWith("data: [DONE]\n\n"), answer::body);
    InProcessGateway.await(
        () -> collector.named("chat " + GatewayProcess.MODEL, TRACE).size() == 1);
    List<Span> spans = collector.trace(TRACE);

    Span server = only("POST /v1/chat/completions", spans, Span.SpanKind.SPAN_KIND_SERVER);
    assertEquals(OtlpReceiver.bytes(CALLER), server.getParentSpanId());
    Span first = only("switchboard.first_token", spans);
    assertEquals(server.getSpanId(), first.getParentSpanId());
    assertEquals("true", OtlpReceiver.attribute(first, "switchboard.first_token"));
    Span admit = only("switchboard.admit", spans);
    Span route = only("switchboard.route", spans);
    Span chat = only("chat " + GatewayProcess.MODEL, spans);
    for (Span child : List.of(admit, route, chat)) {
      assertEquals(server.getSpanId(), child.getParentSpanId(), child.getName());
    }
    assertEquals("candidate", route.getEvents(0).getName());
    assertEquals("8", OtlpReceiver.attribute(chat, "gen_ai.usage.output_tokens"));
    assertEquals("w0", OtlpReceiver.attribute(chat, "switchboard.replica"));
    for (String name : List.of("engine.queue", "engine.prefill", "engine.decode")) {
      assertEquals(chat.getSpanId(), only(name, spans).getParentSpanId(), name);
    }
    for (String name : List.of("engine.prefill", "engine.decode")) {
      Span phase = only(name, spans);
      double waitMs = Double.parseDouble(OtlpReceiver.attribute(phase, "switchboard.wait_ms"));
      assertTrue(waitMs >= 0, phase::toString);
      List<Span> lanes =
          spans.stream().filter(s -> s.getParentSpanId().equals(phase.getSpanId())).toList();
      assertEquals(LANES, lanes.stream().map(Span::getName).collect(Collectors.toSet()));
      for (Span lane : lanes) {
        assertTrue(
            Double.parseDouble(OtlpReceiver.attribute(lane, "switchboard.compute_ms")) > 0,
            lane::toString);
      }
    }
    everyChildIsInsideItsParent(spans);
    theWorkerSawTheSameId();
  }

  @Test
  void aForeignUpstreamGetsTheSameTraceOnce() throws Exception {
    gateway.post(
        gateway.api("/v1/chat/completions"),
        "{\"model\":\"foreign\",\"stream\":true,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
        "traceparent",
        "00-" + FOREIGN_TRACE + "-" + CALLER + "-01",
        "X-Request-Id",
        "foreign-1");

    FakeUpstream.Seen seen = foreign.seen.poll(10, TimeUnit.SECONDS);
    assertNotNull(seen);
    assertEquals("foreign-1", seen.headers().get("X-Request-Id"));
    assertEquals(1, seen.traceparents());
    String parent = String.valueOf(seen.headers().get("traceparent"));
    assertTrue(parent.startsWith("00-" + FOREIGN_TRACE + "-"), parent);
    assertFalse(parent.contains(CALLER), parent);
    InProcessGateway.await(() -> collector.named("chat foreign", FOREIGN_TRACE).size() == 1);
    String spanId = parent.substring(36, 52);
    assertTrue(
        collector.trace(FOREIGN_TRACE).stream()
            .anyMatch(span -> span.getSpanId().equals(OtlpReceiver.bytes(spanId))));
  }

  @Test
  void healthChecksMakeNoTraces() throws Exception {
    String trace = FOREIGN_TRACE.replace('5', '6');
    gateway.post(
        gateway.api("/v1/chat/completions"),
        "{\"model\":\"foreign\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
        "traceparent",
        "00-" + trace + "-" + CALLER + "-01");
    InProcessGateway.await(() -> collector.named("chat foreign", trace).size() == 1);

    Set<String> names = new TreeSet<>();
    collector.all().forEach(span -> names.add(span.getName()));
    assertFalse(names.contains("GET"), names::toString);
  }

  private static void theWorkerSawTheSameId() throws Exception {
    JsonNode worker = gateway.worker("w0", "/engine/v1/requests/traced/timeline");
    assertEquals("traced", worker.path("timelines").path(0).path("request_id").asText());
    JsonNode told = gateway.admin("/admin/v1/requests/traced/timeline");
    assertEquals(TRACE, told.path("trace_id").asText());
    assertEquals(4, told.path("prefill").path("lanes").size());
    assertEquals(4, told.path("decode").path("lanes").size());
  }

  private static void everyChildIsInsideItsParent(List<Span> spans) {
    Map<Object, Span> byId = new HashMap<>();
    spans.forEach(span -> byId.put(span.getSpanId(), span));
    List<String> outside = new ArrayList<>();
    for (Span span : spans) {
      Span parent = byId.get(span.getParentSpanId());
      if (parent != null
          && (span.getStartTimeUnixNano() < parent.getStartTimeUnixNano()
              || span.getEndTimeUnixNano() > parent.getEndTimeUnixNano())) {
        outside.add(
            span.getName()
                + " starts "
                + (span.getStartTimeUnixNano() - parent.getStartTimeUnixNano())
                + " ns after and ends "
                + (parent.getEndTimeUnixNano() - span.getEndTimeUnixNano())
                + " ns before "
                + parent.getName());
      }
    }
    assertEquals(List.of(), outside);
  }

  private static Span only(String name, List<Span> spans) {
    List<Span> found = spans.stream().filter(span -> span.getName().equals(name)).toList();
    assertEquals(1, found.size(), () -> name + " among " + spans);
    return found.getFirst();
  }

  private static Span only(String name, List<Span> spans, Span.SpanKind kind) {
    return only(name, spans.stream().filter(span -> span.getKind() == kind).toList());
  }
}
