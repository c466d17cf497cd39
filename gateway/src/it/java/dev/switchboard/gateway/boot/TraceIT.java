package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import io.opentelemetry.proto.trace.v1.Span;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
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

  /** How a foreign server answers for embeddings; it calls its model by another name. */
  private static final String VECTORS =
      "{\"object\":\"list\",\"id\":\"emb-1\",\"model\":\"foreign-2\","
          + "\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.5]}],"
          + "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}";

  /** They end when the gateway hears that all is sent, and the agent's SERVER span hears first. */
  private static final Set<String> MAY_END_LATER =
      Set.of("switchboard.gateway_late", "switchboard.client_flush");

  @TempDir private static @Nullable Path folder;
  private static OtlpReceiver collector;
  private static FakeUpstream foreign;
  private static final int WARM_UP = 20;

  private static GatewayProcess gateway;

  @BeforeAll
  static void start() throws Exception {
    collector = new OtlpReceiver();
    foreign = new FakeUpstream();
    foreign.script(
        (request, body) -> {
          if ("/v1/embeddings".equals(request.path())) {
            request.response().end(VECTORS);
          } else {
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done());
          }
        });
    Path home = GatewayProcess.home();
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Files.writeString(
        config,
        "models: [{file: "
            + home.resolve("native-engine/demo-model/switchboard-demo.gguf")
            + "}]\nworkers: {local: 1, stages: 2, ranks: 2}\n"
            + "upstreams: [{url: \""
            + foreign.url()
            + "\", models: [foreign]}]\n"
            // What is told shall not hang on what telling takes of a busy machine's cores.
            + "telemetry: {governor: {cpu-percent: 0}}\n");
    gateway =
        GatewayProcess.start(GatewayProcess.underAgent(collector), "--config", config.toString())
            .awaitReady();
    // Its classes are loaded then, which takes the event loop longer than a request does.
    for (int i = 0; i < WARM_UP; i++) {
      gateway.stream(4).body().readAllBytes();
    }
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
    awaitOne("chat " + GatewayProcess.MODEL, TRACE);
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
  void aRequestOpensInPerfettoWithTheEnginesCallsAndRanksOnOneClock() throws Exception {
    HttpResponse<String> answer =
        gateway.post(
            gateway.api("/v1/chat/completions"),
            "{\"model\":\""
                + GatewayProcess.MODEL
                + "\",\"max_tokens\":8,\"ignore_eos\":true,"
                + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
            "X-Switchboard-Trace",
            "3",
            "X-Request-Id",
            "perfetto");
    assertEquals(200, answer.statusCode(), answer::body);
    JsonNode opened = gateway.admin("/admin/v1/requests/perfetto/perfetto");

    List<Slice> all = slices(opened);
    double ended = slice(all, "event loop", "until ended").to;
    String await = "FFM call sb_await, from the engine's end to its return";
    Set<String> steps = steps(all, "FFM call sb_submit");
    assertTrue(steps.size() >= 8, all::toString);
    assertEquals(steps, steps(all, await));
    for (int lane = 0; lane < 4; lane++) {
      String track = "stage " + lane / 2 + " rank " + lane % 2;
      assertEquals(steps, steps(all, track));
      for (String step : steps) {
        Slice ran = slice(all, track, step);
        double submitted = slice(all, "FFM call sb_submit", step).from;
        double returned = slice(all, await, step).to;
        assertTrue(0 < submitted && submitted < ran.from, all::toString);
        assertTrue(ran.from < ran.to && ran.to <= returned, all::toString);
        assertTrue(returned < ended, all::toString);
      }
    }
  }

  /** In microseconds since the request came. */
  private record Slice(String track, String name, double from, double to) {}

  private static Set<String> steps(List<Slice> all, String track) {
    return all.stream()
        .filter(slice -> slice.track.equals(track))
        .map(Slice::name)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static Slice slice(List<Slice> all, String track, String name) {
    return all.stream()
        .filter(slice -> slice.track.equals(track) && slice.name.equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static List<Slice> slices(JsonNode opened) {
    Map<String, String> tracks = new HashMap<>();
    List<Slice> all = new ArrayList<>();
    for (JsonNode event : opened.path("traceEvents")) {
      String track = event.path("pid") + "/" + event.path("tid");
      String name = event.path("name").asText();
      if (name.equals("thread_name")) {
        tracks.put(track, event.at("/args/name").asText());
      } else if (event.path("ph").asText().equals("X")) {
        double from = event.path("ts").asDouble();
        all.add(
            new Slice(
                tracks.getOrDefault(track, "?"), name, from, from + event.path("dur").asDouble()));
      }
    }
    return all;
  }

  @Test
  void probesAndScrapesMakeNoTraces() throws Exception {
    String trace = FOREIGN_TRACE.replace('5', '8');
    List<URI> probes =
        List.of(
            gateway.api("/livez"),
            gateway.api("/readyz"),
            gateway.adminUri("/readyz"),
            gateway.adminUri("/metrics"));
    for (URI probe : probes) {
      HttpRequest request = HttpRequest.newBuilder(probe).build();
      assertEquals(
          200, gateway.client().send(request, HttpResponse.BodyHandlers.discarding()).statusCode());
    }
    String parent = "00-" + trace + "-" + CALLER + "-01";
    gateway.post(
        gateway.api("/v1/chat/completions"),
        InProcessGateway.chat(false).replace("\"m\"", "\"foreign\""),
        "traceparent",
        parent);
    // Spans go out in the order in which they end.
    Await.until("its span", () -> !collector.servers(trace).isEmpty());

    List<String> paths =
        collector.all().stream().map(span -> OtlpReceiver.attribute(span, "url.path")).toList();
    assertTrue(paths.contains("/v1/chat/completions"), paths::toString);
    for (URI probe : probes) {
      assertFalse(paths.contains(probe.getPath()), paths::toString);
    }
  }

  @Test
  void aChatIsDescribedByTheNamesOfTheGenAiConventionsAndNoOthers() throws Exception {
    String trace = FOREIGN_TRACE.replace('5', '7');
    HttpResponse<String> answer =
        ask(
            trace,
            "/v1/chat/completions",
            "{\"model\":\""
                + GatewayProcess.MODEL
                + "\",\"stream\":true,\"max_tokens\":8,\"ignore_eos\":true,\"n\":2,"
                + "\"temperature\":0.7,\"top_p\":0.9,\"top_k\":40,\"presence_penalty\":0.3,"
                + "\"frequency_penalty\":-0.1,\"stop\":[\"§\",\"¶\"],\"seed\":11,"
                + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}");
    String data = answer.body().substring("data: ".length(), answer.body().indexOf('\n'));
    JsonNode first = new ObjectMapper().readTree(data);
    Map<String, String> told = conventions("chat " + GatewayProcess.MODEL, trace);

    assertTrue(
        Double.parseDouble(told.remove("gen_ai.response.time_to_first_chunk")) > 0, told::toString);
    assertTrue(Integer.parseInt(told.remove("gen_ai.usage.input_tokens")) > 1, told::toString);
    assertTrue(
        Integer.parseInt(told.remove("gen_ai.usage.cache_read.input_tokens")) >= 0, told::toString);
    assertEquals(
        new TreeMap<>(
            Map.ofEntries(
                Map.entry("gen_ai.operation.name", "chat"),
                Map.entry("gen_ai.provider.name", "switchboard"),
                Map.entry("gen_ai.request.choice.count", "2"),
                Map.entry("gen_ai.request.frequency_penalty", "-0.1"),
                Map.entry("gen_ai.request.max_tokens", "8"),
                Map.entry("gen_ai.request.model", GatewayProcess.MODEL),
                Map.entry("gen_ai.request.presence_penalty", "0.3"),
                Map.entry("gen_ai.request.seed", "11"),
                Map.entry("gen_ai.request.stream", "true"),
                Map.entry("gen_ai.request.temperature", "0.7"),
                Map.entry("gen_ai.request.top_k", "40"),
                Map.entry("gen_ai.request.top_p", "0.9"),
                Map.entry("gen_ai.response.finish_reasons", "[length]"),
                Map.entry("gen_ai.response.id", first.path("id").asText()),
                Map.entry("gen_ai.response.model", GatewayProcess.MODEL),
                Map.entry("gen_ai.usage.output_tokens", "16"))),
        told);
  }

  @Test
  void aChatThatAsksForJsonSaysSo() throws Exception {
    String trace = FOREIGN_TRACE.replace('5', '9');
    ask(
        trace,
        "/v1/chat/completions",
        "{\"model\":\""
            + GatewayProcess.MODEL
            + "\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
            + "{\"name\":\"yes\",\"schema\":{\"type\":\"boolean\"}}},"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}");

    assertEquals(
        "json", conventions("chat " + GatewayProcess.MODEL, trace).get("gen_ai.output.type"));
  }

  @Test
  void embeddingsAreDescribedByTheSameNames() throws Exception {
    String trace = FOREIGN_TRACE.replace('5', '8');
    HttpResponse<String> answer =
        gateway.post(
            gateway.api("/v1/embeddings"),
            "{\"model\":\"foreign\",\"input\":\"Hello\"}",
            "traceparent",
            "00-" + trace + "-" + CALLER + "-01",
            "X-Switchboard-Session",
            "talk-1");
    Map<String, String> told = conventions("embeddings foreign", trace);
    assertEquals(
        Map.of(
            "server.address",
            foreign.url().getHost(),
            "server.port",
            Integer.toString(foreign.url().getPort())),
        OtlpReceiver.attributes(
            collector.named("embeddings foreign", trace).getFirst(), "server."));

    assertEquals(VECTORS, answer.body());
    assertEquals(
        new TreeMap<>(
            Map.of(
                "gen_ai.conversation.id", "talk-1",
                "gen_ai.operation.name", "embeddings",
                "gen_ai.provider.name", "switchboard",
                "gen_ai.request.model", "foreign",
                "gen_ai.request.stream", "false",
                "gen_ai.response.id", "emb-1",
                "gen_ai.response.model", "foreign-2",
                "gen_ai.usage.cache_read.input_tokens", "0",
                "gen_ai.usage.input_tokens", "3")),
        told);
  }

  private static HttpResponse<String> ask(String trace, String path, String body) throws Exception {
    HttpResponse<String> answer =
        gateway.post(gateway.api(path), body, "traceparent", "00-" + trace + "-" + CALLER + "-01");
    assertEquals(200, answer.statusCode(), answer::body);
    return answer;
  }

  private static void awaitOne(String name, String trace) {
    Await.until(name, () -> collector.named(name, trace), spans -> spans.size() == 1);
  }

  private static Map<String, String> conventions(String name, String trace) throws Exception {
    awaitOne(name, trace);
    return OtlpReceiver.attributes(collector.named(name, trace).getFirst(), "gen_ai.");
  }

  @Test
  void aForeignUpstreamGetsTheSameTraceOnce() throws Exception {
    foreign.seen.clear();
    gateway.post(
        gateway.api("/v1/chat/completions"),
        "{\"model\":\"foreign\",\"stream\":true,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
        "traceparent",
        "00-" + FOREIGN_TRACE + "-" + CALLER + "-01",
        "baggage",
        "user=somebody",
        "X-Request-Id",
        "foreign-1");

    FakeUpstream.Seen seen = foreign.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(seen);
    assertEquals("foreign-1", seen.headers().get("X-Request-Id"));
    assertEquals(1, seen.traceparents());
    assertNull(
        seen.headers().get("baggage"), "what a client says of itself goes to a foreign server");
    String parent = String.valueOf(seen.headers().get("traceparent"));
    assertTrue(parent.startsWith("00-" + FOREIGN_TRACE + "-"), parent);
    assertFalse(parent.contains(CALLER), parent);
    awaitOne("chat foreign", FOREIGN_TRACE);
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
    awaitOne("chat foreign", trace);

    Set<String> names = new TreeSet<>();
    collector.all().forEach(span -> names.add(span.getName()));
    assertFalse(names.contains("GET"), names::toString);
  }

  private static void theWorkerSawTheSameId() throws Exception {
    JsonNode worker = gateway.worker("w0", "/engine/v1/requests/traced/timeline");
    assertEquals("traced", worker.path("timelines").path(0).path("request_id").asText());
    JsonNode told = gateway.admin("/admin/v1/requests/traced/timeline?full=true");
    assertEquals(TRACE, told.path("trace_id").asText());
    JsonNode found = gateway.admin("/admin/v1/requests?trace_id=" + TRACE).path("requests");
    assertEquals(1, found.size(), found::toString);
    assertEquals("traced", found.path(0).path("id").asText());
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
              || (span.getEndTimeUnixNano() > parent.getEndTimeUnixNano()
                  && !MAY_END_LATER.contains(span.getName())))) {
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
