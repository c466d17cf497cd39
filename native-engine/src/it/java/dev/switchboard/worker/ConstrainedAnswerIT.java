package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion.VersionFlag;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.scheduler.EngineConfig;
import dev.switchboard.scheduler.EngineLoop;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.timeline.EpochClock;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Answers of a given shape: on a simulated engine of two stages of two ranks, whose model would say
 * anything, and from the demonstration model.
 */
class ConstrainedAnswerIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";
  private static final String SCHEMA =
      """
      {"type":"object","properties":{
        "name":{"type":"string","minLength":1,"maxLength":12},
        "age":{"type":"integer","minimum":0,"maximum":150},
        "tags":{"type":"array","items":{"enum":["red","green","blue"]},"maxItems":3},
        "address":{"$ref":"#/$defs/address"}},
       "required":["name","age","tags"],"additionalProperties":false,
       "$defs":{"address":{"type":"object","properties":{
         "zip":{"type":"string","pattern":"^[0-9]{5}$"},"next":{"$ref":"#/$defs/address"}},
         "required":["zip"]}}}\
      """;
  private static final String FORMAT =
      "'response_format':{'type':'json_schema','json_schema':{'name':'person','strict':true,"
          + "'schema':"
          + SCHEMA
          + "}}";

  private final WorkerFixture worker = start();

  private static WorkerFixture start() {
    ExecutorConfig config = ExecutorConfig.defaults().withLayout(2, 2, 1);
    SimulatedExecutor executor =
        new SimulatedExecutor(
            config,
            WorkerFixture.CONTEXT,
            ByteTokenizer.SIZE,
            LatencyModel.instant(),
            SimulatedTime.real());
    EngineLoop engine =
        EngineLoop.start(executor, EngineConfig.of(executor.info()), EpochClock.system());
    return new WorkerFixture(engine).serve(WorkerFixture.conversation());
  }

  @AfterEach
  void close() {
    worker.close();
  }

  private static String chat(String more) {
    String body =
        "{'model':'test-model','messages':[{'role':'user','content':'x'}],'seed':5," + more + "}";
    return body.replace('\'', '"');
  }

  private static String text(String more) {
    return ("{'model':'test-model','prompt':'x','seed':5,'max_tokens':500," + more + "}")
        .replace('\'', '"');
  }

  private static void assertValid(String answer) {
    JsonNode schema = json(SCHEMA);

    assertEquals(
        Set.of(),
        JsonSchemaFactory.getInstance(VersionFlag.V202012).getSchema(schema).validate(json(answer)),
        answer);
  }

  @Test
  void everyChoiceIsWhatItsSchemaSays() {
    HttpResponse<String> response = worker.post(CHAT, chat("'n':6,'logprobs':true," + FORMAT));

    assertEquals(200, response.statusCode(), response.body());
    JsonNode choices = json(response.body()).path("choices");
    assertEquals(6, choices.size());
    for (JsonNode choice : choices) {
      assertEquals("stop", choice.path("finish_reason").asText());
      assertValid(choice.at("/message/content").asText());
      assertTrue(choice.at("/logprobs/content").size() > 10);
    }
  }

  @Test
  void aStreamIsTheSameAnswer() {
    String whole =
        json(worker.post(CHAT, chat(FORMAT)).body()).at("/choices/0/message/content").asText();

    String stream = worker.post(CHAT, chat("'stream':true," + FORMAT)).body();

    StringBuilder streamed = new StringBuilder();
    String reason = "";
    for (String event : WorkerFixture.data(stream)) {
      if (!event.equals("[DONE]")) {
        JsonNode choice = json(event).at("/choices/0");
        streamed.append(choice.at("/delta/content").asText(""));
        reason = choice.path("finish_reason").asText(reason);
      }
    }
    assertEquals(whole, streamed.toString());
    assertEquals("stop", reason);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'regex':'[ab]{3}-\\\\d{2}'                        | [ab]{3}-\\d{2}",
        "'guided_regex':'[yn]!'                            | [yn]!",
        "'grammar':'root ::= item+ \\\".\\\"\\nitem ::= [x-z] \\\"1\\\"' | ([x-z]1)+\\.",
        "'guided_grammar':'root ::= \\\"é\\\"{2,4}'        | é{2,4}",
        "'guided_choice':['left','right']                  | left|right",
        "'guided_json':{'const':[1,null]}                  | \\[1,null\\]",
        "'json_schema':{'type':'integer','minimum':10,'maximum':20} | 1[0-9]|20"
      })
  void theOtherFieldsConstrainToo(String field, String expected) {
    JsonNode choice = json(worker.post(TEXT, text(field)).body()).at("/choices/0");

    assertEquals("stop", choice.path("finish_reason").asText());
    String answer = choice.path("text").asText();
    assertTrue(answer.matches("(?s)" + expected), answer);
  }

  @Test
  void anAnswerThatIsWholeWhereItIsCutSaysSo() {
    String body = text("'regex':'a{7,9}'").replace("500", "7");
    String stopless = text("'regex':'a{7,}','stop':'b'").replace("500", "7");

    for (String request : List.of(body, stopless)) {
      JsonNode choice = json(worker.post(TEXT, request).body()).at("/choices/0");

      assertEquals("length", choice.path("finish_reason").asText());
      assertEquals("aaaaaaa", choice.path("text").asText());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        FORMAT,
        "'response_format':{'type':'json_object'}",
        "'json_schema':{'type':'object','properties':{'a':{'type':'integer'}},'required':['a']}",
        "'guided_json':{'const':{'a':[1,2]}}",
        "'regex':'[a-z]{100}'",
        "'grammar':'root ::= [x] [a-z]{20}'",
        "'guided_choice':['left','leftmost']"
      })
  void anAnswerThatIsCutShortIsAnErrorWhereThatIsAskedFor(String field) {
    String cut = field + ",'max_tokens':1,'strict_finish':true";

    HttpResponse<String> response = worker.post(CHAT, chat(cut));
    String stream = worker.post(CHAT, chat("'stream':true," + cut)).body();

    assertEquals(400, response.statusCode(), response.body());
    for (String error :
        List.of(response.body(), stream.substring(stream.lastIndexOf("{\"error")))) {
      assertEquals("cut_by_length", json(error).at("/error/code").asText(), error);
      assertEquals("max_tokens", json(error).at("/error/param").asText(), error);
      assertEquals("invalid_request_error", json(error).at("/error/type").asText(), error);
      String message = json(error).at("/error/message").asText();
      assertTrue(message.contains("at token 1,") && message.contains("Raise"), message);
    }
    assertFalse(stream.contains("finish_reason\":\"length"), stream);
    assertFalse(stream.contains("[DONE]"), stream);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {FORMAT, "'response_format':{'type':'json_object'}", "'regex':'[a-z]{100}'"})
  void anAnswerThatIsCutShortEndsWithLength(String field) {
    String cut = field + ",'max_tokens':1";

    HttpResponse<String> response = worker.post(CHAT, chat(cut));
    String stream = worker.post(CHAT, chat("'stream':true," + cut)).body();

    assertEquals(200, response.statusCode(), response.body());
    JsonNode whole = json(response.body());
    assertEquals("length", whole.at("/choices/0/finish_reason").asText());
    assertEquals(1, whole.at("/usage/completion_tokens").asInt());
    assertFalse(whole.at("/choices/0/message/content").asText().isEmpty());
    assertTrue(stream.contains("\"finish_reason\":\"length\""), stream);
    assertTrue(stream.contains("[DONE]"), stream);
  }

  @Test
  void aSchemaBesideJsonObjectIsHonoured() {
    String body = chat("'response_format':{'type':'json_object','schema':{'const':{'a':1}}}");

    JsonNode answer = json(worker.post(CHAT, body).body());

    assertEquals("{\"a\":1}", answer.at("/choices/0/message/content").asText());
  }

  @Test
  void whatASchemaSaysInVainIsTold() {
    String schema = "'guided_json':{'const':1,'made up':2,'format':'color','x-ours':3}";

    for (String more : List.of("", ",'stream':true")) {
      HttpResponse<String> response = worker.post(CHAT, chat(schema + more));

      assertEquals(
          "made%20up,format",
          response.headers().firstValue("X-Switchboard-Schema-Ignored").orElse(""));
    }
  }

  @Test
  void anAnswerThatTheContextCutsShortIsAnErrorThatSaysSo() {
    String prompt = "x".repeat(WorkerFixture.CONTEXT - 20);
    String body =
        text("'regex':'a{100}','strict_finish':true").replace("\"x\"", "\"" + prompt + "\"");

    HttpResponse<String> response = worker.post(TEXT, body);

    JsonNode error = json(response.body()).path("error");
    assertEquals(400, response.statusCode(), response.body());
    assertEquals("cut_by_length", error.path("code").asText());
    assertTrue(error.path("message").asText().contains("context is full"), error::toString);
  }

  @Test
  void aStopStringEndsAnAnswerThatIsWhole() {
    String field = "'regex':'ab(cde)?','stop':'cd'";
    try (WorkerFixture scripted = new WorkerFixture(WorkerFixture.answering("abcde")).serve()) {
      JsonNode answer = json(scripted.post(TEXT, text(field)).body());
      String stream = scripted.post(TEXT, text("'stream':true," + field)).body();

      assertEquals("stop", answer.at("/choices/0/finish_reason").asText());
      assertEquals("ab", answer.at("/choices/0/text").asText());
      assertTrue(stream.contains("\"finish_reason\":\"stop\""), stream);
      assertTrue(stream.contains("[DONE]"), stream);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'response_format':{'type':'json_object'}   | {",
        "'guided_json':{'const':{'a':'END'}}        | END",
        "'guided_json':{'const':{'a':[1,2]}}        | ]",
        "'regex':'abcde{100}'                       | cd",
        "'grammar':'root ::= [a-z] \\\"; \\\" [a-z]'  | ;",
        "'guided_choice':['left','leftmost']        | ft",
      })
  void aStopStringThatCutsAnAnswerShortIsAnError(String field, String stop) {
    String stopped = field + ",'stop':['unseen','" + stop + "']";

    HttpResponse<String> response = worker.post(TEXT, text(stopped));
    String stream = worker.post(TEXT, text("'stream':true," + stopped)).body();

    assertEquals(400, response.statusCode(), response.body());
    for (String error :
        List.of(response.body(), stream.substring(stream.lastIndexOf("{\"error")))) {
      assertEquals("cut_by_stop", json(error).at("/error/code").asText(), error);
      assertEquals("stop", json(error).at("/error/param").asText(), error);
      assertEquals("invalid_request_error", json(error).at("/error/type").asText(), error);
    }
    assertFalse(stream.contains("finish_reason\":\"stop"), stream);
    assertFalse(stream.contains("[DONE]"), stream);
  }

  @Test
  void aDeadEndNamesTheConstraint() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture scripted = new WorkerFixture(engine).serve()) {
      engine.failNextStep(new EngineFailure("constraint_dead_end", "nothing may follow", -1, -1));
      HttpResponse<String> response = scripted.post(TEXT, text("'regex':'[ab]{9}'"));

      JsonNode error = json(response.body()).path("error");
      assertEquals(400, response.statusCode(), response.body());
      assertEquals("constraint_dead_end", error.path("code").asText());
      assertEquals("invalid_request_error", error.path("type").asText());
      assertEquals("regex", error.path("param").asText());
    }
  }

  @Test
  void oneChoiceThatIsCutShortFailsTheRequest() {
    String body = chat("'n':4,'regex':'abcde{100}|z{9}','stop':'cd'");

    HttpResponse<String> response = worker.post(CHAT, body);

    assertEquals(400, response.statusCode(), response.body());
    assertEquals("cut_by_stop", json(response.body()).at("/error/code").asText());
  }

  @ParameterizedTest
  @ValueSource(strings = {CHAT, TEXT})
  void whatIsNotEnforcedIsRefusedWithItsPath(String path) {
    String field =
        "'response_format':{'type':'json_schema','json_schema':{'name':'a','schema':"
            + "{'type':'object','properties':{'b':{'contains':{},'maxContains':1000}}}}}";

    HttpResponse<String> response =
        worker.post(path, path.equals(CHAT) ? chat(field) : text(field));

    JsonNode error = json(response.body()).path("error");
    assertEquals(400, response.statusCode());
    assertEquals("invalid_request_error", error.path("type").asText());
    assertEquals(
        "response_format.json_schema.schema.properties.b.maxContains",
        error.path("param").asText());
  }

  @Test
  void theDemonstrationModelKeepsToASchema() throws Exception {
    try (WorkerProcess demo = new WorkerProcess("--model", WorkerProcess.MODEL.toString());
        HttpClient client = HttpClient.newHttpClient()) {
      int port = demo.await("listening").path("port").asInt();
      demo.await("ready");
      // Without what may go on for ever: a model that was not trained on it may never end it.
      String body =
          chat("'n':3,'max_tokens':400," + FORMAT)
              .replace("test-model", "switchboard-demo")
              .replace(",\"next\":{\"$ref\":\"#/$defs/address\"}", "");
      HttpRequest request =
          HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + CHAT))
              .header("Content-Type", "application/json")
              .POST(BodyPublishers.ofString(body))
              .build();

      JsonNode answer = json(client.send(request, BodyHandlers.ofString()).body());
      String anything =
          chat("'temperature':0,'max_tokens':400,'response_format':{'type':'json_object'}")
              .replace("test-model", "switchboard-demo");
      JsonNode object =
          json(
              client
                  .send(
                      HttpRequest.newBuilder(request, (name, value) -> true)
                          .POST(BodyPublishers.ofString(anything))
                          .build(),
                      BodyHandlers.ofString())
                  .body());

      assertTrue(json(object.at("/choices/0/message/content").asText()).isObject());
      assertEquals(3, answer.path("choices").size(), answer.toString());
      for (JsonNode choice : answer.path("choices")) {
        assertEquals("stop", choice.path("finish_reason").asText());
        assertValid(choice.at("/message/content").asText());
      }
    }
  }
}
