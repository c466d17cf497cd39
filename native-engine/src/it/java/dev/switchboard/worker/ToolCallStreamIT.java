package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.scheduler.Engine;
import dev.switchboard.scheduler.EngineConfig;
import dev.switchboard.scheduler.EngineLoop;
import dev.switchboard.testing.Await;
import dev.switchboard.timeline.EpochClock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Calls in streams, of every family of models under its published template and with the control
 * token it has for them: joined, the deltas are what the answer at once holds.
 */
@Timeout(Await.LIMIT_SECONDS)
class ToolCallStreamIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final String NAMED = "{'type':'function','function':{'name':'weather'}}";
  private static final String TOOLS =
      "'tools':[{'type':'function','function':{'name':'weather','description':'of some days',"
          + "'parameters':{'type':'object','properties':{"
          + "'city':{'type':'string','maxLength':9},"
          + "'days':{'type':'array','items':{'type':'integer','minimum':1,'maximum':7},"
          + "'maxItems':3},"
          + "'unit':{'enum':['C','F']}},'required':['city','unit']}}},"
          + "{'type':'function','function':{'name':'now','description':'the time',"
          + "'parameters':{'type':'object','properties':{},'additionalProperties':false}}}]";

  /** What the arguments of the calls that are written down look like; none of it ends a call. */
  private static final String ARGUMENTS =
      "{\"city\": \"Z\u00fcrich \\\"]};</tool_call>[TOOL_CALLS]\\u00e9 \\n\", \"days\": [1, 2],"
          + " \"more\": {\"a\": {}}}";

  /** What Hermes has for conversations without tools, as many models have it for all. */
  private static final String CHATML =
      "{{ bos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' +"
          + " message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

  /** A template of the form that this family's have, and the control token of its vocabulary. */
  enum Family {
    QWEN_2_5("tools_tagged"),
    QWEN_3("chatml_thinking"),
    HERMES_3("typed_tool_calls"),
    LLAMA_3_1("tools_headers", "<|python_tag|>"),
    MISTRAL_NEMO("tools_brackets", "[TOOL_CALLS]");

    private final String file;
    private final String control;

    Family(String file) {
      this(file, "");
    }

    Family(String file, String control) {
      this.file = file;
      this.control = control;
    }

    ByteTokenizer vocabulary() {
      return control.isEmpty() ? new ByteTokenizer(true) : new ByteTokenizer(true, control);
    }

    String template() {
      String path = "/golden/jinja/" + file + ".jinja";
      try (var in = Objects.requireNonNull(ToolCallStreamIT.class.getResourceAsStream(path))) {
        return new String(in.readAllBytes(), StandardCharsets.UTF_8);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** The text as this model's tokens. */
    int[] tokens(String text) {
      if (control.isEmpty() || !text.startsWith(control)) {
        return WorkerFixture.tokens(text);
      }
      int[] rest = WorkerFixture.tokens(text.substring(control.length()));
      int marker = vocabulary().tokenId(control);
      return IntStream.concat(IntStream.of(marker), IntStream.of(rest)).toArray();
    }

    WorkerFixture scripted(ScriptedEngine engine) {
      return calling(engine);
    }

    private WorkerFixture calling(Engine engine) {
      String plain = this == HERMES_3 ? CHATML : template();
      return new WorkerFixture(engine).calling(plain, template(), vocabulary());
    }

    /** A model that would say anything, so that only what is demanded holds it. */
    WorkerFixture anything() {
      SimulatedExecutor executor =
          new SimulatedExecutor(
              ExecutorConfig.defaults(),
              WorkerFixture.CONTEXT,
              vocabulary().size(),
              LatencyModel.instant(),
              SimulatedTime.real());
      EngineLoop engine =
          EngineLoop.start(executor, EngineConfig.of(executor.info()), EpochClock.system());
      return calling(engine);
    }
  }

  /** An answer as a model writes it, and what it says. */
  record Said(Family family, String text, String content, List<String> calls) {}

  private static final String WEATHER = "weather " + ARGUMENTS;

  private static String call(String name, String member, String arguments) {
    return "{\"name\": \"" + name + "\", \"" + member + "\": " + arguments + "}";
  }

  private static String hermes(String name, String arguments) {
    return "<tool_call>\n" + call(name, "arguments", arguments) + "\n</tool_call>";
  }

  static Stream<Arguments> answers() {
    String llama = call("weather", "parameters", ARGUMENTS);
    String mistral = call("weather", "arguments", ARGUMENTS);
    String now = call("now", "parameters", "{}");
    return Stream.of(
            new Said(Family.QWEN_2_5, hermes("weather", ARGUMENTS), "", List.of(WEATHER)),
            new Said(
                Family.QWEN_2_5,
                "I look.\n" + hermes("weather", ARGUMENTS) + "\n" + hermes("now", "{}"),
                "I look.",
                List.of(WEATHER, "now {}")),
            new Said(
                Family.QWEN_3,
                "<think>\n{\"a\": 1}\n</think>\n\n" + hermes("weather", ARGUMENTS),
                "<think>\n{\"a\": 1}\n</think>",
                List.of(WEATHER)),
            new Said(
                Family.HERMES_3,
                hermes("now", "{}") + hermes("weather", ARGUMENTS),
                "",
                List.of("now {}", WEATHER)),
            new Said(Family.LLAMA_3_1, llama, "", List.of(WEATHER)),
            new Said(Family.LLAMA_3_1, "<|python_tag|>" + llama, "", List.of(WEATHER)),
            new Said(
                Family.LLAMA_3_1,
                "<|python_tag|>" + llama + "; " + now,
                "",
                List.of(WEATHER, "now {}")),
            new Said(Family.MISTRAL_NEMO, "[TOOL_CALLS][" + mistral + "]", "", List.of(WEATHER)),
            new Said(
                Family.MISTRAL_NEMO,
                "[TOOL_CALLS] [" + mistral + ", " + call("now", "arguments", "{}") + "]",
                "",
                List.of(WEATHER, "now {}")))
        .map(Arguments::of);
  }

  private static String chat(String choice, String more) {
    return ("{'model':'test-model','messages':[{'role':'user','content':'hi'}],"
            + TOOLS
            + ",'tool_choice':"
            + choice
            + more
            + "}")
        .replace('\'', '"');
  }

  /** One choice put together from its deltas, as a client does. */
  private static final class Joined {
    private final StringBuilder content = new StringBuilder();
    private final TreeMap<Integer, StringBuilder> arguments = new TreeMap<>();
    private final List<String> names = new ArrayList<>();
    private final List<String> ids = new ArrayList<>();
    private String reason = "";

    static Joined of(List<String> events, int choice) {
      Joined joined = new Joined();
      assertEquals("[DONE]", events.getLast(), events::toString);
      for (String event : events.subList(0, events.size() - 1)) {
        for (JsonNode part : json(event).path("choices")) {
          if (part.path("index").asInt() == choice) {
            joined.add(part);
          }
        }
      }
      return joined;
    }

    private void add(JsonNode part) {
      assertEquals("", reason, "a delta behind the end");
      content.append(part.at("/delta/content").asText(""));
      for (JsonNode call : part.at("/delta/tool_calls")) {
        int index = call.path("index").asInt(-1);
        if (call.has("id")) {
          assertEquals(names.size(), index);
          assertEquals("function", call.path("type").asText());
          names.add(call.at("/function/name").asText());
          ids.add(call.path("id").asText());
          arguments.put(index, new StringBuilder());
        }
        assertEquals(names.size() - 1, index, "a call is told before the next one begins");
        Objects.requireNonNull(arguments.get(index))
            .append(call.at("/function/arguments").asText(""));
      }
      reason = part.path("finish_reason").asText("");
    }

    List<String> calls() {
      return IntStream.range(0, names.size())
          .mapToObj(index -> names.get(index) + " " + arguments.get(index))
          .toList();
    }
  }

  private static List<String> calls(JsonNode message) {
    List<String> calls = new ArrayList<>();
    for (JsonNode call : message.path("tool_calls")) {
      JsonNode function = call.path("function");
      calls.add(function.path("name").asText() + " " + function.path("arguments").asText());
    }
    return calls;
  }

  private static void assertSame(JsonNode whole, Joined joined) {
    assertEquals(whole.at("/message/content").asText(""), joined.content.toString());
    assertEquals(calls(whole.path("message")), joined.calls());
    assertEquals(whole.path("finish_reason").asText(), joined.reason);
  }

  private static JsonNode choice(WorkerFixture worker, String body) {
    return json(worker.post(CHAT, body).body()).at("/choices/0");
  }

  @ParameterizedTest
  @MethodSource("answers")
  void deltasJoinedAreTheWholeAnswer(Said said) {
    ScriptedEngine engine = WorkerFixture.scripted(request -> said.family.tokens(said.text));
    try (WorkerFixture worker = said.family.scripted(engine)) {
      JsonNode whole = choice(worker, chat("'auto'", ""));
      Joined joined = Joined.of(worker.events(CHAT, chat("'auto'", ",'stream':true")), 0);

      assertEquals(said.content, joined.content.toString());
      assertEquals(said.calls, joined.calls());
      assertEquals("tool_calls", joined.reason);
      assertEquals(said.calls.size(), joined.ids.stream().distinct().count());
      assertSame(whole, joined);
    }
  }

  @ParameterizedTest
  @MethodSource("answers")
  void withoutParallelCallsBothEndWithTheFirst(Said said) {
    ScriptedEngine engine = WorkerFixture.scripted(request -> said.family.tokens(said.text));
    String one = ",'parallel_tool_calls':false";
    try (WorkerFixture worker = said.family.scripted(engine)) {
      JsonNode whole = choice(worker, chat("'auto'", one));
      Joined joined = Joined.of(worker.events(CHAT, chat("'auto'", ",'stream':true" + one)), 0);

      assertEquals(said.calls.subList(0, 1), joined.calls());
      assertSame(whole, joined);
    }
  }

  @ParameterizedTest
  @MethodSource("answers")
  void aCallIsNamedAndItsArgumentsBeginBeforeItEnds(Said said) {
    ScriptedEngine engine = WorkerFixture.scripted(request -> said.family.tokens(said.text));
    try (WorkerFixture worker = said.family.scripted(engine)) {
      engine.allow(said.family.tokens(said.text.substring(0, said.text.indexOf("rich"))).length);
      Iterator<String> lines =
          worker.stream(CHAT, chat("'auto'", ",'stream':true")).body().iterator();
      StringBuilder told = new StringBuilder();
      String name = "";
      while (!told.toString().endsWith("Z\u00fc")) {
        String line = lines.next();
        if (line.startsWith("data: ")) {
          JsonNode call = json(line.substring(6)).at("/choices/0/delta/tool_calls/0/function");
          if (call.has("name")) {
            name = call.path("name").asText();
            told.setLength(0);
          }
          told.append(call.path("arguments").asText(""));
        }
      }
      engine.allowMore(Long.MAX_VALUE / 2);
      lines.forEachRemaining(line -> {});

      assertEquals("weather", name);
      assertEquals("{\"city\": \"Z\u00fc", told.toString());
    }
  }

  @ParameterizedTest
  @MethodSource("answers")
  void aCallThatIsCutEndsTheStreamWithAnError(Said said) {
    ScriptedEngine engine = WorkerFixture.scripted(request -> said.family.tokens(said.text));
    int cut = said.family.tokens(said.text.substring(0, said.text.indexOf("more"))).length;
    try (WorkerFixture worker = said.family.scripted(engine)) {
      String stream =
          worker
              .post(CHAT, chat("'auto'", ",'stream':true,'strict_finish':true,'max_tokens':" + cut))
              .body();

      JsonNode error = json(stream.substring(stream.lastIndexOf("{\"error\""))).path("error");
      assertEquals("cut_by_length", error.path("code").asText(), stream);
      assertEquals("invalid_request_error", error.path("type").asText());
      assertFalse(stream.contains("[DONE]"), stream);
    }
  }

  @ParameterizedTest
  @MethodSource("answers")
  void aStopStringInsideACallIsAnErrorWholeAsStreamed(Said said) {
    ScriptedEngine engine = WorkerFixture.scripted(request -> said.family.tokens(said.text));
    try (WorkerFixture worker = said.family.scripted(engine)) {
      for (String stop : List.of("rich", "more", "{}}")) {
        String cut = ",'stop':'" + stop + "'";
        HttpResponse<String> whole = worker.post(CHAT, chat("'auto'", cut));
        String stream = worker.post(CHAT, chat("'auto'", ",'stream':true" + cut)).body();

        assertEquals(400, whole.statusCode(), whole.body());
        for (String error :
            List.of(whole.body(), stream.substring(stream.lastIndexOf("{\"error\"")))) {
          assertEquals("cut_by_stop", json(error).at("/error/code").asText(), error);
          assertEquals("stop", json(error).at("/error/param").asText(), error);
        }
        assertFalse(stream.contains("[DONE]"), stream);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("answers")
  void withChoiceNoneTheTextStaysAsItStood(Said said) {
    ScriptedEngine engine = WorkerFixture.scripted(request -> said.family.tokens(said.text));
    try (WorkerFixture worker = said.family.scripted(engine)) {
      JsonNode whole = choice(worker, chat("'none'", ""));
      Joined joined = Joined.of(worker.events(CHAT, chat("'none'", ",'stream':true")), 0);

      assertEquals(List.of(), joined.calls());
      assertEquals("stop", joined.reason);
      assertSame(whole, joined);
    }
  }

  @ParameterizedTest
  @EnumSource
  void thePromptShowsTheTools(Family family) {
    ScriptedEngine engine = WorkerFixture.scripted(request -> family.tokens("ok"));
    try (WorkerFixture worker = family.scripted(engine)) {
      worker.post(CHAT, chat("'auto'", ""));

      StringBuilder prompt = new StringBuilder();
      IntStream.of(engine.submitted().getLast().prompt())
          .forEach(token -> prompt.append((char) token));
      assertTrue(prompt.toString().contains("of some days"), prompt::toString);
    }
  }

  @ParameterizedTest
  @EnumSource
  void demandedCallsAreStreamedAsTheyAreAnsweredWhole(Family family) {
    try (WorkerFixture worker = family.anything()) {
      for (String demanded : List.of("'required'", NAMED)) {
        for (int seed = 1; seed <= 4; seed++) {
          String more = ",'seed':" + seed;
          JsonNode whole = choice(worker, chat(demanded, more));
          Joined joined =
              Joined.of(worker.events(CHAT, chat(demanded, ",'stream':true" + more)), 0);

          assertSame(whole, joined);
          assertEquals("tool_calls", joined.reason);
          assertEquals("", joined.content.toString());
          assertFalse(joined.calls().isEmpty());
          if (demanded.equals(NAMED)) {
            assertEquals(List.of("weather"), joined.names);
          }
          joined.arguments.values().forEach(text -> assertTrue(json(text.toString()).isObject()));
        }
      }
    }
  }

  @Test
  void choicesOfOneStreamHaveCallsOfTheirOwn() {
    try (WorkerFixture worker = Family.QWEN_2_5.anything()) {
      String more = ",'n':3,'seed':7";
      JsonNode whole = json(worker.post(CHAT, chat("'required'", more)).body());
      List<String> events = worker.events(CHAT, chat("'required'", ",'stream':true" + more));

      for (JsonNode choice : whole.path("choices")) {
        assertSame(choice, Joined.of(events, choice.path("index").asInt()));
      }
      assertEquals(3, whole.path("choices").size());
    }
  }
}
