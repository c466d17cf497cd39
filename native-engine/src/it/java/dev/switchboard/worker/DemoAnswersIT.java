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
import java.util.IntSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiPredicate;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the demonstration model answers through the real engine to all messages that were written by
 * hand and to all that were held out, by the goals of {@code demo-model/evaluate.py}. A file that
 * was damaged or trained badly gets too many wrong.
 */
class DemoAnswersIT {
  private static final int AT_ONCE = 16;
  private static final Map<String, String> DECISIONS =
      Map.of("fraud", "decision", "content", "category", "sensor", "severity");

  /** Each of the held-out payments stands for so many, of which some were frauds. */
  private static final int OUTCOMES = 50;

  /** A message of the model card's table and its answer. */
  private static final Pattern ROW = Pattern.compile("\\| `([^`]+)` \\| `(\\{[^`]+})` \\|");

  /**
   * A message, the job it belongs to and the fields, or the whole line, that are right.
   *
   * @param frauds of a held-out payment: among {@link #OUTCOMES} like it
   */
  private record Example(String job, String prompt, JsonNode answer, int frauds) {
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

  /** What was answered to the held-out messages of a job. */
  private static final Map<String, List<String>> HELD_OUT = new ConcurrentHashMap<>();

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

  private static List<Example> examples(String file) throws IOException {
    return Files.readAllLines(WorkerProcess.MODEL.resolveSibling(file)).stream()
        .map(
            line -> {
              JsonNode example = json(line);
              return new Example(
                  example.path("job").asText(),
                  example.path("prompt").asText(),
                  example.path("answer"),
                  example.path("frauds").asInt());
            })
        .toList();
  }

  private static List<Example> ofJob(String job, List<Example> examples) {
    return examples.stream().filter(example -> example.job().equals(job)).toList();
  }

  private static List<String> heldOutAnswers(String job, List<Example> examples) {
    return HELD_OUT.computeIfAbsent(job, any -> answers(examples));
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
    List<Example> examples = examples("natural.jsonl");

    List<String> answers = answers(examples);

    assertEquals(300, examples.size());
    assertShare(
        0.95, examples, answers, (example, answer) -> kindOf(answer).equals(example.kind()));
    assertShare(0.90, examples, answers, Example::isRight);
  }

  /** What decides nothing must never let a payment through. */
  @Test
  void whatIsUnclearIsNeverApproved() throws Exception {
    List<Example> unclear = ofJob("unclear", examples("natural.jsonl"));

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

  /** The whole line is that of the rules. */
  @ParameterizedTest
  @ValueSource(strings = {"fraud", "content", "sensor", "talk"})
  void heldOutMessagesAreAnsweredByTheRules(String job) throws Exception {
    List<Example> examples = ofJob(job, examples("holdout.jsonl"));

    List<String> answers = heldOutAnswers(job, examples);

    assertEquals(600, examples.size());
    assertShare(0.97, examples, answers, Example::isRight);
  }

  /** Of each score that was given to ten payments or more. */
  @Test
  void aScoreIsWithinFivePointsOfTheFraudsThatWereObserved() throws Exception {
    List<Example> examples = ofJob("fraud", examples("holdout.jsonl"));
    Map<Double, IntSummaryStatistics> frauds = new TreeMap<>();

    List<String> answers = heldOutAnswers("fraud", examples);

    for (int i = 0; i < examples.size(); i++) {
      JsonNode score = fieldsOf(answers.get(i)).path("score");
      if (score.isNumber()) {
        frauds
            .computeIfAbsent(score.asDouble(), any -> new IntSummaryStatistics())
            .accept(examples.get(i).frauds());
      }
    }
    frauds.values().removeIf(observed -> observed.getCount() < 10);
    assertTrue(frauds.size() >= 6, frauds::toString);
    frauds.forEach(
        (score, observed) -> assertEquals(score, observed.getAverage() / OUTCOMES, 0.05));
  }
}
