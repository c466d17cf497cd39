package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.scheduler.GenerationRequest;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Base64;
import java.util.Collections;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/**
 * Embeddings and orders of documents over a socket. A token here is a byte, 256 begins a text; the
 * engine's vector of a text is (its length, its last token's distance from 'a', 0).
 */
class EmbeddingIT {
  private static final String EMBEDDINGS = "/v1/embeddings";
  private static final String RERANK = "/v1/rerank";

  private static float[] vector(GenerationRequest request) {
    int[] tokens = request.prompt();
    return new float[] {tokens.length, tokens[tokens.length - 1] - 'a', 0};
  }

  private static WorkerFixture encoder() {
    return new WorkerFixture(ScriptedEngine.encoder(EmbeddingIT::vector)).serve(ModelTask.EMBED, 3);
  }

  private static String body(String more) {
    return ("{'model':'test-model'," + more + "}").replace('\'', '"');
  }

  private static JsonNode answer(WorkerFixture worker, String path, String more) {
    HttpResponse<String> response = worker.post(path, body(more));
    assertEquals(200, response.statusCode(), response.body());
    return json(response.body());
  }

  private static JsonNode error(WorkerFixture worker, String path, String more) {
    HttpResponse<String> response = worker.post(path, body(more));
    assertEquals(400, response.statusCode(), response.body());
    return json(response.body()).path("error");
  }

  private static float[] floats(JsonNode array) {
    float[] floats = new float[array.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = array.get(i).floatValue();
    }
    return floats;
  }

  @Test
  void vectorsComeInOrderWithLengthOneAndTheTokensThatWereRead() {
    try (WorkerFixture worker = encoder()) {
      JsonNode answer = answer(worker, EMBEDDINGS, "'input':['bbd','aa']");

      assertEquals("list", answer.path("object").asText());
      assertEquals("test-model", answer.path("model").asText());
      assertArrayEquals(new float[] {0.8f, 0.6f, 0}, floats(answer.at("/data/0/embedding")));
      assertArrayEquals(new float[] {1, 0, 0}, floats(answer.at("/data/1/embedding")));
      assertEquals(1, answer.at("/data/1/index").asInt());
      assertEquals(json("{\"prompt_tokens\":7,\"total_tokens\":7}"), answer.path("usage"));
    }
  }

  @Test
  void vectorsComeAsTheTextOfTheirBytesToo() {
    try (WorkerFixture worker = encoder()) {
      JsonNode answer =
          answer(worker, EMBEDDINGS, "'input':['bbd','aa'],'encoding_format':'base64'");

      for (int i = 0; i < 2; i++) {
        String text = answer.at("/data/" + i + "/embedding").textValue();
        FloatBuffer floats =
            ByteBuffer.wrap(Base64.getDecoder().decode(text))
                .order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer();
        float[] vector = new float[floats.remaining()];
        floats.get(vector);
        assertArrayEquals(i == 0 ? new float[] {0.8f, 0.6f, 0} : new float[] {1, 0, 0}, vector);
      }
    }
  }

  @Test
  void fewerDimensionsAreScaledAnewAndMoreAreRefused() {
    try (WorkerFixture worker = encoder()) {
      assertArrayEquals(
          new float[] {1},
          floats(
              answer(worker, EMBEDDINGS, "'input':'bbd','dimensions':1").at("/data/0/embedding")));
      assertEquals(
          "dimensions must be at most 3 with this model.",
          error(worker, EMBEDDINGS, "'input':'a','dimensions':4").path("message").asText());
    }
  }

  @Test
  void tokensAreTakenAsTheyAre() {
    try (WorkerFixture worker = encoder()) {
      JsonNode answer = answer(worker, EMBEDDINGS, "'input':[[97,97,97,100],[97]]");

      assertArrayEquals(new float[] {0.8f, 0.6f, 0}, floats(answer.at("/data/0/embedding")));
      assertEquals(5, answer.at("/usage/prompt_tokens").asInt());
      assertEquals(
          "input[1]", error(worker, EMBEDDINGS, "'input':[[1],[300]]").path("param").asText());
    }
  }

  @Test
  void aTextAboveTheContextIsNamed() {
    try (WorkerFixture worker = encoder()) {
      String longText = "a".repeat(WorkerFixture.CONTEXT);

      JsonNode error = error(worker, EMBEDDINGS, "'input':['a','" + longText + "']");

      assertEquals("input[1]", error.path("param").asText());
      assertEquals("context_length_exceeded", error.path("code").asText());
    }
  }

  @Test
  void twoThousandTextsAreAnsweredInOneRequestWithoutFillingTheQueue() {
    ScriptedEngine engine = ScriptedEngine.encoder(EmbeddingIT::vector);
    engine.limitQueue(128);
    try (WorkerFixture worker = new WorkerFixture(engine).serve(ModelTask.EMBED, 3)) {
      String texts = String.join(",", Collections.nCopies(2048, "'bbd'"));

      JsonNode answer = answer(worker, EMBEDDINGS, "'input':[" + texts + "]");

      assertEquals(2048, answer.path("data").size());
      assertEquals(2047, answer.at("/data/2047/index").asInt());
      assertArrayEquals(new float[] {0.8f, 0.6f, 0}, floats(answer.at("/data/2047/embedding")));
    }
  }

