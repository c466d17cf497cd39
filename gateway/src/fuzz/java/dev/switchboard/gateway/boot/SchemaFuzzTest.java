package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.identity.Caller.Role;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Sends bodies that are made from the OpenAPI schemas, valid, mutated and hostile, to every
 * operation that reads one. Only documented statuses may come back, no 5xx, no trace of a stack,
 * and every error as documented. {@code -Dswitchboard.fuzz.bodies} says how many, and {@code
 * -Dswitchboard.fuzz.seed} repeats a run.
 */
class SchemaFuzzTest {
  private static final int BODIES = Integer.getInteger("switchboard.fuzz.bodies", 2000);
  private static final long SEED = Long.getLong("switchboard.fuzz.seed", 20_261_125L);

  private static FakeUpstream upstream;
  private static InProcessGateway gateway;
  private final HttpClient client = HttpClient.newHttpClient();

  /** What a worker would say, as far as the document wants it. */
  private static String answer(String path) {
    String head = "{'id':'1','object':'%s','created':1,'model':'m','choices':[{'index':0,";
    String end =
        ",'logprobs':null,'finish_reason':'stop'}],'usage':{'prompt_tokens':7,"
            + "'completion_tokens':3,'total_tokens':10,"
            + "'prompt_tokens_details':{'cached_tokens':0}}}";
    String usage = ",'model':'m','usage':{'prompt_tokens':7,'total_tokens':7}}";
    String json =
        switch (path) {
          case "/v1/chat/completions" ->
              head.formatted("chat.completion")
                  + "'message':{'role':'assistant','content':'a'}"
                  + end;
          case "/v1/completions" -> head.formatted("text_completion") + "'text':'a'" + end;
          case "/v1/embeddings" ->
              "{'object':'list','data':[{'object':'embedding','index':0,'embedding':[1]}]" + usage;
          case "/v1/rerank" ->
              "{'object':'list','results':[{'index':0,'relevance_score':1}]" + usage;
          case "/tokenize" -> "{'count':1,'max_model_len':9,'tokens':[1],'token_strs':null}";
          case "/detokenize" -> "{'prompt':'a'}";
          default -> "{}";
        };
    return json.replace('\'', '"');
  }

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) -> {
          upstream.seen.clear();
          upstream.closed.clear();
          request
              .response()
              .putHeader("Content-Type", "application/json")
              .end(answer(String.valueOf(request.path())));
        });
    // With keys from the start: among the bodies are some that make an admin's key.
    gateway = InProcessGateway.before(IdentityIT.keys(Role.APP, Role.ADMIN), upstream);
  }

  @AfterAll
  static void stop() {
    gateway.close();
    upstream.close();
  }

  @Test
  void onlyWhatIsDocumentedIsAnswered() throws Exception {
    List<String> wrong = new ArrayList<>();
    fuzz(gateway.api(""), "app", ApiDocument.at(gateway, gateway.api("/openapi.json")), 3, wrong);
    ApiDocument admin =
        ApiDocument.at(gateway, gateway.admin("/openapi.json"), "Authorization", "Bearer admin");
    fuzz(gateway.admin(""), "admin", admin, 1, wrong);

    assertEquals(List.of(), wrong, "seed " + SEED);
  }

  /**
   * @param quarters of all bodies
   */
  private void fuzz(
      URI listener, String key, ApiDocument document, int quarters, List<String> wrong)
      throws Exception {
    Random random = new Random(SEED);
    SchemaValues values = new SchemaValues(document, random);
    List<ApiDocument.Operation> operations =
        document.operations().stream().filter(each -> document.body(each) != null).toList();
    TreeMap<Integer, Integer> ofValid = new TreeMap<>();
    for (int i = 0; i < BODIES * quarters / 4 && wrong.size() < 10; i++) {
      ApiDocument.Operation operation = operations.get(i % operations.size());
      JsonNode schema = document.body(operation);
      JsonNode valid = served(values.valid(Objects.requireNonNull(schema)));
      byte[] body =
          switch (random.nextInt(5)) {
            case 0, 1 -> bytes(valid);
            case 2, 3 -> bytes(values.mutated(valid));
            default -> values.hostile(valid);
          };
      HttpResponse<String> answer = send(listener, key, operation, body, random);
      if (Arrays.equals(body, bytes(valid))) {
        ofValid.merge(answer.statusCode(), 1, Integer::sum);
      }
      judge(document, operation, answer, body, wrong);
    }
    // What a replica's state does not allow is answered 409, however well it was asked.
    int good =
        ofValid.entrySet().stream()
            .filter(count -> count.getKey() < 300 || count.getKey() == 409)
            .mapToInt(Map.Entry::getValue)
            .sum();
    int all = ofValid.values().stream().mapToInt(count -> count).sum();
    assertTrue(good * 2 > all, () -> "of valid bodies: " + ofValid);
  }

  /** Most bodies ask for a model that is there. */
  private static JsonNode served(JsonNode valid) {
    if (valid instanceof ObjectNode object && object.has("model")) {
      object.put("model", "m");
    }
    return valid;
  }

  private static byte[] bytes(JsonNode value) {
    return value.toString().getBytes(StandardCharsets.UTF_8);
  }

  private HttpResponse<String> send(
      URI listener, String key, ApiDocument.Operation operation, byte[] body, Random random)
      throws Exception {
    boolean replica = operation.path().startsWith("/admin/v1/replicas/");
    String name = replica ? "u0" : "t" + random.nextInt(50);
    String path = operation.path().replaceAll("\\{\\w+}", name);
    return client.send(
        HttpRequest.newBuilder(listener.resolve(path))
            .header("Content-Type", "application/json")
            .header("Authorization", "Bearer " + key)
            .method(operation.method(), HttpRequest.BodyPublishers.ofByteArray(body))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static void judge(
      ApiDocument document,
      ApiDocument.Operation operation,
      HttpResponse<String> answer,
      byte[] body,
      List<String> wrong)
      throws Exception {
    List<String> faults = new ArrayList<>();
    if (answer.statusCode() >= 500) {
      faults.add("a server error");
    }
    faults.addAll(document.faults(operation, answer.statusCode(), answer.body()));
    if (answer.body().contains("Exception") || answer.body().contains("\\tat ")) {
      faults.add("a trace of a stack");
    }
    if (!faults.isEmpty()) {
      String sent = new String(body, StandardCharsets.UTF_8);
      wrong.add(
          operation.id()
              + " "
              + answer.statusCode()
              + " "
              + faults
              + " for "
              + sent.substring(0, Math.min(300, sent.length()))
              + " : "
              + answer.body());
    }
  }
}
