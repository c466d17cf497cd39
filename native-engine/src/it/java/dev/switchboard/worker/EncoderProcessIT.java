package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Worker processes that serve small encoders with the native engine. */
class EncoderProcessIT {
  private static final Path ENCODERS =
      Path.of(
          System.getProperty("switchboard.home", ""),
          "native-engine/src/test/resources/golden/encoders");

  private static WorkerProcess worker(String file) {
    return new WorkerProcess("--model", ENCODERS.resolve(file).toString(), "--threads", "1");
  }

  private static JsonNode post(int port, String path, String body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .POST(BodyPublishers.ofString(body.replace('\'', '"')))
            .build();
    try (HttpClient client = HttpClient.newHttpClient()) {
      return json(client.send(request, BodyHandlers.ofString()).body());
    }
  }

  @Test
  void embeddingsAreThoseOfExactArithmeticScaledToLengthOne() throws Exception {
    JsonNode golden = new ObjectMapper().readTree(ENCODERS.resolve("golden.json").toFile());
    JsonNode cases =
        golden
            .get("models")
            .valueStream()
            .filter(model -> model.path("model").asText().equals("tiny-bert-F32.gguf"))
            .findFirst()
            .orElseThrow()
            .get("cases");
    try (WorkerProcess worker = worker("tiny-bert-F32.gguf")) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      String inputs = cases.at("/0/tokens") + "," + cases.at("/2/tokens");

      JsonNode answer =
          post(port, "/v1/embeddings", "{'model':'tiny-bert-F32','input':[" + inputs + "]}");

      assertClose(cases.at("/0/exact"), answer.at("/data/0/embedding"));
      assertClose(cases.at("/2/exact"), answer.at("/data/1/embedding"));
      assertEquals(305, answer.at("/usage/prompt_tokens").asInt());

      JsonNode ranked =
          post(
              port,
              "/v1/rerank",
              "{'model':'tiny-bert-F32','query':'a b','documents':['x y z','a b']}");
      assertEquals(1, ranked.at("/results/0/index").asInt());
      assertEquals(1, ranked.at("/results/0/relevance_score").asDouble(), 1e-6);
    }
  }

  private static void assertClose(JsonNode exact, JsonNode unit) {
    double squares = 0;
    for (JsonNode value : exact) {
      squares += value.asDouble() * value.asDouble();
    }
    assertEquals(exact.size(), unit.size());
    for (int i = 0; i < exact.size(); i++) {
      assertEquals(exact.get(i).asDouble() / Math.sqrt(squares), unit.get(i).asDouble(), 5e-4);
    }
  }

  @Test
  void aClassifierGivesProbabilitiesAndATextThatFillsTheContextFits() throws Exception {
    try (WorkerProcess worker = worker("tiny-bert-rank-Q8_0.gguf")) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      // [CLS] a [SEP] and [SEP] around 316 of the context's 320 tokens.
      String filling = "x ".repeat(316);

      JsonNode answer =
          post(
              port,
              "/v1/rerank",
              "{'model':'tiny-bert-rank-Q8_0','query':'a','documents':['" + filling + "','b c']}");

      assertEquals(326, answer.at("/usage/prompt_tokens").asInt(), answer::toString);
      double first = answer.at("/results/0/relevance_score").asDouble();
      double second = answer.at("/results/1/relevance_score").asDouble();
      assertTrue(first > second && second > 0 && first < 1, answer::toString);
    }
  }
}
