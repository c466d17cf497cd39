package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.testing.Await;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** How answers end that do not end well. */
class StreamingIT {
  private static final String TEXT = "/v1/completions";
  private static final String BODY = "{\"model\":\"test-model\",\"prompt\":\"x\"}";
  private static final String STREAM =
      "{\"model\":\"test-model\",\"prompt\":\"x\",\"stream\":true}";

  /** Its answer of 800 kB is more than sockets hold. */
  private static final String LARGE =
      "{\"model\":\"test-model\",\"prompt\":\"x\",\"max_tokens\":1000,\"n\":4,\"logprobs\":20}";

  private static String post(String body) {
    return "POST /v1/completions HTTP/1.1\r\n"
        + "Host: localhost\r\n"
        + "Content-Type: application/json\r\n"
        + "Content-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  private static BufferedReader reader(Socket socket) throws IOException {
    return new BufferedReader(
        new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
  }

  private static long counted(WorkerFixture worker, String counter) {
    return json(worker.get("/engine/v1/load").body()).path("counters").path(counter).asLong();
  }

  @Test
  void aClientThatLeavesCancelsItsGenerations() throws IOException {
    ScriptedEngine engine = WorkerFixture.answering("a".repeat(4000));
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(2);
      Socket socket = worker.raw(post(STREAM.replace("true", "true,\"n\":2")));
      assertTrue(socket.getInputStream().read() > 0);

      socket.close();

      Await.until("running", engine::running, count -> count == 0);
      Await.until(
          "no requests",
          () -> json(worker.get("/engine/v1/load").body()),
          load -> load.path("requests").asInt() == 0);
    }
  }

