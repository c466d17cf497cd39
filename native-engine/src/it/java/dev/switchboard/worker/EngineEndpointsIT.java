package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import dev.switchboard.timeline.AttemptId;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What operators and the gateway ask a worker. */
class EngineEndpointsIT {
  private static final String TEXT = "/v1/completions";
  private static final String BODY = "{\"model\":\"test-model\",\"prompt\":\"x\"}";
  private static final String STREAM =
      "{\"model\":\"test-model\",\"prompt\":\"x\",\"stream\":true}";

  private static String state(WorkerFixture worker) {
    return json(worker.get("/engine/v1/state").body()).path("state").asText();
  }

  @Test
  void aWorkerAnswersWhileItsModelLoads() {
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("ok"))) {
      worker.worker().progress().update(3, 10);
      JsonNode loading = json(worker.get("/engine/v1/state").body());

      assertEquals("loading", loading.path("state").asText());
      assertEquals(3, loading.at("/progress/done_bytes").asInt());
      assertEquals(200, worker.get("/livez").statusCode());
      assertEquals(503, worker.get("/readyz").statusCode());
      assertEquals(503, worker.post(TEXT, BODY).statusCode());
      assertEquals(0, json(worker.get("/v1/models").body()).path("data").size());
      assertEquals(409, worker.post("/engine/v1/drain", "").statusCode());

      worker.serve();

      assertEquals("ready", state(worker));
      assertEquals(200, worker.get("/readyz").statusCode());
      assertEquals("test-model", json(worker.get("/v1/models").body()).at("/data/0/id").asText());
    }
  }

  @Test
  void theStateTellsModelTopologyMemoryHealthAndLoad() {
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("ok")).serve()) {
      JsonNode state = json(worker.get("/engine/v1/state").body());

      assertEquals("llama", state.at("/model/architecture").asText());
      assertEquals(2, state.at("/topology/ranks").asInt());
      assertEquals(2, state.at("/memory/kv_bytes").asInt());
      assertEquals(2, state.at("/health/ranks").size());
      assertTrue(state.path("load").has("waiting"));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"/livez", "/readyz", "/v1/models", "/v1/models/test-model", "/engine/v1/state"})
  void aHeadIsAnsweredLikeAGetWithoutItsBody(String path) throws IOException {
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("ok")).serve()) {
      Socket socket =
          worker.raw("HEAD " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

      String answer = WorkerFixture.readAll(socket);

      assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
      assertTrue(answer.toLowerCase(Locale.ROOT).contains("\r\ncontent-length: "), answer);
      assertTrue(answer.endsWith("\r\n\r\n"), answer);
    }
  }

  @Test
  void aWrongMethodSaysWhichIsRight() {
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("ok")).serve()) {
      HttpResponse<String> posted = worker.post("/engine/v1/state", "");
      HttpResponse<String> got = worker.get("/engine/v1/drain");

      assertEquals(405, posted.statusCode());
      assertEquals("GET, HEAD", posted.headers().firstValue("Allow").orElse(""));
      assertEquals(405, got.statusCode());
      assertEquals("POST", got.headers().firstValue("Allow").orElse(""));
    }
  }

  /** A request may have this name too. */
  @Test
  void aRequestThatIsCalledTimelineIsNoTimeline() {
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("ok")).serve()) {
      assertEquals(405, worker.get("/engine/v1/requests/timeline").statusCode());
      assertEquals(404, worker.delete("/engine/v1/requests/timeline").statusCode());
      assertEquals(404, worker.get("/engine/v1/requests//timeline").statusCode());
      assertEquals(404, worker.get("/engine/v1/requests/timeline/timeline").statusCode());
    }
  }

  @Test
  void theCanaryAnswersForEveryRank() {
    ScriptedEngine engine = WorkerFixture.answering("ok");
    try (WorkerFixture worker =
        new WorkerFixture(
                engine, settings -> Settings.canaryTimeout(settings, Duration.ofSeconds(5)))
            .serve()) {
      HttpResponse<String> good = worker.post("/engine/v1/canary", "");
      engine.silenceRank();
      HttpResponse<String> bad = worker.post("/engine/v1/canary", "");

      assertEquals(200, good.statusCode());
      assertTrue(json(good.body()).path("ok").asBoolean());
      assertEquals(503, bad.statusCode());
      assertTrue(json(bad.body()).at("/ranks/0/answered").asBoolean());
      assertFalse(json(bad.body()).at("/ranks/1/answered").asBoolean());
    }
  }

  /** A probe's outcome holds for a second, so the rank that fell silent is seen a while later. */
  @Test
  void readinessMayAskForEveryRank() {
    ScriptedEngine engine = WorkerFixture.answering("ok");
    try (WorkerFixture worker =
        new WorkerFixture(
                engine, settings -> Settings.canaryTimeout(settings, Duration.ofSeconds(5)))
            .serve()) {
      assertEquals(200, worker.get("/readyz?canary=true").statusCode());
      engine.silenceRank();

      Await.until(
          "503", () -> worker.get("/readyz?canary=true").statusCode(), status -> status == 503);
      assertEquals(200, worker.get("/readyz").statusCode());
    }
  }

  @Test
  void aCanaryThatGetsNoTokenSaysSo() {
    ScriptedEngine engine = WorkerFixture.answering("ok");
    try (WorkerFixture worker =
        new WorkerFixture(
                engine, settings -> Settings.canaryTimeout(settings, Duration.ofMillis(50)))
            .serve()) {
      engine.allow(0);

      HttpResponse<String> response = worker.post("/engine/v1/canary", "");

      assertEquals(503, response.statusCode());
      assertTrue(json(response.body()).path("failure").asText().contains("50 ms"));
    }
  }

  @Test
  void aDrainingWorkerFinishesItsStreamsAndTakesNothingNew() {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(1);
      var running = worker.stream(TEXT, STREAM);

      JsonNode drained = json(worker.post("/engine/v1/drain", "").body());
      HttpResponse<String> refused = worker.post(TEXT, BODY);
      engine.allowMore(100);

      assertEquals("draining", drained.path("state").asText());
      assertEquals(1, drained.path("requests").asInt());
      assertEquals(503, refused.statusCode());
      assertEquals("draining", json(refused.body()).at("/error/code").asText());
      assertTrue(running.body().toList().contains("data: [DONE]"));
      assertEquals(503, worker.get("/readyz").statusCode());

      assertEquals(200, worker.post("/engine/v1/resume", "").statusCode());
      assertEquals(200, worker.post(TEXT, BODY).statusCode());
    }
  }

  @Test
  void theAttemptsOfAGatewayAreKnownUntilTheEngineLetsGoOfThem() {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      AttemptId attempt = new AttemptId(7, 9);
      engine.allow(1);
      var running = worker.stream(TEXT, STREAM, AttemptId.HEADER, attempt.toString());

      JsonNode gateway = json(worker.get("/engine/v1/state").body()).at("/in_flight/0");
      JsonNode listed = json(worker.get("/engine/v1/requests").body()).path("attempts");
      engine.allowMore(100);
      running.body().forEach(line -> {});

      assertEquals(AttemptId.digits(7), gateway.path("gateway").asText());
      assertEquals(1, gateway.path("attempts").asInt());
      assertEquals(
          AttemptId.digits(AttemptId.digest(List.of(9L))), gateway.path("digest").asText());
      assertEquals("[\"" + attempt + "\"]", listed.toString());
      Await.until(
          "nothing in flight",
          () -> json(worker.get("/engine/v1/state").body()).path("in_flight"),
          JsonNode::isEmpty);
    }
  }

  @Test
  void anAttemptIsCancelledByItsOwnName() {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      AttemptId attempt = new AttemptId(7, 9);
      engine.allow(1);
      var running = worker.stream(TEXT, STREAM, AttemptId.HEADER, attempt.toString());

      int other = worker.delete("/engine/v1/requests/" + new AttemptId(7, 8)).statusCode();
      int cancelled = worker.delete("/engine/v1/requests/" + attempt).statusCode();

      assertEquals(404, other);
      assertEquals(200, cancelled);
      assertTrue(running.body().anyMatch(line -> line.contains("cancelled")));
    }
  }

  /** One whose preparation waits, or whose body does not come, is known too. */
  @Test
  void anAttemptIsKnownFromItsHead() throws IOException {
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("ok")).serve()) {
      Socket socket =
          worker.raw(
              "POST /v1/completions HTTP/1.1\r\n"
                  + "Host: localhost\r\n"
                  + "Content-Type: application/json\r\n"
                  + "Content-Length: 10\r\n"
                  + AttemptId.HEADER
                  + ": "
                  + new AttemptId(7, 9)
                  + "\r\n\r\n");

      Await.until(
          "one in flight",
          () -> json(worker.get("/engine/v1/state").body()).path("in_flight"),
          inFlight -> inFlight.size() == 1);
      socket.close();

      Await.until(
          "nothing in flight",
          () -> json(worker.get("/engine/v1/state").body()).path("in_flight"),
          JsonNode::isEmpty);
    }
  }

  @Test
  void terminationWaitsForStreams() {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(1);
      var running = worker.stream(TEXT, STREAM);

      CompletableFuture<Void> closed = worker.worker().terminate().toCompletableFuture();
      Await.until(
          "draining",
          () -> worker.worker().lifecycle().phase(),
          phase -> phase == WorkerPhase.DRAINING);
      engine.allowMore(100);

      assertTrue(running.body().toList().contains("data: [DONE]"));
      closed.join();
    }
  }

  @Test
  void terminationEndsStreamsWithAnErrorAtItsLimit() {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    try (WorkerFixture worker =
        new WorkerFixture(engine, settings -> Settings.drainLimit(settings, Duration.ofMillis(100)))
            .serve()) {
      engine.allow(1);
      var running = worker.stream(TEXT, STREAM);

      worker.worker().terminate().toCompletableFuture().join();

      List<String> lines = running.body().toList();
      assertTrue(lines.get(lines.size() - 2).contains("\"code\":\"draining\""));
      assertFalse(lines.contains("data: [DONE]"));
    }
  }

  @Test
  void terminationWaitsUntilAWholeAnswerIsRead() throws IOException {
    ScriptedEngine engine = WorkerFixture.answering("a".repeat(1000));
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      Socket socket = worker.rawSlow(large());
      byte[] begin = socket.getInputStream().readNBytes(1);

      CompletableFuture<Void> closed = worker.worker().terminate().toCompletableFuture();
      Await.until(
          "draining",
          () -> worker.worker().lifecycle().phase(),
          phase -> phase == WorkerPhase.DRAINING);

      String answer = new String(begin, US_ASCII) + WorkerFixture.readAll(socket);
      String body = answer.substring(answer.indexOf("\r\n\r\n") + 4);
      assertEquals(4, json(body).path("choices").size());
      closed.join();
    }
  }

  @Test
  void terminationDoesNotWaitLongerForWhoDoesNotRead() throws IOException {
    ScriptedEngine engine = WorkerFixture.answering("a".repeat(1000));
    try (WorkerFixture worker =
        new WorkerFixture(
                engine,
                settings ->
                    Settings.slowReader(
                        Settings.drainLimit(settings, Duration.ofMillis(100)),
                        1 << 30,
                        Duration.ofHours(1)))
            .serve()) {
      Socket socket = worker.rawSlow(large());
      assertEquals('H', socket.getInputStream().read());

      worker
          .worker()
          .terminate()
          .toCompletableFuture()
          .orTimeout(Await.LIMIT_SECONDS, TimeUnit.SECONDS)
          .join();

      socket.close();
    }
  }

  /** Its answer of 800 kB is more than sockets hold. */
  private static String large() {
    String body = BODY.replace("}", ",\"max_tokens\":1000,\"n\":4,\"logprobs\":20}");
    return "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
        + "Content-Type: application/json\r\nContent-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  @Test
  void theTimelinesOfFinishedRequestsAreKept() {
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("abc")).serve()) {
      worker.post(TEXT, BODY.replace("}", ",\"n\":2}"), "X-Request-Id", "r-5");

      JsonNode summary = json(worker.get("/engine/v1/requests/r-5/timeline").body());
      JsonNode detail = json(worker.get("/engine/v1/requests/r-5/timeline?detail=steps").body());

      assertEquals(2, summary.path("timelines").size());
      assertEquals(0, summary.at("/timelines/0/steps").size());
      assertEquals(1, detail.at("/timelines/0/steps").size());
      assertEquals("[7]", detail.at("/timelines/0/steps/0/members").toString());
      assertEquals(404, worker.get("/engine/v1/requests/r-6/timeline").statusCode());
    }
  }

  @Test
  void theTimelineOfABrokenStreamIsKept() throws IOException {
    ScriptedEngine engine = WorkerFixture.answering("a".repeat(100));
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(1);
      Socket socket =
          worker.raw(
              "POST /v1/completions HTTP/1.1\r\n"
                  + "Host: localhost\r\n"
                  + "Content-Type: application/json\r\n"
                  + "X-Request-Id: gone\r\n"
                  + "Content-Length: "
                  + STREAM.length()
                  + "\r\n\r\n"
                  + STREAM);
      assertTrue(socket.getInputStream().read() > 0);

      socket.close();

      Await.until(
          "its timeline",
          () -> json(worker.get("/engine/v1/requests/gone/timeline").body()).path("timelines"),
          timelines -> timelines.size() == 1);
    }
  }

  @Test
  void aLostEngineTakesTheWorkerOutOfReadiness() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.loseEngine("stage 0 rank 1 hung in step 7");

      Await.until("failed", () -> state(worker), "failed"::equals);

      assertEquals(503, worker.get("/livez").statusCode());
      assertEquals(503, worker.get("/readyz").statusCode());
      assertTrue(worker.post(TEXT, BODY).body().contains("rank 1 hung"));
    }
  }

  @Test
  void faultsNeedTheirFlag() {
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("abc")).serve()) {
      assertEquals(403, worker.post("/engine/v1/faults", "{\"kind\":\"fail\"}").statusCode());
    }
  }
}
