package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.scheduler.EngineConfig;
import dev.switchboard.scheduler.EngineLoop;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.toolcall.ToolFormat;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A stream that is cut behind any of its comments and goes on at another worker: both parts
 * together are the stream that nobody cut.
 */
class ContinuedAnswerIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";
  private static final int MOST_CUTS = 25;

  private final WorkerFixture first = worker();
  private final WorkerFixture second = worker();

  private static WorkerFixture worker() {
    ExecutorConfig config = ExecutorConfig.defaults().withLayout(1, 2, 1);
    SimulatedExecutor executor =
        new SimulatedExecutor(
            config,
            WorkerFixture.CONTEXT,
            ByteTokenizer.SIZE,
            new LatencyModel(300_000, 500, 0),
            SimulatedTime.real());
    EngineLoop engine =
        EngineLoop.start(executor, EngineConfig.of(executor.info()), EpochClock.system());
    return new WorkerFixture(engine).calling(ToolFormat.HERMES);
  }

  @AfterEach
  void close() {
    first.close();
    second.close();
  }

  private static String chat(String more) {
    return ("{'model':'test-model','messages':[{'role':'user','content':'x'}],'stream':true,"
            + "'stream_options':{'include_usage':true}"
            + more
            + "}")
        .replace('\'', '"');
  }

  private static String text(String more) {
    return ("{'model':'test-model','stream':true,'stream_options':{'include_usage':true}"
            + more
            + "}")
        .replace('\'', '"');
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        ",'max_tokens':40,'temperature':0.9",
        ",'max_tokens':60,'n':3,'logprobs':true,'top_logprobs':2,'seed':7",
        ",'max_tokens':300,'stop':['e','ab'],'ignore_eos':true",
        ",'max_tokens':50,'temperature':1.3,'presence_penalty':0.7,'frequency_penalty':0.4",
        ",'max_tokens':300,'n':2,'response_format':{'type':'json_schema','json_schema':{'name':'a',"
            + "'schema':{'type':'object','properties':{'name':{'type':'string','maxLength':9},"
            + "'age':{'type':'integer','maximum':99,'minimum':0}},'required':['name','age'],"
            + "'additionalProperties':false}}}",
        ",'max_tokens':400,'n':2,'tool_choice':'required','tools':[{'type':'function','function':{"
            + "'name':'add','parameters':{'type':'object','properties':{'a':{'enum':[1,22,333]}},"
            + "'required':['a'],'additionalProperties':false}}}]"
      })
  void aChatGoesOnByteForByte(String more) {
    assertGoesOn(CHAT, chat(more));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        ",'prompt':'once','max_tokens':40,'temperature':0.8,'seed':-3",
        ",'prompt':['one','two'],'n':2,'max_tokens':25,'logprobs':3,'echo':true,"
            + "'regex':'[a-z]{40}'",
        ",'prompt':'','max_tokens':10,'echo':true,'logprobs':1",
        ",'prompt':'scored','max_tokens':0,'echo':true,'logprobs':1",
        ",'prompt':'x','max_tokens':200,'regex':'(ab|cd){20}e'",
        ",'prompt':'x','max_tokens':200,'seed':5,"
            + "'grammar':'root ::= word{12}\\nword ::= [a-z]{4} \\\" \\\"'"
      })
  void aTextGoesOnByteForByte(String more) {
    assertGoesOn(TEXT, text(more));
  }

  private void assertGoesOn(String path, String body) {
    String whole = first.post(path, body, "X-Switchboard-Replay", "1").body();
    String ending = "data: [DONE]";
    List<String> blocks =
        List.of(whole.substring(0, whole.indexOf(ending) + ending.length()).split("\n\n"));
    List<Integer> cuts = new ArrayList<>();
    for (int i = 0; i < blocks.size(); i++) {
      if (blocks.get(i).startsWith(":")) {
        cuts.add(i);
      }
    }

    int stride = Math.max(1, cuts.size() / MOST_CUTS);
    for (int i = 0; i < cuts.size(); i += stride) {
      int cut = cuts.get(i) + 1;
      String state = stateAfter(blocks.subList(0, cut));
      String rest = goOn(path, state, body);
      String joined = String.join("\n\n", blocks.subList(0, cut)) + "\n\n" + rest;

      assertTrue(rest.contains("\n\ndata: [DONE]\n\n"), rest);
      Map<String, String> expected = told(whole);
      Map<String, String> actual = told(joined);
      String where = " cut behind block " + cut + " of " + blocks.size();
      expected.forEach((key, value) -> assertEquals(value, actual.get(key), key + where));
      assertEquals(expected.keySet(), actual.keySet());
    }
  }

  @Test
  void whoGoesOnSaysOnceWhatItComputedForThatAndItsCacheHadTheRest() {
    String body = chat(",'max_tokens':80,'ignore_eos':true,'seed':4");
    String whole = first.post(CHAT, body, "X-Switchboard-Replay", "1").body();
    List<String> blocks = List.of(whole.substring(0, whole.indexOf("data: [DONE]")).split("\n\n"));
    String state = stateAfter(blocks.subList(0, blocks.size() / 2));
    int answered = state.substring(state.indexOf(':')).split(",", -1).length;
    String head = state.substring(0, state.indexOf('\n'));
    int prompt = Integer.parseInt(head.substring(head.lastIndexOf(' ') + 1));

    String rest = goOn(CHAT, state, body);
    String again = goOn(CHAT, state, body);

    assertFalse(whole.contains("\n:again "), whole);
    assertEquals(List.of(prompt + answered), computedAgain(rest));
    assertEquals(1, computedAgain(again).size());
    assertTrue(computedAgain(again).getFirst() < prompt + answered, again);
  }

  private String goOn(String path, String state, String body) {
    return second
        .post(
            path,
            state + body,
            "X-Switchboard-Continue",
            Integer.toString(state.length()),
            "X-Switchboard-Replay",
            "1")
        .body();
  }

  private static List<Integer> computedAgain(String stream) {
    return stream
        .lines()
        .filter(line -> line.startsWith(":again "))
        .map(line -> Integer.valueOf(line.substring(":again ".length())))
        .toList();
  }

  /** What the comments say, as a worker takes it. */
  private static String stateAfter(List<String> blocks) {
    String head = "";
    Map<Integer, String> facts = new TreeMap<>();
    Map<Integer, String> tokens = new TreeMap<>();
    for (String line : String.join("\n", blocks).split("\n", -1)) {
      if (line.startsWith(":answer ")) {
        head = line.substring(":answer ".length());
      } else if (line.startsWith(":tokens ")) {
        for (String entry : line.substring(":tokens ".length()).split(" ", -1)) {
          int index = Integer.parseInt(entry.substring(0, entry.indexOf('/')));
          int colon = entry.indexOf(':');
          facts.put(index, entry.substring(0, colon + 1));
          String more = entry.substring(colon + 1);
          tokens.merge(index, more, (a, b) -> a.isEmpty() || b.isEmpty() ? a + b : a + "," + b);
        }
      }
    }
    StringBuilder state = new StringBuilder(head).append('\n');
    facts.forEach((index, fact) -> state.append(fact).append(tokens.get(index)).append('\n'));
    return state.toString();
  }

  /** All that a reader learns, however it was cut into events; ids of calls are drawn anew. */
  private static Map<String, String> told(String stream) {
    Map<String, String> told = new LinkedHashMap<>();
    for (String event : WorkerFixture.data(stream)) {
      if (event.equals("[DONE]")) {
        told.merge("done", "1", String::concat);
        continue;
      }
      JsonNode json = WorkerFixture.json(event);
      told.put("identity", json.path("id").asText() + json.path("created").asText());
      if (json.path("usage").isObject()) {
        told.merge("usage", json.path("usage").toString(), String::concat);
      }
      for (JsonNode choice : json.path("choices")) {
        String key = "choice " + choice.path("index").asInt() + " ";
        JsonNode delta = choice.path("delta");
        told.merge(key + "role", delta.path("role").asText(""), String::concat);
        told.merge(
            key + "text",
            delta.path("content").asText("") + choice.path("text").asText(""),
            String::concat);
        for (JsonNode call : delta.path("tool_calls")) {
          told.merge(
              key + "call " + call.path("index").asInt(),
              call.path("function").path("name").asText("")
                  + call.path("function").path("arguments").asText(""),
              String::concat);
        }
        scores(told, key, choice.path("logprobs"));
        told.merge(key + "end", choice.path("finish_reason").asText(""), String::concat);
      }
    }
    return told;
  }

  private static void scores(Map<String, String> told, String key, JsonNode logprobs) {
    for (JsonNode token : logprobs.path("content")) {
      told.merge(key + "logprobs", token.toString(), String::concat);
    }
    for (String list : List.of("tokens", "token_logprobs", "top_logprobs", "text_offset")) {
      for (JsonNode entry : logprobs.path(list)) {
        told.merge(key + list, entry + " ", String::concat);
      }
    }
  }

  @Test
  void withoutTheHeaderThereAreNoComments() {
    String stream = first.post(CHAT, chat(",'max_tokens':20")).body();

    assertFalse(stream.contains("\n:"), stream);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "9|no head",
        "0|",
        "x|a 1 2 1",
        "900|a 1 2 1",
        "18|a 1 2 1\\n7/0o:1,2,3",
        "24|a 1 2 1\\n0/0o:99999999",
        "14|a 1 2 1\\n0/0o:-"
      })
  void whatIsNoAnswerOfThisRequestIsRefused(String length, String state) {
    String before = state == null ? "" : state.replace("\\n", "\n") + "\n";

    HttpResponse<String> response =
        first.post(
            CHAT, before + chat(",'max_tokens':20"), "X-Switchboard-Continue", length.strip());

    assertEquals(400, response.statusCode(), response.body());
    assertEquals(
        "X-Switchboard-Continue",
        WorkerFixture.json(response.body()).at("/error/param").asText(),
        response.body());
  }

  @Test
  void tokensThatDoNotFitTheConstraintAreRefused() {
    String state = "a 1 2 1\n0/0o:" + (int) 'q' + "\n";

    HttpResponse<String> response =
        first.post(
            TEXT,
            state + text(",'prompt':'x','max_tokens':20,'regex':'[ab]{9}'"),
            "X-Switchboard-Continue",
            Integer.toString(state.length()));

    assertEquals(400, response.statusCode(), response.body());
  }
}