  @Test
  void aClientThatLeavesBeforeAnyTokenCancelsToo() throws IOException {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(0);
      Socket socket = worker.raw(post(BODY));
      Await.until("running", engine::running, count -> count == 1);

      socket.close();

      Await.until("running", engine::running, count -> count == 0);
      assertEquals(1, counted(worker, "client_gone"));
    }
  }

  @Test
  void aReaderThatStopsReadingIsCutOffAtItsBuffer() throws IOException {
    ScriptedEngine engine = endless();
    try (WorkerFixture worker =
        new WorkerFixture(
                engine, settings -> Settings.slowReader(settings, 50_000, Duration.ofHours(1)))
            .serve()) {
      engine.allow(0);
      try (Socket _ = worker.raw(post(withLogprobs()))) {
        Await.until(
            "it is cut off",
            () -> {
              engine.allowMore(20);
              return counted(worker, "slow_reader") == 1;
            });

        Await.until("running", engine::running, count -> count == 0);
        Await.until("connections", () -> connections(worker), count -> count == 1);
      }
    }
  }

  @Test
  void aReaderThatStopsReadingIsCutOffInTime() throws IOException {
    ScriptedEngine engine = endless();
    try (WorkerFixture worker =
        new WorkerFixture(
                engine, settings -> Settings.slowReader(settings, 1 << 30, Duration.ofMillis(200)))
            .serve()) {
      engine.allow(0);
      try (Socket _ = worker.raw(post(withLogprobs()))) {
        Await.until(
            "it is cut off",
            () -> {
              engine.allowMore(20);
              return counted(worker, "slow_reader") == 1;
            });

        Await.until("running", engine::running, count -> count == 0);
        Await.until("connections", () -> connections(worker), count -> count == 1);
      }
    }
  }

  @Test
  void aReaderOfAWholeAnswerThatStopsReadingIsCutOffToo() throws IOException {
    try (WorkerFixture worker =
        new WorkerFixture(
                endless(),
                settings -> Settings.slowReader(settings, 1 << 30, Duration.ofMillis(200)))
            .serve()) {
      try (Socket _ = worker.rawSlow(post(LARGE))) {
        Await.until("slow readers", () -> counted(worker, "slow_reader"), count -> count == 1);

        Await.until("connections", () -> connections(worker), count -> count == 1);
      }
    }
  }

  @Test
  void aTokenThatCannotBeShownEndsItsRequestAndNoOther() {
    int[] broken = {'a', -1, 'b'};
    ScriptedEngine engine =
        WorkerFixture.scripted(
            request -> request.maxTokens() == 7 ? broken : WorkerFixture.tokens("abc"));
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      HttpResponse<String> failed = worker.post(TEXT, BODY.replace("}", ",\"max_tokens\":7}"));

      assertEquals(500, failed.statusCode());
      assertEquals(200, worker.post(TEXT, BODY).statusCode());
      Await.until(
          "no requests",
          () -> json(worker.get("/engine/v1/load").body()),
          load -> load.path("requests").asInt() == 0);
    }
  }

  private static int connections(WorkerFixture worker) {
    return json(worker.get("/engine/v1/load").body()).path("connections").asInt();
  }

  /** Enough logprobs fill the socket's buffers of megabytes soon. */
  private static String withLogprobs() {
    return "{\"model\":\"test-model\",\"prompt\":\"x\",\"stream\":true,\"n\":16,\"logprobs\":20}";
  }

  private static ScriptedEngine endless() {
    return WorkerFixture.scripted(
        request -> {
          int[] tokens = new int[WorkerFixture.CONTEXT];
          Arrays.fill(tokens, 'a');
          return tokens;
        });
  }

  @Test
  void aFailedStepBeforeTheFirstByteIsAnErrorStatus() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.failNextStep(new EngineFailure("out_of_memory", "no blocks", 1, 0));

      HttpResponse<String> response = worker.post(TEXT, STREAM);

      JsonNode error = json(response.body()).path("error");
      assertEquals(503, response.statusCode());
      assertEquals("out_of_memory", error.path("code").asText());
      assertTrue(error.path("message").asText().contains("stage 1, rank 0"));
    }
  }

  @Test
  void aFailedStepInsideAStreamIsAnErrorEventWithoutDone() {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(1);
      HttpResponse<Stream<String>> response = worker.stream(TEXT, STREAM);
      engine.failNextStep(new EngineFailure("step_failed", "rank broke", 0, 1));
      engine.allowMore(10);

      List<String> lines = response.body().toList();

      assertEquals(200, response.statusCode());
      assertFalse(lines.contains("data: [DONE]"));
      JsonNode error = json(lines.get(lines.size() - 2).substring(6)).path("error");
      assertEquals("step_failed", error.path("code").asText());
    }
  }

  /** A client may have sent its next request before the stream broke. */
  @Test
  void aConnectionAnswersOnBehindAStreamThatEndedWithAnError() throws IOException {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    String livez = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(1);
      BufferedReader answers = reader(worker.raw(post(STREAM) + livez));
      String line = answers.readLine();
      while (!line.startsWith("data: ")) {
        line = answers.readLine();
      }
      engine.failNextStep(new EngineFailure("step_failed", "rank broke", 0, 1));
      engine.allowMore(10);

      List<String> rest = answers.lines().toList();

      assertTrue(rest.stream().anyMatch(event -> event.contains("step_failed")), () -> "" + rest);
      assertTrue(rest.contains("{\"state\":\"ready\"}"), () -> "" + rest);
    }
  }

  @Test
  void oneFailedChoiceEndsTheRequestAndCancelsTheOthers() {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.failNextStep(new EngineFailure("internal", "broken", -1, -1));

      HttpResponse<String> response = worker.post(TEXT, BODY.replace("}", ",\"n\":4}"));

      assertEquals(500, response.statusCode());
      Await.until("running", engine::running, count -> count == 0);
    }
  }

  @Test
  void aFullQueueIsRefusedWithATimeToRetry() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(0);
      engine.limitQueue(2);

      HttpResponse<String> response = worker.post(TEXT, BODY.replace("}", ",\"n\":3}"));

      assertEquals(429, response.statusCode());
      long seconds = Long.parseLong(response.headers().firstValue("Retry-After").orElse("0"));
      assertTrue(seconds >= 1 && seconds <= 60);
      Await.until("running", engine::running, count -> count == 0);
    }
  }

  /** Five generations left in the last ten seconds; what was refused did not leave. */
  @Test
  void theTimeToRetryIsThatOfWhatLeavesTheQueueAndNotOfWhatIsRefused() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      worker.post(TEXT, BODY.replace("}", ",\"n\":5}"));
      engine.tellWaiting(10);
      engine.limitQueue(0);
      for (int i = 0; i < 20; i++) {
        assertEquals(429, worker.post(TEXT, BODY).statusCode());
      }

      HttpResponse<String> response = worker.post(TEXT, BODY);

      assertEquals("20", response.headers().firstValue("Retry-After").orElse(""));
    }
  }

  @Test
  void aRequestCanBeCancelledByItsId() {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(1);
      var response = worker.stream(TEXT, STREAM, "X-Request-Id", "r-9");
      String active = worker.get("/engine/v1/requests").body();

      int cancelled = worker.delete("/engine/v1/requests/r-9").statusCode();

      List<String> lines = response.body().toList();
      assertTrue(active.contains("r-9"));
      assertEquals(200, cancelled);
      assertTrue(lines.get(lines.size() - 2).contains("\"code\":\"cancelled\""));
      assertEquals(404, worker.delete("/engine/v1/requests/r-9").statusCode());
    }
  }

  @Test
  void severalRequestsShareOneConnection() throws IOException {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      Socket socket =
          worker.raw(
              post(BODY)
                  + post(STREAM)
                  + "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

      String answers = WorkerFixture.readAll(socket);

      assertEquals(3, answers.split("HTTP/1.1 200 OK", -1).length - 1);
      assertTrue(answers.contains("data: [DONE]"));
    }
  }
}
