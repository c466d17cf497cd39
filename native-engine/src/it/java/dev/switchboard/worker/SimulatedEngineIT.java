package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.scheduler.EngineConfig;
import dev.switchboard.scheduler.EngineLoop;
import dev.switchboard.testing.Await;
import dev.switchboard.timeline.EpochClock;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The worker around the real engine loop, on an executor that simulates two stages of two ranks.
 */
class SimulatedEngineIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";
  private static final int HANG_MS = 400;
  private static final int NEVER_MS = 3_600_000;

  private static WorkerFixture start(LatencyModel latency) {
    return start(latency, NEVER_MS);
  }

  private static WorkerFixture start(LatencyModel latency, int hangMs) {
    ExecutorConfig config = ExecutorConfig.defaults().withLayout(2, 2, 1).withFaults(true, hangMs);
    SimulatedExecutor executor =
        new SimulatedExecutor(
            config, WorkerFixture.CONTEXT, ByteTokenizer.SIZE, latency, SimulatedTime.real());
    EngineLoop engine =
        EngineLoop.start(executor, EngineConfig.of(executor.info()), EpochClock.system());
    return new WorkerFixture(
            engine, settings -> settings.with(settings.drainLimit(), Duration.ofMillis(200), true))
        .serve(WorkerFixture.conversation(), engine::inject);
  }

  private static LatencyModel slow() {
    return new LatencyModel(2_000_000, 1000, 0);
  }

  private static String body(String prompt, int maxTokens, String more) {
    return "{\"model\":\"test-model\",\"prompt\":\""
        + prompt
        + "\",\"ignore_eos\":true,\"seed\":7,\"max_tokens\":"
        + maxTokens
        + more
        + "}";
  }

  private static String text(HttpResponse<String> response) {
    return json(response.body()).at("/choices/0/text").asText();
  }

  private static int load(WorkerFixture worker, String field) {
    return json(worker.get("/engine/v1/load").body()).path(field).asInt();
  }

  @Test
  void anAnswerDoesNotDependOnItsNeighbours() {
    try (WorkerFixture worker = start(LatencyModel.instant())) {
      String alone = text(worker.post(TEXT, body("hello", 40, "")));

      List<CompletableFuture<String>> together =
          IntStream.range(0, 8)
              .mapToObj(
                  i ->
                      CompletableFuture.supplyAsync(
                          () -> text(worker.post(TEXT, body(i == 3 ? "hello" : "n" + i, 40, "")))))
              .toList();

      assertEquals(alone, together.get(3).join());
      together.forEach(CompletableFuture::join);
    }
  }

  /** What is reused are whole blocks, never all of a prompt: its last token has to be computed. */
  @Test
  void aChatThatComesAgainIsTakenFromTheCacheAndItsUsageSaysSo() {
    try (WorkerFixture worker = start(LatencyModel.instant())) {
      String chat =
          "{\"model\":\"test-model\",\"max_tokens\":4,\"ignore_eos\":true,\"seed\":7,\"messages\":"
              + "[{\"role\":\"user\",\"content\":\""
              + "x".repeat(200)
              + "\"}]";
      String streamed = chat + ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}";

      JsonNode first = json(worker.post(CHAT, chat + "}").body());
      JsonNode second = json(worker.post(CHAT, chat + "}").body());
      List<String> events = worker.events(CHAT, streamed);
      JsonNode salted =
          json(worker.post(CHAT, chat + "}", "X-Switchboard-Cache-Salt", "other").body());

      int block = ExecutorConfig.defaults().kvBlockTokens();
      int prompt = first.at("/usage/prompt_tokens").asInt();
      int reused = (prompt - 1) / block * block;
      String cached = "/usage/prompt_tokens_details/cached_tokens";
      assertTrue(prompt > 200 && reused > 0);
      assertEquals(0, first.at(cached).asInt(-1));
      assertEquals(reused, second.at(cached).asInt());
      assertEquals(reused, json(events.get(events.size() - 2)).at(cached).asInt());
      assertEquals(0, salted.at(cached).asInt(-1));
      assertEquals(first.path("choices"), second.path("choices"));
      assertEquals(2 * reused, load(worker, "prefix_hit_tokens"));
    }
  }

  /** The only token that the grammar allows is the one that ends the answer. */
  @Test
  void theUsageOfAnAnswerWithoutATokenSaysWhatWasTakenFromTheCache() {
    try (WorkerFixture worker = start(LatencyModel.instant())) {
      String request =
          "{\"model\":\"test-model\",\"prompt\":\""
              + "x".repeat(200)
              + "\",\"grammar\":\"root ::= \\\"\\\"\"}";

      JsonNode first = json(worker.post(TEXT, request).body()).path("usage");
      JsonNode second = json(worker.post(TEXT, request).body()).path("usage");

      int block = ExecutorConfig.defaults().kvBlockTokens();
      int reused = (first.path("prompt_tokens").asInt() - 1) / block * block;
      assertTrue(reused > 0);
      assertEquals(0, second.path("completion_tokens").asInt(-1));
      assertEquals(0, first.at("/prompt_tokens_details/cached_tokens").asInt(-1));
      assertEquals(reused, second.at("/prompt_tokens_details/cached_tokens").asInt());
    }
  }

  /** To do without it would share what was to be kept apart. */
  @Test
  void aSaltThatIsNoneIsRefused() {
    try (WorkerFixture worker = start(LatencyModel.instant())) {
      for (String salt : List.of("a b", "s".repeat(129))) {
        HttpResponse<String> refused =
            worker.post(TEXT, body("hello", 1, ""), "X-Switchboard-Cache-Salt", salt);

        assertEquals(400, refused.statusCode(), salt);
        assertEquals("X-Switchboard-Cache-Salt", json(refused.body()).at("/error/param").asText());
      }
      assertEquals(0, load(worker, "requests"));
      assertEquals(
          200,
          worker.post(TEXT, body("hello", 1, ""), "X-Switchboard-Cache-Salt", "").statusCode());
    }
  }

  @Test
  void aClientThatLeavesFreesItsBlocksWithinTwoSteps() throws IOException {
    try (WorkerFixture worker = start(slow())) {
      String request = body("hello", 4000, ",\"stream\":true");
      Socket socket =
          worker.raw(
              "POST /v1/completions HTTP/1.1\r\n"
                  + "Host: localhost\r\n"
                  + "Content-Type: application/json\r\n"
                  + "X-Request-Id: gone\r\n"
                  + "Content-Length: "
                  + request.length()
                  + "\r\n\r\n"
                  + request);
      assertTrue(socket.getInputStream().read() > 0);

      socket.close();

      Await.until("running", () -> load(worker, "running"), now -> now == 0);
      assertEquals(0, load(worker, "kv_blocks_used"));
      JsonNode timeline = json(worker.get("/engine/v1/requests/gone/timeline").body());
      assertTrue(timeline.at("/timelines/0/decode/tokens").asInt() < 4000);
    }
  }

  @ParameterizedTest
  @CsvSource({"X-Switchboard-Deadline-Ms,1", "X-SLO-Deadline-Ms,1", "X-SLO-Deadline-Ms,60"})
  void aDeadlineStopsTheEngineAndFreesItsBlocks(String header, int millis) {
    try (WorkerFixture worker = start(slow())) {
      HttpResponse<String> late =
          worker.post(TEXT, body("hello", 4000, ""), header, Integer.toString(millis));

      assertEquals(504, late.statusCode());
      assertEquals("deadline_exceeded", json(late.body()).at("/error/code").asText());
      Await.until("kv_blocks_used", () -> load(worker, "kv_blocks_used"), used -> used == 0);
    }
  }

  @Test
  @Tag("timing")
  void noStepBeginsBehindADeadline() {
    try (WorkerFixture worker = start(slow())) {
      HttpResponse<String> late =
          worker.post(
              TEXT,
              body("hello", 4000, ""),
              "X-SLO-Deadline-Ms",
              "60",
              "X-Switchboard-Timeline",
              "full");

      assertEquals(504, late.statusCode());
      JsonNode timeline = json(late.body()).at("/switchboard/timelines/0");
      long deadline = timeline.path("received_ns").asLong() + 60_000_000;
      long submitted =
          timeline
              .path("steps")
              .valueStream()
              .mapToLong(step -> step.path("submit_ns").asLong())
              .max()
              .orElseThrow();
      // Between the look at the clock and the submission the machine may be busy elsewhere.
      assertTrue(submitted < deadline + 20_000_000, () -> submitted - deadline + " ns late");
    }
  }

  @Test
  void aStreamPastItsDeadlineEndsWithAnErrorAndNoDone() {
    try (WorkerFixture worker = start(slow())) {
      List<String> events =
          worker.events(
              TEXT, body("hello", 4000, ",\"stream\":true"), "X-Switchboard-Deadline-Ms", "1000");

      assertTrue(events.size() > 2, events::toString);
      assertEquals("deadline_exceeded", json(events.getLast()).at("/error/code").asText());
      Await.until("kv_blocks_used", () -> load(worker, "kv_blocks_used"), now -> now == 0);
    }
  }

  @ParameterizedTest
  @CsvSource({"X-SLO-Deadline-Ms,0", "X-SLO-Deadline-Ms,soon", "X-Priority,101"})
  void anUrgencyThatIsNoneIsRefused(String header, String value) {
    try (WorkerFixture worker = start(LatencyModel.instant())) {
      HttpResponse<String> refused = worker.post(TEXT, body("hello", 1, ""), header, value);

      assertEquals(400, refused.statusCode());
      assertEquals(header, json(refused.body()).at("/error/param").asText());
    }
  }

  @Test
  void theTimelineReachesEveryStageAndRank() {
    try (WorkerFixture worker = start(slow())) {
      JsonNode answer =
          json(worker.post(TEXT, body("hello", 5, ""), "X-Switchboard-Timeline", "full").body());

      JsonNode timeline = answer.at("/switchboard/timelines/0");
      assertEquals(4, timeline.at("/prefill/lanes").size());
      assertEquals(4, timeline.at("/decode/lanes").size());
      assertTrue(timeline.path("steps").size() >= 5);
      assertTrue(timeline.path("first_token_ns").asLong() >= timeline.path("received_ns").asLong());
    }
  }

  @Test
  void aFailedStepEndsItsStreamsWithItsPlace() {
    try (WorkerFixture worker = start(slow())) {
      worker.post("/engine/v1/faults", "{\"kind\":\"fail\",\"stage\":1,\"rank\":0,\"steps\":1}");

      HttpResponse<String> failed = worker.post(TEXT, body("hello", 5, ""));
      HttpResponse<String> next = worker.post(TEXT, body("hello", 5, ""));

      assertEquals(500, failed.statusCode());
      assertTrue(failed.body().contains("stage 1, rank 0"), failed.body());
      assertEquals(200, next.statusCode());
    }
  }

  @Test
  void aHungRankFailsTheCanaryThenTheWorker() {
    try (WorkerFixture worker = start(slow(), HANG_MS)) {
      worker.post("/engine/v1/faults", "{\"kind\":\"hang\",\"stage\":1,\"rank\":1}");

      HttpResponse<String> canary = worker.post("/engine/v1/canary", "");

      assertEquals(503, canary.statusCode());
      Await.until("503", () -> worker.get("/livez").statusCode(), status -> status == 503);
      assertEquals(503, worker.post(TEXT, body("hello", 5, "")).statusCode());
    }
  }

  @Test
  void aFaultOfSoManyMillisecondsEndsByItself() {
    try (WorkerFixture worker = start(slow())) {
      worker.post("/engine/v1/faults", "{\"kind\":\"fail\",\"stage\":0,\"for_ms\":3600000}");
      int broken = worker.post(TEXT, body("hello", 5, "")).statusCode();

      worker.post("/engine/v1/faults", "{\"kind\":\"fail\",\"stage\":0,\"for_ms\":20}");

      assertEquals(500, broken);
      Await.until(
          "200",
          () -> worker.post(TEXT, body("hello", 5, "")).statusCode(),
          status -> status == 200);
    }
  }

  @Test
  void faultsAreChecked() {
    try (WorkerFixture worker = start(slow())) {
      assertEquals(400, worker.post("/engine/v1/faults", "{\"kind\":\"explode\"}").statusCode());
      assertEquals(400, worker.post("/engine/v1/faults", "{\"color\":1}").statusCode());
      assertEquals(400, worker.post("/engine/v1/faults", "[]").statusCode());
      assertEquals(400, worker.post("/engine/v1/faults", "{\"for_ms\":-1}").statusCode());
      assertEquals(200, worker.post("/engine/v1/faults", "{\"kind\":\"none\"}").statusCode());
    }
  }

  @ParameterizedTest
  @CsvSource({"[97], 0", "[97], 2", "[97;98], 0", "[97;98], 2"})
  void anEchoedPromptComesFirstHoweverShortItIs(String prompt, int maxTokens) {
    try (WorkerFixture worker = start(LatencyModel.instant())) {
      String fields =
          "{\"model\":\"test-model\",\"ignore_eos\":true,\"echo\":true,\"logprobs\":1,\"prompt\":"
              + prompt.replace(';', ',')
              + ",\"max_tokens\":"
              + maxTokens;
      int promptTokens = prompt.split(";", -1).length;

      JsonNode whole = json(worker.post(TEXT, fields + "}").body()).at("/choices/0");
      StringBuilder streamed = new StringBuilder();
      for (String event : worker.events(TEXT, fields + ",\"stream\":true}")) {
        streamed.append(event.equals("[DONE]") ? "" : json(event).at("/choices/0/text").asText());
      }

      String text = "ab".substring(0, promptTokens);
      assertTrue(whole.path("text").asText().startsWith(text), whole::toString);
      assertEquals("length", whole.path("finish_reason").asText());
      JsonNode scores = whole.at("/logprobs/token_logprobs");
      assertEquals(promptTokens + maxTokens, scores.size());
      assertTrue(scores.path(0).isNull());
      assertTrue(streamed.toString().startsWith(text), streamed::toString);
    }
  }

  @Test
  void moreTokensThanTheContextHoldsAreCutToIt() {
    try (WorkerFixture worker = start(LatencyModel.instant())) {
      JsonNode answer = json(worker.post(TEXT, body("x".repeat(4080), 1_000_000, "")).body());

      assertEquals("length", answer.at("/choices/0/finish_reason").asText());
      assertEquals(WorkerFixture.CONTEXT, answer.at("/usage/total_tokens").asInt());
    }
  }
}
