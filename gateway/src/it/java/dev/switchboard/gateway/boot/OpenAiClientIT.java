package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.embeddings.CreateEmbeddingResponse;
import com.openai.models.embeddings.EmbeddingCreateParams;
import com.openai.models.models.Model;
import dev.switchboard.testing.Await;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** OpenAI's own Java client against the real gateway and a real worker. */
class OpenAiClientIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path ENGINE = GatewayProcess.home().resolve("native-engine");
  private static final Path DEMO = ENGINE.resolve("demo-model/switchboard-demo.gguf");
  private static final Path BERT =
      ENGINE.resolve("src/test/resources/golden/encoders/tiny-bert-Q8_0.gguf");
  private static final String ENCODER = "tiny-bert-Q8_0";

  private static GatewayProcess gateway;
  private static OpenAIClient client;

  @BeforeAll
  static void start() throws Exception {
    gateway =
        GatewayProcess.start(
                List.of(), "--workers", "1", "--model", DEMO.toString(), "--model", BERT.toString())
            .awaitReady();
    client =
        OpenAIOkHttpClient.builder()
            .baseUrl(gateway.api("/v1").toString())
            .apiKey("none")
            .maxRetries(0)
            .build();
  }

  @AfterAll
  static void stop() {
    client.close();
    gateway.close();
  }

  @Test
  void aChatIsAnswered() {
    ChatCompletion answer = client.chat().completions().create(chat().build());

    assertEquals(GatewayProcess.MODEL, answer.model());
    assertFalse(answer.choices().getFirst().message().content().orElse("").isEmpty());
    assertTrue(answer.usage().orElseThrow().completionTokens() > 0);
  }

  @Test
  void aStreamedChatSaysTheSameAsAWholeOne() {
    ChatCompletionAccumulator told = ChatCompletionAccumulator.create();
    ChatCompletionCreateParams params =
        chat()
            .streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build())
            .build();
    try (StreamResponse<ChatCompletionChunk> stream =
        client.chat().completions().createStreaming(params)) {
      stream.stream().forEach(told::accumulate);
    }

    ChatCompletion whole = client.chat().completions().create(chat().build());
    ChatCompletion streamed = told.chatCompletion();
    assertEquals(
        whole.choices().getFirst().message().content(),
        streamed.choices().getFirst().message().content());
    assertEquals(
        whole.usage().orElseThrow().completionTokens(),
        streamed.usage().orElseThrow().completionTokens());
  }

  @Test
  void aCompletionIsAnswered() {
    Completion answer =
        client
            .completions()
            .create(
                CompletionCreateParams.builder()
                    .model(GatewayProcess.MODEL)
                    .prompt("Hello")
                    .maxTokens(5)
                    .echo(true)
                    .build());

    assertTrue(answer.choices().getFirst().text().startsWith("Hello"));
  }

  @Test
  void modelsAreListed() {
    assertEquals(
        Set.of(GatewayProcess.MODEL, ENCODER),
        client.models().list().data().stream().map(Model::id).collect(Collectors.toSet()));
    assertEquals(GatewayProcess.MODEL, client.models().retrieve(GatewayProcess.MODEL).id());
  }

  @Test
  void embeddingsComeInBothFormsAndTheirTimelineIsKept() throws Exception {
    EmbeddingCreateParams.Builder params =
        EmbeddingCreateParams.builder().model(ENCODER).inputOfArrayOfStrings(List.of("a b", "c"));
    CreateEmbeddingResponse decoded = client.embeddings().create(params.build());
    HttpResponse<String> plain =
        gateway.post(
            gateway.api("/v1/embeddings"),
            "{\"model\":\"" + ENCODER + "\",\"input\":[\"a b\",\"c\"],\"dimensions\":3}",
            "X-Request-Id",
            "embedded");

    assertEquals(ENCODER, decoded.model());
    assertEquals(2, decoded.data().size());
    assertEquals(1, decoded.data().get(1).index());
    List<Float> vector = decoded.data().getFirst().embedding();
    assertEquals(1, vector.stream().mapToDouble(v -> v * v).sum(), 1e-5);
    assertEquals(decoded.usage().promptTokens(), decoded.usage().totalTokens());
    JsonNode first = JSON.readTree(plain.body()).at("/data/0/embedding");
    assertEquals(3, first.size());
    assertEquals(
        vector.get(0) / vector.get(1), first.get(0).asDouble() / first.get(1).asDouble(), 1e-3);
    assertFalse(plain.body().contains("switchboard"));
    JsonNode timeline = gateway.admin("/admin/v1/requests/embedded/timeline?full=true");
    assertEquals("embeddings", timeline.path("endpoint").asText());
    assertEquals(1, timeline.at("/prefill/lanes").size(), timeline::toString);
  }

  @Test
  void anAnswerOfManyVectorsLosesOnlyOurObject() throws Exception {
    String inputs = String.join(",", Collections.nCopies(200, "\"a b\""));
    HttpResponse<String> answer =
        gateway.post(
            gateway.api("/v1/embeddings"),
            "{\"model\":\"" + ENCODER + "\",\"input\":[" + inputs + "]}",
            "X-Request-Id",
            "many");

    JsonNode body = JSON.readTree(answer.body());
    assertEquals(200, body.path("data").size());
    assertEquals(body.at("/data/0/embedding"), body.at("/data/199/embedding"));
    assertFalse(body.has("switchboard"));
    JsonNode timeline = gateway.admin("/admin/v1/requests/many/timeline?full=true");
    assertEquals(body.at("/usage/prompt_tokens"), timeline.path("prompt_tokens"));
    assertEquals(1, timeline.at("/prefill/lanes").size(), timeline::toString);
  }

  @Test
  void documentsAreRanked() throws Exception {
    HttpResponse<String> answer =
        gateway.post(
            gateway.api("/v1/rerank"),
            "{\"model\":\"" + ENCODER + "\",\"query\":\"a b\",\"documents\":[\"z y x\",\"a b\"]}");

    assertEquals(1, JSON.readTree(answer.body()).at("/results/0/index").asInt(), answer::body);
  }

  @Test
  void aDeadlineStopsTheWorkersSteps() throws Exception {
    String body =
        "{\"model\":\""
            + GatewayProcess.MODEL
            + "\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":200000,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    HttpResponse<String> late =
        gateway.post(
            gateway.api("/v1/chat/completions"),
            body,
            "X-SLO-Deadline-Ms",
            "60",
            "X-Priority",
            "9");

    Await.until("blocks in use", () -> load("kv_blocks_used"), used -> used == 0);
    long step = load("step");
    HttpResponse<String> next = gateway.post(gateway.api("/v1/completions"), once());

    assertTrue(late.body().contains("deadline_exceeded"), late::body);
    assertFalse(late.body().contains("[DONE]"));
    assertEquals(200, next.statusCode());
    assertEquals(step + 1, load("step"), "one step for the one token that was asked for");
  }

  private static String once() {
    return "{\"model\":\"" + GatewayProcess.MODEL + "\",\"prompt\":\"Hello\",\"max_tokens\":1}";
  }

  private static long load(String field) throws Exception {
    return gateway.workerState("w0").path("load").path(field).asLong(-1);
  }

  private static final String GENERATOR = "'model':'" + GatewayProcess.MODEL + "'";
  private static final String HELLO = "'messages':[{'role':'user','content':'Hello'}]";
  private static final String BY_ENCODER = "'model':'" + ENCODER + "'";
  private static final String USAGE = "'stream':true,'stream_options':{'include_usage':true}";

  @ParameterizedTest
  @MethodSource("asked")
  void whatAWorkerAnswersIsAsTheDocumentSays(String path, String fields, String member)
      throws Exception {
    ApiDocument document = document(gateway.api("/openapi.json"));
    ApiDocument.Operation operation = document.operation("POST", path);

    HttpResponse<String> answer = post(path, fields, "summary");

    assertEquals(200, answer.statusCode(), answer::body);
    assertEquals(List.of(), document.faults(operation, 200, answer.body()), answer::body);
    String other = answer.body().replace("\"" + member + "\":", "\"other\":");
    assertFalse(document.faults(operation, 200, other).isEmpty(), other);
  }

  static List<Arguments> asked() {
    String logprobs = ",'max_tokens':4,'logprobs':true,'top_logprobs':2";
    return List.of(
        Arguments.of("/v1/chat/completions", GENERATOR + "," + HELLO + logprobs, "top_logprobs"),
        Arguments.of(
            "/v1/completions",
            GENERATOR + ",'prompt':'Hello','max_tokens':4,'logprobs':1,'echo':true",
            "text_offset"),
        Arguments.of("/v1/embeddings", BY_ENCODER + ",'input':['a b','c']", "embedding"),
        Arguments.of(
            "/v1/embeddings", BY_ENCODER + ",'input':'a','encoding_format':'base64'", "index"),
        Arguments.of(
            "/v1/rerank",
            BY_ENCODER + ",'query':'a','documents':['a','b'],'return_documents':true",
            "text"),
        Arguments.of(
            "/tokenize", GENERATOR + ",'prompt':'Hello','return_token_strs':true", "count"),
        Arguments.of("/detokenize", GENERATOR + ",'tokens':[5,6]", "prompt"));
  }

  @ParameterizedTest
  @CsvSource({"ChatChunk, /v1/chat/completions, true", "TextChunk, /v1/completions, false"})
  void whatAWorkerStreamsIsAsTheDocumentSays(String schema, String path, boolean chat)
      throws Exception {
    String asked = chat ? HELLO + ",'logprobs':true" : "'prompt':'Hello','logprobs':1";
    ApiDocument document = document(gateway.api("/openapi.json"));

    HttpResponse<String> answer =
        post(path, GENERATOR + "," + asked + ",'max_tokens':4," + USAGE, "summary");

    List<String> chunks = answer.body().lines().filter(line -> line.startsWith("data: {")).toList();
    assertTrue(chunks.size() >= 3, answer::body);
    for (String chunk : chunks) {
      String json = chunk.substring("data: ".length());
      assertEquals(List.of(), document.faults(schema, json), json);
      assertFalse(document.faults(schema, json.replace("\"object\"", "\"kind\"")).isEmpty(), json);
    }
    assertTrue(chunks.getLast().contains("time_ms"), answer::body);
    assertTrue(chunks.getLast().contains("cached_tokens"), answer::body);
  }

  @Test
  void whatIsToldOfAWorkersAnswerIsAsTheDocumentSays() throws Exception {
    ApiDocument document = document(gateway.adminUri("/openapi.json"));
    String id =
        post("/v1/chat/completions", GENERATOR + "," + HELLO + ",'max_tokens':4", "full")
            .headers()
            .firstValue("X-Request-Id")
            .orElseThrow();

    for (String what : List.of("", "/timeline", "/perfetto")) {
      String told = gateway.admin("/admin/v1/requests/" + id + what).toString();
      ApiDocument.Operation operation = document.operation("GET", "/admin/v1/requests/{id}" + what);
      assertEquals(List.of(), document.faults(operation, 200, told), told);
    }
  }

  private static ApiDocument document(URI uri) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(uri).build();
    return ApiDocument.of(
        gateway.client().send(request, HttpResponse.BodyHandlers.ofString()).body());
  }

  private static HttpResponse<String> post(String path, String fields, String timeline)
      throws Exception {
    String body = "{" + fields.replace('\'', '"') + "}";
    return gateway.post(gateway.api(path), body, "X-Switchboard-Timeline", timeline);
  }

  @Test
  void anEncoderRefusesChatsAndAGeneratorEmbeddings() {
    ChatCompletionCreateParams chat = chat().model(ENCODER).build();
    EmbeddingCreateParams embedding =
        EmbeddingCreateParams.builder().model(GatewayProcess.MODEL).input("a").build();

    assertThrows(BadRequestException.class, () -> client.chat().completions().create(chat));
    assertThrows(BadRequestException.class, () -> client.embeddings().create(embedding));
  }

  @Test
  void errorsAreTyped() {
    ChatCompletionCreateParams hot = chat().temperature(9).build();
    ChatCompletionCreateParams unknown = chat().model("nobody").build();

    BadRequestException bad =
        assertThrows(BadRequestException.class, () -> client.chat().completions().create(hot));
    NotFoundException missing =
        assertThrows(NotFoundException.class, () -> client.chat().completions().create(unknown));

    assertEquals("temperature", bad.param().orElse(""));
    assertEquals("model_not_found", missing.code().orElse(""));
    assertThrows(NotFoundException.class, () -> client.models().retrieve("nobody"));
  }

  private static ChatCompletionCreateParams.Builder chat() {
    return ChatCompletionCreateParams.builder()
        .model(GatewayProcess.MODEL)
        .addUserMessage("Hello")
        .temperature(0)
        .maxCompletionTokens(12);
  }
}