  @Test
  void aFullQueueShedsTheRequest() {
    ScriptedEngine engine = ScriptedEngine.encoder(EmbeddingIT::vector);
    try (WorkerFixture worker = new WorkerFixture(engine).serve(ModelTask.EMBED, 3)) {
      engine.limitQueue(0);

      HttpResponse<String> shed = worker.post(EMBEDDINGS, body("'input':'a'"));

      assertEquals(429, shed.statusCode());
      assertTrue(shed.headers().firstValue("Retry-After").isPresent());
    }
  }

  /** A text here has 4 tokens and a vector of 3 numbers: 124 bytes with its answer. */
  @Test
  void whatRequestsTakeOfTheHeapIsBoundedAloneAndTogether() {
    ScriptedEngine engine = ScriptedEngine.encoder(EmbeddingIT::vector);
    try (WorkerFixture worker =
        new WorkerFixture(engine, settings -> Settings.vectorBytes(settings, 300))
            .serve(ModelTask.EMBED, 3)) {
      String two = body("'input':['bbd','bbd']");
      JsonNode alone = error(worker, EMBEDDINGS, "'input':['bbd','bbd','bbd']");
      engine.allow(0);
      CompletableFuture<HttpResponse<String>> running =
          CompletableFuture.supplyAsync(() -> worker.post(EMBEDDINGS, two));
      Await.until("running", engine::running, count -> count == 2);

      HttpResponse<String> beside = worker.post(EMBEDDINGS, body("'input':'bbd'"));
      engine.allowMore(100);

      assertEquals("input", alone.path("param").asText());
      assertEquals(429, beside.statusCode());
      assertTrue(beside.headers().firstValue("Retry-After").isPresent());
      assertEquals(200, running.join().statusCode());
      Await.until("200", () -> worker.post(EMBEDDINGS, two).statusCode(), status -> status == 200);
    }
  }

  /** Each takes 3.6 MB of the heap, of which the answer's text is more than sockets hold. */
  @Test
  void anAnswerHasItsPartOfTheHeapUntilItIsRead() throws IOException {
    ScriptedEngine engine = ScriptedEngine.encoder(request -> new float[1000]);
    try (WorkerFixture worker =
        new WorkerFixture(engine, settings -> Settings.vectorBytes(settings, 4_000_000))
            .serve(ModelTask.EMBED, 1000)) {
      String body = body("'input':[" + String.join(",", Collections.nCopies(100, "'bbd'")) + "]");
      String head =
          "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\n"
              + "Content-Type: application/json\r\nConnection: close\r\nContent-Length: ";
      try (Socket slow = worker.rawSlow(head + body.length() + "\r\n\r\n" + body)) {
        assertEquals('H', slow.getInputStream().read());

        assertEquals(429, worker.post(EMBEDDINGS, body).statusCode());
        assertTrue(WorkerFixture.readAll(slow).endsWith("}"));
      }

      Await.until("200", () -> worker.post(EMBEDDINGS, body).statusCode(), status -> status == 200);
    }
  }

  /** The query is there once for each document. */
  @Test
  void aQueryThatIsThereTooOftenIsRefused() {
    ScriptedEngine engine = ScriptedEngine.encoder(request -> new float[] {1});
    try (WorkerFixture worker =
        new WorkerFixture(engine, settings -> Settings.vectorBytes(settings, 10_000))
            .serve(ModelTask.RANK, 1)) {
      String query = "'query':'" + "q".repeat(1000) + "','documents':";

      assertEquals(
          "documents", error(worker, RERANK, query + "['a','b','c']").path("param").asText());
      assertEquals(200, worker.post(RERANK, body(query + "['a','b']")).statusCode());
    }
  }

  /** 2000 characters are 2000 tokens of four bytes here; in the answer they are there once more. */
  @Test
  void documentsThatAreReturnedTakeOfTheHeapToo() {
    ScriptedEngine engine = ScriptedEngine.encoder(EmbeddingIT::vector);
    try (WorkerFixture worker =
        new WorkerFixture(engine, settings -> Settings.vectorBytes(settings, 10_000))
            .serve(ModelTask.EMBED, 3)) {
      String documents = "'query':'a','documents':['" + "d".repeat(2000) + "']";

      assertEquals(200, worker.post(RERANK, body(documents)).statusCode());
      assertEquals(
          "documents",
          error(worker, RERANK, documents + ",'return_documents':true").path("param").asText());
    }
  }

  @Test
  void aStepThatFailsEndsTheRequestWithItsReason() {
    ScriptedEngine engine = ScriptedEngine.encoder(EmbeddingIT::vector);
    try (WorkerFixture worker = new WorkerFixture(engine).serve(ModelTask.EMBED, 3)) {
      engine.failNextStep(new EngineFailure("step_failed", "it broke", 0, 1));

      HttpResponse<String> failed = worker.post(EMBEDDINGS, body("'input':['a','b']"));

      assertEquals(500, failed.statusCode());
      assertEquals("step_failed", json(failed.body()).at("/error/code").asText());
      Await.until("running", engine::running, count -> count == 0);
    }
  }

