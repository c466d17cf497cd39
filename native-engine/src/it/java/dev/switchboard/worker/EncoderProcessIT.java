package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.scheduler.DeafListener;
import dev.switchboard.scheduler.EngineConfig;
import dev.switchboard.scheduler.EngineLoop;
import dev.switchboard.scheduler.GenerationRequest;
import dev.switchboard.testing.Await;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.tokenizer.Tokenizers;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Worker processes that serve small encoders with the native engine. */
class EncoderProcessIT {
  private static final Path ENCODERS =
      Path.of(
          System.getProperty("switchboard.home", ""),
          "native-engine/src/test/resources/golden/encoders");

  private static WorkerProcess worker(String model) {
    return new WorkerProcess("--model", file(model).toString(), "--threads", "1");
  }

  private static JsonNode post(int port, String path, String body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(body.replace('\'', '"')))
            .build();
    try (HttpClient client = HttpClient.newHttpClient()) {
      return json(client.send(request, BodyHandlers.ofString()).body());
    }
  }

  private static Path file(String model) {
    return ENCODERS.resolve(model + ".gguf");
  }

  private static String ids(int[] tokens) {
    return Arrays.toString(tokens);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-bert-F32", "tiny-nomic-bert-F32"})
  void embeddingsAreThoseOfExactArithmeticScaledToLengthOne(String model) throws Exception {
    JsonNode golden = new ObjectMapper().readTree(ENCODERS.resolve("golden.json").toFile());
    JsonNode cases =
        golden
            .get("models")
            .valueStream()
            .filter(each -> each.path("model").asText().equals(model + ".gguf"))
            .findFirst()
            .orElseThrow()
            .get("cases");
    try (WorkerProcess worker = worker(model)) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      String inputs = cases.at("/0/tokens") + "," + cases.at("/2/tokens");

      JsonNode answer =
          post(port, "/v1/embeddings", "{'model':'" + model + "','input':[" + inputs + "]}");

      assertClose(cases.at("/0/exact"), answer.at("/data/0/embedding"));
      assertClose(cases.at("/2/exact"), answer.at("/data/1/embedding"));
      assertEquals(305, answer.at("/usage/prompt_tokens").asInt());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-bert-F32", "tiny-nomic-bert-F32", "tiny-nomic-bert-Q8_0"})
  void vectorsAndScoresAreTheEnginesBitForBit(String model) throws Exception {
    List<String> texts = List.of("a b", "x y z", "a b", "the quick brown fox");
    List<int[]> tokens = tokens(model, texts);
    List<float[]> vectors = engineVectors(model, tokens);
    try (WorkerProcess worker = worker(model)) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      String named = "{'model':'" + model + "',";
      String quoted = "['" + String.join("','", texts) + "']";
      String ids = tokens.stream().map(EncoderProcessIT::ids).collect(joining(",", "[", "]"));

      JsonNode ofTexts = post(port, "/v1/embeddings", named + "'input':" + quoted + "}");
      JsonNode ofTokens = post(port, "/v1/embeddings", named + "'input':" + ids + "}");
      JsonNode ranked =
          post(port, "/v1/rerank", named + "'query':'a b','documents':" + quoted + "}");

      for (int i = 0; i < texts.size(); i++) {
        float[] unit = Vector.unit(vectors.get(i), vectors.get(i).length);
        assertArrayEquals(unit, floats(ofTexts.at("/data/" + i + "/embedding")));
        assertArrayEquals(unit, floats(ofTokens.at("/data/" + i + "/embedding")));
      }
      assertEquals(texts.size(), ranked.path("results").size());
      for (JsonNode result : ranked.path("results")) {
        float[] document = vectors.get(result.path("index").asInt());
        assertEquals(
            Vector.cosine(vectors.getFirst(), document),
            result.path("relevance_score").floatValue());
      }
      assertEquals(0, ranked.at("/results/0/index").asInt());
      assertEquals(2, ranked.at("/results/1/index").asInt());
    }
  }

  private static List<int[]> tokens(String model, List<String> texts) {
    try (GgufFile gguf = GgufFile.open(file(model))) {
      Tokenizer tokenizer = Tokenizers.from(gguf);
      List<int[]> all = new ArrayList<>();
      for (String text : texts) {
        IntStream begun =
            IntStream.concat(IntStream.of(tokenizer.bos()), IntStream.of(tokenizer.encode(text)));
        all.add(IntStream.concat(begun, IntStream.of(tokenizer.eos())).toArray());
      }
      return all;
    }
  }

  /** In this process, each text by itself. */
  private static List<float[]> engineVectors(String model, List<int[]> texts) {
    ExecutorConfig config =
        ExecutorConfig.defaults().withKv(KvType.F16, 32, 16).withSteps(4, 512, 4);
    NativeExecutor executor;
    try (GgufFile gguf = GgufFile.open(file(model))) {
      executor = NativeExecutor.open(ModelDescription.of(gguf), config, (done, total) -> {});
    }
    try (EngineLoop engine =
        EngineLoop.start(executor, EngineConfig.of(executor.info()), EpochClock.system())) {
      List<float[]> vectors = new ArrayList<>();
      for (int[] text : texts) {
        Embedded vector = new Embedded();
        engine.submit(GenerationRequest.text("text", vectors.size(), text, 0, 0), vector);
        vectors.add(vector.whole.orTimeout(Await.LIMIT_SECONDS, TimeUnit.SECONDS).join());
      }
      return vectors;
    }
  }

  private static final class Embedded extends DeafListener {
    private final CompletableFuture<float[]> whole = new CompletableFuture<>();

    @Override
    public void embedded(float[] vector) {
      whole.complete(vector.clone());
    }

    @Override
    public void failed(EngineFailure failure, RequestTimeline timeline) {
      whole.completeExceptionally(new AssertionError(failure.toString()));
    }
  }

  private static float[] floats(JsonNode array) {
    float[] floats = new float[array.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = array.get(i).floatValue();
    }
    return floats;
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
    try (WorkerProcess worker = worker("tiny-bert-rank-Q8_0")) {
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
