package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.FunctionDefinition;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import dev.switchboard.constraint.Constraint;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.scheduler.EngineConfig;
import dev.switchboard.scheduler.EngineLoop;
import dev.switchboard.testing.Await;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.toolcall.ToolFormat;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Function calls in answers, against an engine whose tokens are written down. */
class ToolCallIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TWO_CALLS =
      "Looking.\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>\n"
          + "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"in\": \"Bern\"}}\n</tool_call>";

  private static String chat(String more) {
    return ("{'model':'test-model','messages':[{'role':'user','content':'hi'}],"
            + "'tools':[{'type':'function','function':{'name':'add'}},"
            + "{'type':'function','function':{'name':'weather'}}]"
            + more
            + "}")
        .replace('\'', '"');
  }

  private static WorkerFixture worker(String answer) {
    return new WorkerFixture(WorkerFixture.answering(answer)).calling(ToolFormat.HERMES);
  }

  private static JsonNode choice(WorkerFixture worker, String more) {
    return json(worker.post(CHAT, chat(more)).body()).path("choices").path(0);
  }

  @Test
  void callsAreTakenOutOfTheText() {
    try (WorkerFixture worker = worker(TWO_CALLS)) {
      JsonNode choice = choice(worker, "");

      JsonNode calls = choice.path("message").path("tool_calls");
      assertEquals("tool_calls", choice.path("finish_reason").asText());
      assertEquals("Looking.", choice.path("message").path("content").asText());
      assertEquals(2, calls.size());
      assertEquals("function", calls.path(0).path("type").asText());
      assertEquals(
          json("{\"name\":\"add\",\"arguments\":\"{\\\"a\\\": 1}\"}"),
          calls.path(0).path("function"));
      assertEquals("weather", calls.path(1).path("function").path("name").asText());
      assertFalse(calls.path(0).path("id").equals(calls.path(1).path("id")));
      assertFalse(calls.path(0).has("index"));
    }
  }

  @Test
  void aSchemaThatIsWrongIsToldWithTheToolThatHasIt() {
    String parameters = "{'type':'object','properties':{'a':{'type':'string','pattern':'('}}}";
    String body =
        chat(",'tool_choice':'required'")
            .replace(
                "{\"name\":\"weather\"}",
                ("{'name':'weather','parameters':" + parameters + "}").replace('\'', '"'));
    try (WorkerFixture worker = worker("")) {
      JsonNode error = json(worker.post(CHAT, body).body()).path("error");

      String field = "tools[1].function.parameters.properties.a.pattern";
      assertEquals(field, error.path("param").asText());
      assertTrue(
          error.path("message").asText().startsWith(field + " of the tool 'weather' "),
          error.toString());
    }
  }

  @Test
  void anAnswerOfCallsAloneHasNoContent() {
    try (WorkerFixture worker = worker("<tool_call>{\"name\":\"add\",\"arguments\":{}}")) {
      assertTrue(choice(worker, "").path("message").path("content").isNull());
    }
  }

  @Test
  void aStreamNamesEachCallAndThenTellsItsArgumentsAsTheyCome() {
    try (WorkerFixture worker = worker(TWO_CALLS)) {
      List<JsonNode> calls = new ArrayList<>();
      StringBuilder content = new StringBuilder();
      String reason = "";
      for (String event : worker.events(CHAT, chat(",'stream':true"))) {
        if (!event.equals("[DONE]")) {
          JsonNode choice = json(event).path("choices").path(0);
          choice.path("delta").path("tool_calls").forEach(calls::add);
          content.append(choice.path("delta").path("content").asText(""));
          reason = choice.path("finish_reason").asText("");
        }
      }

      assertEquals("Looking.", content.toString());
      assertEquals("tool_calls", reason);
      assertEquals("add", calls.getFirst().path("function").path("name").asText());
      assertEquals("", calls.getFirst().path("function").path("arguments").asText());
      assertTrue(calls.getFirst().path("id").asText().startsWith("call_"));
      assertEquals(json("{\"index\":0,\"function\":{\"arguments\":\"{\"}}"), calls.get(1));
      JsonNode whole = choice(worker, "").path("message").path("tool_calls");
      for (int index = 0; index < 2; index++) {
        assertEquals(
            whole.path(index).path("function").path("arguments").asText(), joined(calls, index));
      }
      assertEquals(2, calls.stream().filter(call -> call.has("id")).count());
    }
  }

  private static String joined(List<JsonNode> calls, int index) {
    StringBuilder arguments = new StringBuilder();
    for (JsonNode call : calls) {
      if (call.path("index").asInt() == index) {
        arguments.append(call.path("function").path("arguments").asText());
      }
    }
    return arguments.toString();
  }

  @Test
  void aCallThatIsCutIsAnErrorWholeAsStreamed() {
    try (WorkerFixture worker = worker(TWO_CALLS)) {
      for (String within : List.of("ame\": \"add", "1}", "ather", "Bern")) {
        String cut = ",'strict_finish':true,'max_tokens':" + TWO_CALLS.indexOf(within);
        assertRefusedWholeAndStreamed(worker, cut, "cut_by_length");
      }
    }
  }

  @Test
  void aCallThatIsCutEndsWithLengthWhereNothingStricterIsAsked() {
    try (WorkerFixture worker = worker(TWO_CALLS)) {
      String cut = ",'max_tokens':" + TWO_CALLS.indexOf("Bern");

      assertEquals("length", choice(worker, cut).path("finish_reason").asText());
    }
  }

  @Test
  void aCallThatTheModelDoesNotEndIsBrokenWholeAsStreamed() {
    for (String within : List.of("\n{\"name\": \"add", "add", "1}", "ather", "Bern")) {
      try (WorkerFixture worker = worker(TWO_CALLS.substring(0, TWO_CALLS.indexOf(within)))) {
        assertRefusedWholeAndStreamed(worker, "", "broken_tool_call");
      }
    }
  }

  @Test
  void aStopStringInsideACallIsAnErrorWholeAsStreamed() {
    try (WorkerFixture worker = worker(TWO_CALLS)) {
      for (String stop : List.of("\\n{", "ame\\\": \\\"add", "1}", "ather", "Bern", "n\\\"}")) {
        assertRefusedWholeAndStreamed(worker, ",'stop':['unseen','" + stop + "']", "cut_by_stop");
      }
    }
  }

  @Test
  void aStopStringOutsideCallsEndsTheAnswer() {
    try (WorkerFixture worker = worker(TWO_CALLS)) {
      JsonNode before = choice(worker, ",'stop':'<tool_call>'");
      JsonNode within = choice(worker, ",'stop':'call>'");
      JsonNode behind = choice(worker, ",'stop':'</tool_call>'");

      assertEquals("stop", before.path("finish_reason").asText());
      assertEquals("Looking.\n", before.at("/message/content").asText());
      assertEquals("stop", within.path("finish_reason").asText());
      assertEquals("Looking.\n<tool_", within.at("/message/content").asText());
      assertEquals("tool_calls", behind.path("finish_reason").asText());
      assertEquals(1, behind.at("/message/tool_calls").size());
    }
  }

  private static void assertRefusedWholeAndStreamed(
      WorkerFixture worker, String more, String code) {
    HttpResponse<String> whole = worker.post(CHAT, chat(more));
    String stream = worker.post(CHAT, chat(",'stream':true" + more)).body();

    assertEquals(400, whole.statusCode(), whole.body());
    for (String error : List.of(whole.body(), stream.substring(stream.lastIndexOf("{\"error")))) {
      assertEquals(code, json(error).at("/error/code").asText(), error);
      assertEquals("invalid_request_error", json(error).at("/error/type").asText(), error);
    }
    assertFalse(stream.contains("[DONE]"), stream);
  }

  @Test
  void withoutParallelCallsTheFirstOneEndsTheAnswer() {
    ScriptedEngine engine = WorkerFixture.answering(TWO_CALLS);
    try (WorkerFixture worker = new WorkerFixture(engine).calling(ToolFormat.HERMES)) {
      JsonNode choice = choice(worker, ",'parallel_tool_calls':false");

      assertEquals(1, choice.path("message").path("tool_calls").size());
      assertEquals("tool_calls", choice.path("finish_reason").asText());
      Await.until("running", engine::running, count -> count == 0);
    }
  }

  @Test
  void whatIsNoCallStaysText() {
    String broken = "<tool_call>{\"name\":\"add\",}</tool_call>";
    try (WorkerFixture worker = worker(broken)) {
      JsonNode choice = choice(worker, "");

      assertEquals(broken, choice.path("message").path("content").asText());
      assertFalse(choice.path("message").has("tool_calls"));
      assertEquals("stop", choice.path("finish_reason").asText());
    }
  }

  @Test
  void withoutToolsOrWithChoiceNoneNothingIsACall() {
    try (WorkerFixture worker = worker(TWO_CALLS)) {
      assertEquals(
          TWO_CALLS,
          choice(worker, ",'tool_choice':'none'").path("message").path("content").asText());
    }
  }

  @Test
  void aModelWithoutAKnownFormatAnswersText() {
    try (WorkerFixture worker =
        new WorkerFixture(WorkerFixture.answering(TWO_CALLS)).calling(ToolFormat.NONE)) {
      assertEquals(TWO_CALLS, choice(worker, "").path("message").path("content").asText());
    }
  }

  @Test
  void anAnswerThatWasCutBetweenCallsSaysSo() {
    try (WorkerFixture worker = worker(TWO_CALLS)) {
      JsonNode choice = choice(worker, ",'max_tokens':75");

      assertEquals("length", choice.path("finish_reason").asText());
      assertEquals(1, choice.path("message").path("tool_calls").size());
    }
  }

  @Test
  void mistralsIdsHaveNineCharacters() {
    String answer =
        "[TOOL_CALLS][{\"name\":\"add\",\"arguments\":{},\"id\":\"abcdefghi\"},"
            + "{\"name\":\"add\",\"arguments\":{}}]";
    try (WorkerFixture worker =
        new WorkerFixture(WorkerFixture.answering(answer)).calling(ToolFormat.MISTRAL)) {
      JsonNode calls = choice(worker, "").path("message").path("tool_calls");

      assertEquals("abcdefghi", calls.path(0).path("id").asText());
      assertTrue(calls.path(1).path("id").asText().matches("[a-z0-9]{9}"));
    }
  }

  @Test
  void logProbabilitiesOfACallComeWithIt() {
    try (WorkerFixture worker = worker("<tool_call>{\"name\":\"add\",\"arguments\":{}}")) {
      int told = 0;
      for (String event : worker.events(CHAT, chat(",'stream':true,'logprobs':true"))) {
        if (!event.equals("[DONE]")) {
          told += json(event).at("/choices/0/logprobs/content").size();
        }
      }

      assertEquals(choice(worker, ",'logprobs':true").at("/logprobs/content").size(), told);
      assertTrue(told > 0);
    }
  }

  @Test
  void openAisClientReadsCallsWholeAndStreamed() {
    try (WorkerFixture worker = worker(TWO_CALLS)) {
      OpenAIClient client =
          OpenAIOkHttpClient.builder()
              .baseUrl("http://127.0.0.1:" + worker.port() + "/v1")
              .apiKey("none")
              .maxRetries(0)
              .build();
      ChatCompletionCreateParams params =
          ChatCompletionCreateParams.builder()
              .model("test-model")
              .addUserMessage("hi")
              .addFunctionTool(FunctionDefinition.builder().name("add").build())
              .addFunctionTool(FunctionDefinition.builder().name("weather").build())
              .build();

      ChatCompletion whole = client.chat().completions().create(params);
      ChatCompletionAccumulator told = ChatCompletionAccumulator.create();
      try (StreamResponse<ChatCompletionChunk> stream =
          client.chat().completions().createStreaming(params)) {
        stream.stream().forEach(told::accumulate);
      }
      client.close();

      assertEquals(List.of("add {\"a\": 1}", "weather {\"in\": \"Bern\"}"), calls(whole));
      assertEquals(calls(whole), calls(told.chatCompletion()));
      assertEquals(
          ChatCompletion.Choice.FinishReason.TOOL_CALLS,
          told.chatCompletion().choices().getFirst().finishReason());
    }
  }

  // ---- calls that are demanded, of a model that would say anything ----

  private static final String STRICT =
      "'tools':[{'type':'function','function':{'name':'add','parameters':{'type':'object',"
          + "'properties':{'a':{'type':'integer','minimum':0,'maximum':9},"
          + "'b':{'enum':['x','y']}},'required':['a','b']}}},"
          + "{'type':'function','function':{'name':'now'}}]";

  private static WorkerFixture anything(ToolFormat format) {
    SimulatedExecutor executor =
        new SimulatedExecutor(
            ExecutorConfig.defaults(),
            WorkerFixture.CONTEXT,
            ByteTokenizer.SIZE,
            LatencyModel.instant(),
            SimulatedTime.real());
    EngineLoop engine =
        EngineLoop.start(executor, EngineConfig.of(executor.info()), EpochClock.system());
    return new WorkerFixture(engine).calling(format);
  }

  private static String demanding(String choice, String more) {
    return ("{'model':'test-model','messages':[{'role':'user','content':'hi'}],'seed':3,"
            + STRICT
            + ",'tool_choice':"
            + choice
            + more
            + "}")
        .replace('\'', '"');
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aDemandedCallIsMadeAndItsArgumentsFollowTheSchema(ToolFormat format) {
    try (WorkerFixture worker = anything(format)) {
      for (String choice : List.of("'required'", "{'type':'function','function':{'name':'add'}}")) {
        JsonNode answer = json(worker.post(CHAT, demanding(choice, "")).body());

        JsonNode message = answer.at("/choices/0/message");
        assertTrue(message.path("content").isNull(), answer::toString);
        assertEquals("tool_calls", answer.at("/choices/0/finish_reason").asText());
        for (JsonNode call : message.path("tool_calls")) {
          assertFollows(call.path("function"));
        }
        assertTrue(!message.path("tool_calls").isEmpty(), answer::toString);
        if (!choice.equals("'required'")) {
          assertEquals(1, message.path("tool_calls").size());
          assertEquals("add", message.at("/tool_calls/0/function/name").asText());
        }
      }
    }
  }

  private static void assertFollows(JsonNode function) {
    JsonNode arguments = json(function.path("arguments").asText());
    if (function.path("name").asText().equals("now")) {
      assertEquals("{}", arguments.toString());
    } else {
      assertEquals("add", function.path("name").asText());
      assertEquals(2, arguments.size());
      assertTrue(arguments.path("a").isInt() && arguments.path("a").asInt() <= 9);
      assertTrue(List.of("x", "y").contains(arguments.path("b").asText()));
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aDemandedCallThatAStopStringCutsIsAnError(ToolFormat format) {
    String named = "{'type':'function','function':{'name':'add'}}";
    try (WorkerFixture worker = anything(format)) {
      for (String choice : List.of("'required'", named)) {
        for (String stop : List.of("{", "name", ": {")) {
          String stopped = ",'stop':'" + stop + "'";
          HttpResponse<String> whole = worker.post(CHAT, demanding(choice, stopped));
          String stream = worker.post(CHAT, demanding(choice, ",'stream':true" + stopped)).body();

          assertEquals(400, whole.statusCode(), whole.body());
          assertEquals("cut_by_stop", json(whole.body()).at("/error/code").asText());
          assertTrue(stream.contains("\"code\":\"cut_by_stop\""), stream);
          assertFalse(stream.contains("[DONE]"), stream);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aDemandedCallThatIsCutIsAnErrorWholeAsStreamed(ToolFormat format) {
    try (WorkerFixture worker = anything(format)) {
      for (int tokens : List.of(1, 8, 30)) {
        String cut = ",'strict_finish':true,'max_tokens':" + tokens;
        HttpResponse<String> whole = worker.post(CHAT, demanding("'required'", cut));
        String stream = worker.post(CHAT, demanding("'required'", ",'stream':true" + cut)).body();

        assertEquals(400, whole.statusCode(), whole.body());
        assertEquals("cut_by_length", json(whole.body()).at("/error/code").asText());
        assertTrue(stream.contains("\"code\":\"cut_by_length\""), stream);
        assertFalse(stream.contains("[DONE]"), stream);
      }
    }
  }

  @Test
  void aStopStringBehindADemandedCallEndsTheAnswer() {
    try (WorkerFixture worker = anything(ToolFormat.HERMES)) {
      JsonNode answer = json(worker.post(CHAT, demanding("'required'", ",'stop':'</tool'")).body());

      assertEquals("tool_calls", answer.at("/choices/0/finish_reason").asText(), answer::toString);
      assertEquals(1, answer.at("/choices/0/message/tool_calls").size());
      assertFollows(answer.at("/choices/0/message/tool_calls/0/function"));
    }
  }

  @Test
  void whatCannotBeDemandedIsNamed() {
    try (WorkerFixture worker = anything(ToolFormat.HERMES);
        WorkerFixture text = anything(ToolFormat.NONE)) {
      assertRefused(text, demanding("'required'", ""), "tool_choice");
      assertRefused(worker, demanding("'required'", ",'ignore_eos':true"), "tool_choice");
      assertRefused(
          worker,
          demanding("'required'", ",'response_format':{'type':'json_object'}"),
          "tool_choice");
    }
  }

  /** It is held to its schema whenever the model calls it, or the request is refused. */
  @Test
  void aStrictFunctionUnderAutoIsHeldToItsSchemaOrRefused() {
    ScriptedEngine engine = WorkerFixture.answering("x");
    try (WorkerFixture worker = new WorkerFixture(engine).calling(ToolFormat.HERMES);
        WorkerFixture text = anything(ToolFormat.NONE)) {
      HttpResponse<String> answer = worker.post(CHAT, strictly(""));

      assertEquals(200, answer.statusCode(), answer.body());
      Constraint held = Objects.requireNonNull(engine.submitted().getLast().constraint());
      assertTrue(held.isWhole(said("{\"a\":3,\"b\":\"x\"}")));
      assertFalse(held.isWhole(said("{\"a\":30,\"b\":\"x\"}")));
      assertRefused(worker, strictly(",'ignore_eos':true"), "ignore_eos");
      assertRefused(text, strictly(""), "tools");
    }
  }

  private static String said(String arguments) {
    return "So: <tool_call>\n{\"name\": \"add\", \"arguments\": " + arguments + "}\n</tool_call>";
  }

  private static String strictly(String more) {
    String name = "\"name\":\"add\",";
    return demanding("'auto'", more).replace(name, name + "\"strict\":true,");
  }

  private static void assertRefused(WorkerFixture worker, String body, String param) {
    HttpResponse<String> response = worker.post(CHAT, body);

    assertEquals(400, response.statusCode(), response.body());
    assertEquals(param, json(response.body()).at("/error/param").asText(), response.body());
  }

  private static List<String> calls(ChatCompletion answer) {
    return answer.choices().getFirst().message().toolCalls().orElseThrow().stream()
        .map(call -> call.asFunction().function())
        .map(function -> function.name() + " " + function.arguments())
        .toList();
  }
}
