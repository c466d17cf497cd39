package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import io.opentelemetry.proto.trace.v1.Span;
import io.vertx.core.http.HttpServerResponse;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a collector gets from a real gateway whose agent samples nothing: the traces of requests
 * that turned out to be of interest, whole and with true times, and no others.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RetroactiveTraceIT {
  private static final String CALLER = "00f067aa0ba902b7";
  private static final int STEP_MS = 10;
  private static final int SLOW_MS = 2500;
  private static final int HELD_MS = 150;

  /** Before these a replica's requests are not late. */
  private static final int LESSONS = 40;

  private static final String MEND = "{\"kind\":\"none\"}";
  private static final String ALL = "/admin/v1/trace-levels";

  @TempDir private static @Nullable Path folder;

  private OtlpReceiver collector;
  private FakeUpstream foreign;
  private GatewayProcess gateway;
  private int traces;

  @BeforeAll
  void start() throws Exception {
    collector = new OtlpReceiver();
    foreign = new FakeUpstream();
    gateway = start("exemplars-per-second: 0, trace-tenants: [default]", "attempts: 1");
    // Ready it is with the first of its replicas.
    gateway.awaitState("w0", "READY");
    gateway.awaitState("w1", "READY");
  }

  private GatewayProcess start(String telemetry, String retry, String... more) throws Exception {
    Path home = GatewayProcess.home();
    Path config = Files.createTempFile(Path.of(String.valueOf(folder)), "switchboard", ".yaml");
    Files.writeString(
        config,
        """
        models: [{file: MODEL, workers: 2}]
        workers: {ranks: 2, threads: 1, arguments: [--allow-fault-injection]}
        upstreams: [{url: "URL", models: [foreign]}]
        retry: {RETRY}
        flight: {slow-ms: SLOW}
        circuit: {failures: 1000}
        telemetry: {TELEMETRY}
        """
            .replace("MODEL", home + "/native-engine/demo-model/switchboard-demo.gguf")
            .replace("URL", foreign.url().toString())
            .replace("RETRY", retry)
            .replace("SLOW", Integer.toString(SLOW_MS))
            .replace("TELEMETRY", telemetry));
    List<String> options = new ArrayList<>(GatewayProcess.underAgent(collector));
    options.add("-Dotel.traces.sampler=parentbased_traceidratio");
    options.add("-Dotel.traces.sampler.arg=0");
    options.addAll(List.of(more));
    return GatewayProcess.start(options, "--config", config.toString()).awaitReady();
  }

  @AfterAll
  void stop() {
    gateway.close();
    foreign.close();
    collector.close();
  }

  @AfterEach
  void everybodyIsThere() throws Exception {
    gateway.resume("w0");
    gateway.resume("w1");
    gateway.awaitState("w0", "READY");
    gateway.awaitState("w1", "READY");
    gateway.fault("w0", MEND);
    gateway.fault("w1", MEND);
  }

  // ---- good ones

  @Test
  void aGoodFastRequestIsNotExported() throws Exception {
    answers(0);
    String good = freshTrace();
    assertEquals(200, foreign(good, "00").statusCode());

    // Spans come in their order, so what was exported of the good one came before this.
    String failed = failedTrace();

    await(failed);
    assertEquals(List.of(), collector.trace(good));
  }

  @Test
  void theReplicaIsToldThatNothingIsSampled() throws Exception {
    answers(0);
    foreign.seen.clear();
    foreign(freshTrace(), "00");

    FakeUpstream.Seen seen = foreign.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(seen);
    int flags =
        Integer.parseInt(String.valueOf(seen.headers().get("traceparent")).substring(53), 16);
    assertEquals(0, flags & 1);
  }

  // ---- of interest

  @Test
  void aFailedRequestIsExportedUnderItsCallersSpan() throws Exception {
    String trace = failedTrace();

    Span root = await(trace);
    assertEquals("POST /v1/chat/completions", root.getName());
    assertEquals(Span.SpanKind.SPAN_KIND_SERVER, root.getKind());
    assertEquals(OtlpReceiver.bytes(CALLER), root.getParentSpanId());
    assertEquals("true", OtlpReceiver.attribute(root, "switchboard.retroactive"));
    assertEquals("internal", OtlpReceiver.attribute(root, "switchboard.outcome"));
    assertKeptFor("failed", root);
    Span attempt = collector.named("chat foreign", trace).getFirst();
    assertEquals(root.getSpanId(), attempt.getParentSpanId());
    Set<String> children = new TreeSet<>(children(root));
    // A busy machine makes any request wait.
    children.removeAll(
        Set.of(
            "switchboard.queue",
            "switchboard.receive",
            "switchboard.unread",
            "switchboard.gateway_late"));
    assertEquals(Set.of("switchboard.admit", "switchboard.route", "chat foreign"), children);
  }

  /** Its id could not be given to the new span; whoever logged it can still be found. */
  @Test
  void aRemadeAttemptLinksToTheIdThatTheReplicaGot() throws Exception {
    foreign.seen.clear();
    String trace = failedTrace();

    await(trace);
    Span attempt = collector.named("chat foreign", trace).getFirst();
    FakeUpstream.Seen seen = foreign.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(seen);
    String sent = String.valueOf(seen.headers().get("traceparent")).substring(36, 52);
    assertEquals(OtlpReceiver.bytes(sent), attempt.getLinks(0).getSpanId());
    assertEquals(OtlpReceiver.bytes(trace), attempt.getLinks(0).getTraceId());
    assertNotEquals(OtlpReceiver.bytes(sent), attempt.getSpanId());
  }

  @Test
  void aMissedObjectiveIsExportedWithItsTrueTimes() throws Exception {
    answers(80);
    String trace = freshTrace();
    long before = Instant.now().toEpochMilli();
    assertEquals(200, foreign(trace, "00", "X-SLO-TTFT-Ms", "20").statusCode());

    Span root = await(trace);
    // The client may read the last byte before the gateway hears that it is sent.
    long after = Instant.now().toEpochMilli();
    assertKeptFor("slo", root);
    Span attempt = collector.named("chat foreign", trace).getFirst();
    assertTrue(millis(attempt) >= 80, () -> "only " + millis(attempt) + " ms");
    assertTrue(root.getStartTimeUnixNano() / 1_000_000 >= before - 1);
    assertTrue(root.getEndTimeUnixNano() / 1_000_000 <= after + 1);
    assertTrue(root.getStartTimeUnixNano() <= attempt.getStartTimeUnixNano());
    assertTrue(root.getEndTimeUnixNano() >= attempt.getEndTimeUnixNano());
    Span first = collector.named("switchboard.first_token", trace).getFirst();
    assertTrue(Integer.parseInt(OtlpReceiver.attribute(first, "switchboard.ttft_ms")) >= 80);
  }

  @Test
  void aBreachAtAWorkerIsExportedDownToItsRanks() throws Exception {
    String trace = freshTrace();
    assertEquals(200, own(trace, 8, "X-SLO-TTFT-Ms", "1").statusCode());

    await(trace);
    assertRanks(collector.named("engine.decode", trace).getFirst());
  }

  /** What its worker does not answer any more is asked for. */
  @Test
  void aFailureInAWorkerIsExportedDownToItsRanks() throws Exception {
    gateway.fault("w0", "{\"kind\":\"fail\",\"steps\":1}");
    gateway.fault("w1", "{\"kind\":\"fail\",\"steps\":1}");
    String trace = freshTrace();
    assertTrue(own(trace, 8).statusCode() >= 500);

    assertKeptFor("failed", await(trace));
    assertRanks(collector.named("engine.prefill", trace).getFirst());
  }

  @Test
  void aSlowRequestIsExportedDownToItsRanks() throws Exception {
    gateway.slow("w0", 2 * STEP_MS);
    gateway.slow("w1", 2 * STEP_MS);
    String trace = freshTrace();
    assertEquals(200, own(trace, 1 + SLOW_MS / (2 * STEP_MS)).statusCode());

    Span root = await(trace);
    assertTrue(millis(root) >= SLOW_MS);
    assertKeptFor("slow", root);
    assertRanks(collector.named("engine.prefill", trace).getFirst());
    assertRanks(collector.named("engine.decode", trace).getFirst());
  }

  @Test
  void aStreamThatEndsWhereItIsDrainedIsExportedDownToItsRanks() throws Exception {
    String trace = drainedWhileItStreams(300, 60000);

    Span root = await(trace);
    assertKeptFor("drained", root);
    assertEquals(1, collector.named("chat switchboard-demo", trace).size());
    assertRanks(collector.named("engine.decode", trace).getFirst());
  }

  @Test
  void aHedgedRequestIsExportedWithWhatBothWorkersDid() throws Exception {
    String hedge =
        "attempts: 2, ratio: 0, reserve: 1, hedge: {classes: [interactive], after-ms: 20}";
    try (GatewayProcess other = start("exemplars-per-second: 0", hedge)) {
      other.awaitState("w0", "READY");
      other.awaitState("w1", "READY");
      URI uri = other.api("/v1/chat/completions");
      for (int i = 0; i < LESSONS; i++) {
        other.post(uri, chat(GatewayProcess.MODEL, 2), "X-SLO-Class", "batch");
      }
      other.slow("w0", HELD_MS);
      other.slow("w1", HELD_MS);
      // Whether the second one is asked is for what both are predicted to take: on a busy machine
      // it may not be worth it, until it is.
      String trace = Await.until("a hedge", this::freshTrace, each -> isHedged(other, each));

      assertKeptFor("hedged", await(trace));
      List<Span> attempts = collector.named("chat switchboard-demo", trace);
      assertEquals(List.of("", "true"), sorted(attempts, "switchboard.hedge"));
      assertEquals(List.of("", "true"), sorted(attempts, "switchboard.outrun"));
      assertEquals(List.of("w0", "w1"), sorted(attempts, "switchboard.replica"));
      // The one that was outrun was cancelled before its only step of prefill was over.
      for (Span attempt : attempts) {
        assertTrue(children(attempt).contains("engine.queue"), attempt::toString);
      }
      assertRanks(collector.named("engine.decode", trace).getFirst());
    }
  }

  /** Whether such a request went to a second worker, which there is one retry for. */
  private static boolean isHedged(GatewayProcess other, String trace) {
    try {
      other.post(
          other.api("/v1/chat/completions"),
          chat(GatewayProcess.MODEL, 4),
          "traceparent",
          traceparent(trace, "00"),
          "X-Request-Id",
          trace,
          "X-SLO-Class",
          "interactive");
      String path = "/admin/v1/requests/" + trace + "/timeline";
      JsonNode told =
          Await.until("its timeline", () -> other.admin(path), each -> each.has("attempts"));
      return told.path("attempts").size() > 1;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static List<String> sorted(List<Span> spans, String attribute) {
    return spans.stream().map(span -> OtlpReceiver.attribute(span, attribute)).sorted().toList();
  }

  @Test
  void aMovedStreamIsExportedWithWhatBothWorkersDid() throws Exception {
    String trace = movedWhileBothWorkersAnswer();

    Span root = await(trace);
    assertKeptFor("migrated", root);
    assertKeptFor("drained", root);
    List<Span> attempts = collector.named("chat switchboard-demo", trace);
    assertEquals(2, attempts.size());
    for (Span attempt : attempts) {
      assertTrue(children(attempt).contains("engine.decode"), attempt::toString);
    }
    collector.named("engine.decode", trace).forEach(this::assertRanks);
  }

  /** A worker is asked for a second; on a busy machine one may be too late, but not each time. */
  private String movedWhileBothWorkersAnswer() {
    return Await.until(
        "a moved stream of which both workers tell",
        () -> {
          everybodyIsThere();
          String trace = drainedWhileItStreams(100, 0);
          await(trace);
          return trace;
        },
        trace -> collector.named("engine.decode", trace).size() == 2);
  }

  @Test
  void whatAClientAsksForIsExported() throws Exception {
    answers(0);
    String trace = freshTrace();
    assertEquals(200, foreign(trace, "00", "X-Switchboard-Trace", "1").statusCode());

    assertKeptFor("asked", await(trace));
  }

  @Test
  void atLevelZeroNothingIsExported() throws Exception {
    level("PUT", "{\"level\":0}");
    String silent = failedTrace();
    level("DELETE", "");
    String told = failedTrace();

    await(told);
    assertEquals(List.of(), collector.trace(silent));
  }

  @Test
  void aTraceThatItsCallerSampledIsNotMadeTwice() throws Exception {
    foreign.script((request, body) -> request.response().setStatusCode(500).end());
    String trace = freshTrace();
    foreign(trace, "01");

    awaitNamed("chat foreign", trace);
    assertEquals(1, collector.named("chat foreign", trace).size());
    // By this a collector keeps it.
    Span admit = collector.named("switchboard.admit", trace).getFirst();
    assertEquals("true", OtlpReceiver.attribute(admit, "switchboard.kept"));
    assertKeptFor("failed", admit);
    assertTrue(
        collector.trace(trace).stream()
            .allMatch(span -> OtlpReceiver.attribute(span, "switchboard.retroactive").isEmpty()));
  }

  /** What is of interest is exported all the same, below the caller's span. */
  @Test
  void aCallerThatIsNotFollowedIsTracedLikeOneThatSampledNothing() throws Exception {
    try (GatewayProcess other =
        start(
            "exemplars-per-second: 0", "attempts: 1", "-Dswitchboard.caller-traces-per-second=0")) {
      URI uri = other.api("/v1/chat/completions");
      String good = freshTrace();
      answers(0);
      other.post(uri, chat("foreign", 8), "traceparent", traceparent(good, "01"));
      String failed = freshTrace();
      foreign.script((request, body) -> request.response().setStatusCode(500).end());
      other.post(uri, chat("foreign", 8), "traceparent", traceparent(failed, "01"));

      Span root = await(failed);
      assertEquals(OtlpReceiver.bytes(CALLER), root.getParentSpanId());
      assertEquals("true", OtlpReceiver.attribute(root, "switchboard.retroactive"));
      assertEquals(1, collector.servers(failed).size());
      assertEquals(List.of(), collector.trace(good));
    }
  }

  /** A sampler that does not wait for its end keeps what comes then. */
  @Test
  void aRequestThatRunsLongSaysSoBeforeItsEnd() throws Exception {
    AtomicReference<HttpServerResponse> held = new AtomicReference<>();
    foreign.script(
        (request, body) -> {
          HttpServerResponse response = FakeUpstream.events(request);
          response.write(FakeUpstream.content("a"));
          held.set(response);
        });
    String trace = freshTrace();
    StreamClient stream =
        StreamClient.open(
            gateway,
            "/v1/chat/completions",
            chat("foreign", 8),
            "traceparent",
            traceparent(trace, "01"));
    stream.awaitEvents(1);
    awaitNamed("switchboard.running", trace);

    assertEquals(List.of(), collector.named("chat foreign", trace));
    held.get().end(FakeUpstream.done());
    stream.rest();
    awaitNamed("chat foreign", trace);
    assertEquals(1, collector.named("switchboard.running", trace).size());
  }

  @Test
  void everyExemplarsTraceIsKeptThoughNothingIsSampled() throws Exception {
    try (GatewayProcess other = start("exemplars-per-second: 10", "attempts: 1")) {
      for (int i = 0; i < 30; i++) {
        other.post(
            other.api("/v1/chat/completions"),
            chat(GatewayProcess.MODEL, 4).replace("true", "false"));
      }

      Set<String> exemplars = exemplars(other);
      assertFalse(exemplars.isEmpty());
      for (String trace : exemplars) {
        assertKeptFor("exemplar", await(trace));
        assertRanks(collector.named("engine.decode", trace).getFirst());
      }
      assertTrue(other.metrics().contains("switchboard_traces_kept_total{kind=\"left_out\"} 0.0"));
    }
  }

  private static Set<String> exemplars(GatewayProcess process) throws Exception {
    String text =
        process
            .client()
            .send(
                HttpRequest.newBuilder(process.adminUri("/metrics"))
                    .header("Accept", "application/openmetrics-text; version=1.0.0")
                    .build(),
                HttpResponse.BodyHandlers.ofString())
            .body();
    return Pattern.compile("trace_id=\"([0-9a-f]{32})\"")
        .matcher(text)
        .results()
        .map(match -> match.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  // ---- how

  /** A caller's trace that nobody has seen yet. */
  private String freshTrace() {
    return String.format(Locale.ROOT, "7cf92f3577b34da6a3ce929d%08x", ++traces);
  }

  private static String traceparent(String trace, String flags) {
    return "00-" + trace + "-" + CALLER + "-" + flags;
  }

  private String failedTrace() throws Exception {
    foreign.script((request, body) -> request.response().setStatusCode(500).end());
    String trace = freshTrace();
    assertTrue(foreign(trace, "00").statusCode() >= 500);
    return trace;
  }

  private void answers(int delayMs) {
    foreign.script(
        (request, body) -> {
          Runnable answer =
              () ->
                  FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done());
          if (delayMs == 0) {
            answer.run();
          } else {
            foreign.vertx().setTimer(delayMs, late -> answer.run());
          }
        });
  }

  private HttpResponse<String> foreign(String trace, String flags, String... headers)
      throws Exception {
    return send(chat("foreign", 8), trace, flags, headers);
  }

  private HttpResponse<String> own(String trace, int tokens, String... headers) throws Exception {
    return send(chat(GatewayProcess.MODEL, tokens), trace, "00", headers);
  }

  /** Its replica is drained when it has said something; a grace of 0 moves it. */
  private String drainedWhileItStreams(int tokens, int graceMs) throws Exception {
    gateway.slow("w0", STEP_MS);
    gateway.slow("w1", STEP_MS);
    String trace = freshTrace();
    StreamClient stream = stream(trace, tokens);
    stream.awaitEvents(10);
    gateway.adminPost(
        "/admin/v1/replicas/" + stream.replica() + "/drain", "{\"grace_ms\":" + graceMs + "}");
    stream.rest();
    return trace;
  }

  private StreamClient stream(String trace, int tokens) throws Exception {
    return StreamClient.open(
        gateway,
        "/v1/chat/completions",
        chat(GatewayProcess.MODEL, tokens),
        "traceparent",
        traceparent(trace, "00"));
  }

  private HttpResponse<String> send(String body, String trace, String flags, String... headers)
      throws Exception {
    List<String> all = new ArrayList<>(List.of(headers));
    all.addAll(List.of("traceparent", traceparent(trace, flags)));
    URI uri = gateway.api("/v1/chat/completions");
    return gateway.post(uri, body, all.toArray(String[]::new));
  }

  private static String chat(String model, int tokens) {
    return "{\"model\":\""
        + model
        + "\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":"
        + tokens
        + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
  }

  private void level(String method, String body) throws Exception {
    HttpResponse<String> answer =
        gateway
            .client()
            .send(
                HttpRequest.newBuilder(gateway.adminUri(ALL))
                    .header("Content-Type", "application/json")
                    .method(method, HttpRequest.BodyPublishers.ofString(body))
                    .build(),
                HttpResponse.BodyHandlers.ofString());
    assertEquals(200, answer.statusCode(), answer.body());
  }

  /** The span that stands for the whole request; it is the last to be exported. */
  private Span await(String trace) {
    return Await.until(
            "the request's span", () -> collector.servers(trace), spans -> !spans.isEmpty())
        .getFirst();
  }

  private void awaitNamed(String name, String trace) {
    Await.until(name, () -> collector.named(name, trace), spans -> !spans.isEmpty());
  }

  private Set<String> children(Span parent) {
    String trace = HexFormat.of().formatHex(parent.getTraceId().toByteArray());
    return collector.trace(trace).stream()
        .filter(span -> span.getParentSpanId().equals(parent.getSpanId()))
        .map(Span::getName)
        // On a busy machine the event loop comes late to any of them.
        .filter(name -> !name.equals("switchboard.gateway_late"))
        .collect(Collectors.toSet());
  }

  private void assertRanks(Span phase) {
    assertEquals(Set.of("stage 0 › rank 0", "stage 0 › rank 1"), children(phase));
  }

  private static long millis(Span span) {
    return (span.getEndTimeUnixNano() - span.getStartTimeUnixNano()) / 1_000_000;
  }

  private static void assertKeptFor(String reason, Span root) {
    String reasons = OtlpReceiver.attribute(root, "switchboard.kept_for");
    assertTrue(
        List.of(reasons.substring(1, reasons.length() - 1).split(", ", -1)).contains(reason),
        reasons);
  }
}
