package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import io.opentelemetry.proto.trace.v1.Span;
import io.opentelemetry.proto.trace.v1.Status;
import io.vertx.core.http.HttpServerRequest;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The agent's own SERVER spans as a collector receives them: however a request ends, its span says
 * its id, how it ended and which replica answered.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ServerSpanIT {
  private static final String CALLER = "00f067aa0ba902b7";
  private static final String PATH = "/v1/chat/completions";
  private static final int REQUESTS = 100;

  @TempDir private static @Nullable Path folder;

  private OtlpReceiver collector;
  private FakeUpstream upstream;
  private GatewayProcess gateway;
  private int traces;

  @BeforeAll
  void start() throws Exception {
    collector = new OtlpReceiver();
    upstream = new FakeUpstream();
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Files.writeString(
        config,
        """
        upstreams: [{url: "URL", models: [m]}]
        retry: {attempts: 1}
        circuit: {failures: 1000}
        """
            .replace("URL", upstream.url().toString()));
    gateway =
        GatewayProcess.start(GatewayProcess.underAgent(collector), "--config", config.toString())
            .awaitReady();
  }

  @AfterAll
  void stop() {
    gateway.close();
    upstream.close();
    collector.close();
  }

  @Test
  void everyOneOfManySaysItsIdItsOutcomeAndItsReplica() throws Exception {
    answers();
    List<String> sent = new ArrayList<>();
    for (int i = 0; i < REQUESTS; i++) {
      sent.add(freshTrace());
      send(sent.getLast(), i % 2 == 0, 200);
    }

    for (String trace : sent) {
      assertSays("ok", "u0", span(trace));
    }
  }

  @Test
  void aStreamThatBreaksBehindItsHeadIsAnError() throws Exception {
    upstream.script(
        (request, body) -> {
          FakeUpstream.events(request).write(FakeUpstream.content("a"));
          upstream.vertx().setTimer(20, later -> request.connection().close());
        });
    String trace = freshTrace();
    send(trace, true, 200);

    Span span = span(trace);
    assertSays("upstream_broken", "u0", span);
    assertEquals("200", OtlpReceiver.attribute(span, "http.response.status_code"));
    assertEquals(Status.StatusCode.STATUS_CODE_ERROR, span.getStatus().getCode());
    assertEquals("upstream_broken", OtlpReceiver.attribute(span, "error.type"));
  }

  @Test
  void aFailedAnswerIsAnError() throws Exception {
    upstream.script((request, body) -> request.response().setStatusCode(500).end());
    String trace = freshTrace();
    send(trace, false, 500);

    Span span = span(trace);
    assertSays("internal", "u0", span);
    assertEquals(Status.StatusCode.STATUS_CODE_ERROR, span.getStatus().getCode());
  }

  @Test
  void aClientThatLeavesIsNamed() throws Exception {
    upstream.script(
        (request, body) -> FakeUpstream.events(request).write(FakeUpstream.content("a")));
    String trace = freshTrace();
    StreamClient stream = stream(trace);
    stream.awaitEvents(1);
    stream.leave();

    assertSays("client_gone", "u0", span(trace));
    Span attempt = attempt(trace);
    assertSays("client_gone", "u0", attempt);
    assertEquals("abandoned", OtlpReceiver.attribute(attempt, "switchboard.result"));
    assertEquals("", OtlpReceiver.attribute(attempt, "error.type"));
    assertEquals(Status.StatusCode.STATUS_CODE_UNSET, attempt.getStatus().getCode());
  }

  @Test
  void anAttemptThatBrokeIsAnErrorOfItsReplica() throws Exception {
    upstream.script((request, body) -> request.connection().close());
    String trace = freshTrace();
    send(trace, true, 502);

    Span attempt = attempt(trace);
    assertEquals("failed", OtlpReceiver.attribute(attempt, "switchboard.result"));
    assertEquals("upstream_broken", OtlpReceiver.attribute(attempt, "error.type"));
    assertEquals(Status.StatusCode.STATUS_CODE_ERROR, attempt.getStatus().getCode());
  }

  /** Its last byte was written long before, and stands in the socket. */
  @Test
  void aClientThatLeavesBeforeItHasReadAllIsNamed() throws Exception {
    upstream.script(ServerSpanIT::much);
    String trace = freshTrace();
    StreamClient stream = stream(trace);
    stream.leave();

    assertSays("client_gone", "u0", span(trace));
  }

  private static void much(HttpServerRequest request, Object body) {
    String piece = FakeUpstream.content("a".repeat(1 << 16));
    var response = FakeUpstream.events(request);
    for (int i = 0; i < 512; i++) {
      response.write(piece);
    }
    response.end(FakeUpstream.done());
  }

  @Test
  void whatNoReplicaAnsweredSaysTheRest() throws Exception {
    answers();
    String unknown = freshTrace();
    post(unknown, PATH, InProcessGateway.chat(false).replace("\"m\"", "\"nobody\""), 404);
    String broken = freshTrace();
    post(broken, PATH, "{", 400);
    String nowhere = freshTrace();
    post(nowhere, "/v1/nowhere", "{}", 404);
    String models = freshTrace();
    HttpRequest list =
        HttpRequest.newBuilder(gateway.api("/v1/models"))
            .header("traceparent", parent(models))
            .header("X-Request-Id", models)
            .build();
    gateway.client().send(list, HttpResponse.BodyHandlers.ofString());

    assertSays("not_found", "", span(unknown));
    assertSays("invalid_request", "", span(broken));
    assertSays("not_found", "", span(nowhere));
    assertSays("ok", "", span(models));
    assertEquals(Status.StatusCode.STATUS_CODE_UNSET, span(broken).getStatus().getCode());
  }

  private void answers() {
    upstream.script(
        (request, body) -> {
          if (body.toString().contains("\"stream\":true")) {
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done());
          } else {
            request.response().putHeader("Content-Type", "application/json").end("{}");
          }
        });
  }

  private String freshTrace() {
    return String.format(Locale.ROOT, "8cf92f3577b34da6a3ce929d%08x", ++traces);
  }

  private static String parent(String trace) {
    return "00-" + trace + "-" + CALLER + "-01";
  }

  private StreamClient stream(String trace) throws Exception {
    return StreamClient.open(
        gateway,
        PATH,
        InProcessGateway.chat(true),
        "traceparent",
        parent(trace),
        "X-Request-Id",
        trace);
  }

  private void send(String trace, boolean stream, int status) throws Exception {
    post(trace, PATH, InProcessGateway.chat(stream), status);
  }

  private void post(String trace, String path, String body, int status) throws Exception {
    HttpResponse<String> answer =
        gateway.post(gateway.api(path), body, "traceparent", parent(trace), "X-Request-Id", trace);
    assertEquals(status, answer.statusCode(), answer::body);
  }

  /** The request's id is its trace's, so that one finds the other. */
  private Span span(String trace) throws Exception {
    List<Span> spans =
        Await.until("its span", () -> collector.servers(trace), found -> !found.isEmpty());
    assertEquals(1, spans.size());
    assertTrue(OtlpReceiver.attribute(spans.getFirst(), "switchboard.retroactive").isEmpty());
    assertEquals(trace, OtlpReceiver.attribute(spans.getFirst(), "switchboard.request.id"));
    return spans.getFirst();
  }

  private Span attempt(String trace) throws Exception {
    List<Span> attempts =
        Await.until(
            "its attempt", () -> collector.named("chat m", trace), found -> !found.isEmpty());
    assertEquals(1, attempts.size());
    return attempts.getFirst();
  }

  private static void assertSays(String outcome, String replica, Span span) {
    assertEquals(outcome, OtlpReceiver.attribute(span, "switchboard.outcome"), span::toString);
    assertEquals(replica, OtlpReceiver.attribute(span, "switchboard.replica"), span::toString);
  }
}