  @Test
  void aRunningRequestIsListedAndCanBeCancelled() {
    ScriptedEngine engine = ScriptedEngine.encoder(EmbeddingIT::vector);
    try (WorkerFixture worker = new WorkerFixture(engine).serve(ModelTask.EMBED, 3)) {
      engine.allow(0);
      CompletableFuture<HttpResponse<String>> running =
          CompletableFuture.supplyAsync(
              () -> worker.post(EMBEDDINGS, body("'input':['a','b']"), "X-Request-Id", "mine"));
      Await.until("running", engine::running, count -> count == 2);

      assertTrue(worker.get("/engine/v1/requests").body().contains("mine"));
      assertEquals(200, worker.delete("/engine/v1/requests/mine").statusCode());

      assertEquals(503, running.join().statusCode());
      Await.until("running", engine::running, count -> count == 0);
    }
  }

  @Test
  void theTimelineOfTheLastTextComesBesideTheAnswerAndLater() {
    try (WorkerFixture worker = encoder()) {
      HttpResponse<String> response =
          worker.post(EMBEDDINGS, body("'input':['a','b']"), "X-Switchboard-Timeline", "full");
      String id = response.headers().firstValue("X-Request-Id").orElse("");

      JsonNode timelines = json(response.body()).at("/switchboard/timelines");
      assertEquals(1, timelines.size());
      assertEquals(id, timelines.at("/0/request_id").asText());
      Await.until(
          "200",
          () -> worker.get("/engine/v1/requests/" + id + "/timeline").statusCode(),
          status -> status == 200);
    }
  }

  @Test
  void documentsAreOrderedByTheirAngleToTheQuery() {
    try (WorkerFixture worker = encoder()) {
      String request = "'query':'bbd','documents':['aa','bbd',{'text':'bbb'}]";

      JsonNode all = answer(worker, RERANK, request);
      JsonNode best = answer(worker, RERANK, request + ",'top_n':1,'return_documents':true");

      assertEquals(1, all.at("/results/0/index").asInt());
      assertEquals(1, all.at("/results/0/relevance_score").floatValue());
      assertEquals(2, all.at("/results/1/index").asInt());
      assertEquals(0.8f, all.at("/results/2/relevance_score").floatValue(), 1e-6f);
      assertEquals(15, all.at("/usage/total_tokens").asInt());
      assertEquals(
          json("[{\"index\":1,\"relevance_score\":1.0,\"document\":{\"text\":\"bbd\"}}]"),
          best.path("results"));
    }
  }

  @Test
  void aRankingModelReadsQueryAndDocumentTogether() {
    ScriptedEngine engine =
        ScriptedEngine.encoder(request -> new float[] {request.prompt().length - 6});
    try (WorkerFixture worker = new WorkerFixture(engine).serve(ModelTask.RANK, 1)) {
      JsonNode answer = answer(worker, RERANK, "'query':'qq','documents':['a','ccc']");

      assertEquals(1, answer.at("/results/0/index").asInt());
      assertEquals(0.5, answer.at("/results/0/relevance_score").asDouble(), 1e-6);
      assertEquals(1 / (1 + Math.exp(2)), answer.at("/results/1/relevance_score").asDouble(), 1e-6);
      assertEquals(
          "The model 'test-model' ranks documents; use /v1/rerank.",
          error(worker, EMBEDDINGS, "'input':'a'").path("message").asText());
    }
  }

  @Test
  void aModelIsAskedOnlyForWhatItIsThereFor() {
    try (WorkerFixture encoder = encoder();
        WorkerFixture generator = new WorkerFixture(WorkerFixture.answering("ok")).serve()) {
      String chat = "'messages':[{'role':'user','content':'hi'}]";

      for (String path : new String[] {EMBEDDINGS, RERANK}) {
        JsonNode error = error(generator, path, "'input':'a','query':'q','documents':['a']");
        assertEquals("model", error.path("param").asText());
        assertTrue(error.path("message").asText().contains("generates text"), error::toString);
      }
      assertTrue(
          error(encoder, "/v1/chat/completions", chat)
              .path("message")
              .asText()
              .contains("gives embeddings"));
      assertEquals(
          "model", error(encoder, "/v1/completions", "'prompt':'a'").path("param").asText());
      assertEquals(
          "embed", json(encoder.get("/engine/v1/state").body()).at("/model/task").asText());
    }
  }

  @Test
  void aVectorThatIsNoNumberIsAnErrorAndNotAnAnswer() {
    ScriptedEngine engine =
        ScriptedEngine.encoder(
            request -> new float[] {1, request.requestId().equals("canary") ? 1 : Float.NaN});
    try (WorkerFixture worker = new WorkerFixture(engine).serve(ModelTask.EMBED, 2)) {
      HttpResponse<String> response = worker.post(EMBEDDINGS, body("'input':'a'"));

      assertEquals(500, response.statusCode());
      assertEquals("internal_error", json(response.body()).at("/error/code").asText());
    }
  }
}
