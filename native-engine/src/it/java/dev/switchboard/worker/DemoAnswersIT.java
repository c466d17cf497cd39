package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiPredicate;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What the demonstration model answers through the real engine: to all messages that were written
 * by hand, and to the first that were held out of each job, of which a file that was damaged or
 * trained badly gets too many wrong. {@code demo-model/evaluate.py} asks all of these too.
 */
class DemoAnswersIT {
  private static final int AT_ONCE = 16;
  private static final Map<String, String> DECISIONS =
      Map.of("fraud", "decision", "content", "category", "sensor", "severity");

  /** A message of the model card's table and its answer. */
  private static final Pattern ROW = Pattern.compile("\\| `([^`]+)` \\| `(\\{[^`]+})` \\|");

  /** A message, the job it belongs to and the fields, or the whole line, that are right. */
  private record Example(String job, String prompt, JsonNode answer) {
    String kind() {
      return DECISIONS.containsKey(job) ? job : "talk";
    }

    boolean isRight(String given) {
      if (answer.isTextual()) {
        return given.equals(answer.asText());
      }
      if (job.equals("unclear")) {
        return given.startsWith("I can only decide");
      }
      JsonNode fields = fieldsOf(given);
      return kindOf(given).equals(kind())
          && answer.properties().stream()
              .allMatch(field -> field.getValue().equals(fields.path(field.getKey())));
    }
  }

  private static WorkerProcess demo;
  private static HttpClient client;
  private static URI chat;

  @BeforeAll
  static void start() {
    demo = new WorkerProcess("--model", WorkerProcess.MODEL.toString());
    client = HttpClient.newHttpClient();
    int port = demo.await("listening").path("port").asInt();
    chat = URI.create("http://127.0.0.1:" + port + "/v1/chat/completions");
    demo.await("ready");
  }

  @AfterAll
  static void stop() {
    client.close();
    demo.close();
  }

  private static JsonNode fieldsOf(String answer) {
    return answer.startsWith("{") && answer.endsWith("}")
        ? json(answer)
        : JsonNodeFactory.instance.objectNode();
  }

  private static String kindOf(String answer) {
    JsonNode fields = fieldsOf(answer);
    return DECISIONS.entrySet().stream()
        .filter(job -> fields.has(job.getValue()))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse("talk");
  }

  /** The first of each job. */
  private static List<Example> examples(String file, int ofEach) throws IOException {
    Map<String, Integer> taken = new HashMap<>();
    List<Example> examples = new ArrayList<>();
    for (String line : Files.readAllLines(WorkerProcess.MODEL.resolveSibling(file))) {
      JsonNode example = json(line);
      String job = example.path("job").asText();
      if (taken.merge(job, 1, Integer::sum) <= ofEach) {
        examples.add(new Example(job, example.path("prompt").asText(), example.path("answer")));
      }
    }
    return examples;
  }

  private static CompletableFuture<String> asked(String prompt) {
    ObjectNode body =
        JsonNodeFactory.instance
            .objectNode()
            .put("model", "switchboard-demo")
            .put("temperature", 0)
            .put("max_tokens", 64);
    body.putArray("messages").addObject().put("role", "user").put("content", prompt);
    HttpRequest request =
        HttpRequest.newBuilder(chat)
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(body.toString()))
            .build();
    return client.sendAsync(request, BodyHandlers.ofString()).thenApply(DemoAnswersIT::contentOf);
  }

  private static String contentOf(HttpResponse<String> response) {
    assertEquals(200, response.statusCode(), response.body());
    return json(response.body()).at("/choices/0/message/content").asText();
  }

  /** The answers in the order of the examples, {@link #AT_ONCE} asked for together. */
  private static List<String> answers(List<Example> examples) {
    List<String> answers = new ArrayList<>();
    for (int from = 0; from < examples.size(); from += AT_ONCE) {
      examples.subList(from, Math.min(from + AT_ONCE, examples.size())).stream()
          .map(example -> asked(example.prompt()))
          .toList()
          .forEach(answer -> answers.add(answer.join()));
    }
    return answers;
  }

  /** With what went wrong, so that a failure shows what the model has forgotten. */
  private static void assertShare(
      double goal, List<Example> examples, List<String> answers, BiPredicate<Example, String> is) {
    List<String> wrong =
        IntStream.range(0, examples.size())
            .filter(i -> !is.test(examples.get(i), answers.get(i)))
            .mapToObj(i -> examples.get(i) + " -> " + answers.get(i))
            .toList();
    double share = (examples.size() - wrong.size()) / (double) examples.size();
    assertTrue(share >= goal, () -> share + " are right:\n" + String.join("\n", wrong));
  }

  /** The goals that evaluate.py holds these messages to. */
  @Test
  void peoplesOwnWordsAreUnderstood() throws Exception {
    List<Example> examples = examples("natural.jsonl", Integer.MAX_VALUE);

    List<String> answers = answers(examples);

    assertEquals(300, examples.size());
    assertShare(
        0.95, examples, answers, (example, answer) -> kindOf(answer).equals(example.kind()));
    assertShare(0.90, examples, answers, Example::isRight);
  }

  /** What decides nothing must never let a payment through. */
  @Test
  void whatIsUnclearIsNeverApproved() throws Exception {
    List<Example> unclear =
        examples("natural.jsonl", 35).stream().filter(e -> e.job().equals("unclear")).toList();

    List<String> answers = answers(unclear);

    assertEquals(35, unclear.size());
    assertShare(1, unclear, answers, (example, answer) -> !kindOf(answer).equals("fraud"));
  }

  /** The model card's table is what a reader tries first. */
  @Test
  void theMessagesOfTheModelCardAreAnsweredAsItSays() throws Exception {
    String card = Files.readString(WorkerProcess.MODEL.resolveSibling("MODEL_CARD.md"));
    List<MatchResult> rows = ROW.matcher(card).results().toList();

    assertEquals(3, rows.size());
    for (MatchResult row : rows) {
      assertEquals(row.group(2), asked(row.group(1)).join(), row.group(1));
    }
  }

  /** What the file gets right of the first forty (39, 39, 37, 38), less three. */
  @ParameterizedTest
  @CsvSource({"fraud, 36", "content, 36", "sensor, 34", "talk, 35"})
  void heldOutMessagesAreAnsweredByTheRules(String job, int right) throws Exception {
    List<Example> examples =
        examples("holdout.jsonl", 40).stream().filter(e -> e.job().equals(job)).toList();

    List<String> answers = answers(examples);

    assertEquals(40, examples.size());
    assertShare(right / 40.0, examples, answers, Example::isRight);
  }
}
