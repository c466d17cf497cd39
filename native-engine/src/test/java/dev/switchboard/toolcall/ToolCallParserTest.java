package dev.switchboard.toolcall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is a call and what is text, for every format and however the text was cut. */
class ToolCallParserTest {
  private static final Set<String> FUNCTIONS = Set.of("weather", "add");

  /** Collects what a parser tells; calls as {@code name(arguments)}. */
  static final class Recorder implements ToolCallParser.Listener {
    final StringBuilder content = new StringBuilder();
    final List<String> calls = new ArrayList<>();

    @Override
    public void content(String text) {
      content.append(text);
    }

    @Override
    public void call(FunctionCall call) {
      calls.add(call.name() + "(" + call.arguments() + ")" + (call.id() == null ? "" : call.id()));
    }

    @Override
    public String toString() {
      return "'" + content + "' " + calls;
    }
  }

  /** Joins what is told of calls while they are made. */
  static final class Streamed implements ToolCallParser.StreamListener {
    final Recorder told = new Recorder();
    final List<String> pieces = new ArrayList<>();
    FunctionCall open = new FunctionCall("", "", null);
    boolean broken;

    @Override
    public void content(String text) {
      told.content(text);
    }

    @Override
    public void call(FunctionCall call) {
      told.call(call);
    }

    @Override
    public void opened(FunctionCall call) {
      open = call;
    }

    @Override
    public void arguments(String piece) {
      pieces.add(piece);
      open = new FunctionCall(open.name(), open.arguments() + piece, open.id());
    }

    @Override
    public void closed() {
      told.call(open);
    }

    @Override
    public void broken() {
      broken = true;
    }
  }

  static Streamed stream(ToolFormat format, int cut, String text) {
    return stream(format, cut, text, FUNCTIONS);
  }

  static Streamed stream(ToolFormat format, int cut, String text, Set<String> functions) {
    Streamed streamed = new Streamed();
    ToolCallParser parser = ToolCallParser.streaming(format, functions, streamed);
    for (int at = 0; at < text.length(); at += cut) {
      parser.accept(text.substring(at, Math.min(text.length(), at + cut)));
    }
    parser.finish();
    return streamed;
  }

  static Recorder parse(ToolFormat format, String... pieces) {
    Recorder told = new Recorder();
    ToolCallParser parser = new ToolCallParser(format, FUNCTIONS, told);
    for (String piece : pieces) {
      parser.accept(piece);
    }
    parser.finish();
    return told;
  }

  private static Arguments sample(ToolFormat format, String text, String content, String... calls) {
    return Arguments.of(format, text, content, List.of(calls));
  }

  static Stream<Arguments> hermes() {
    ToolFormat f = ToolFormat.HERMES;
    return Stream.of(
        sample(f, "just text", "just text"),
        sample(f, "  text, then space \n", "  text, then space \n"),
        sample(
            f,
            "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>",
            "",
            "add({\"a\": 1})"),
        sample(
            f,
            "Let me see.\n<tool_call>{\"name\":\"add\",\"arguments\":{}}</tool_call>\n"
                + "<tool_call>{\"arguments\":{\"a\":[1,{\"b\":\"}\"}]},\"name\":\"weather\"}"
                + "</tool_call> \n",
            "Let me see.",
            "add({})",
            "weather({\"a\":[1,{\"b\":\"}\"}]})"),
        sample(
            f,
            "<tool_call>{\"name\":\"add\",\"arguments\":{}}</tool_call> and on",
            " and on",
            "add({})"),
        // Closing tags that are missing, or cut by the end.
        sample(
            f,
            "<tool_call>{\"name\":\"add\",\"arguments\":{}}\n<tool_call>{\"name\":\"add\"}</tool_",
            "",
            "add({})",
            "add({})"),
        sample(f, "<tool_call>{\"name\":\"add\",\"arguments\":null}", "", "add({})"),
        sample(
            f,
            "<tool_call>{\"name\":\"add\",\"arguments\":\"{\\\"a\\\":1}\"}",
            "",
            "add({\"a\":1})"));
  }

  static Stream<Arguments> almostHermes() {
    ToolFormat f = ToolFormat.HERMES;
    return Stream.of(
        sample(f, "a <tool_call> b", "a <tool_call> b"),
        sample(f, "a <tool_cal", "a <tool_cal"),
        sample(f, "<<tool_<tool_call>{", "<<tool_<tool_call>{"),
        sample(
            f,
            "<tool_call>{\"name\":\"other\",\"arguments\":{}}</tool_call>",
            "<tool_call>{\"name\":\"other\",\"arguments\":{}}</tool_call>"),
        sample(
            f,
            "<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":1}</tool_call>",
            "<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":1}</tool_call>"),
        sample(
            f,
            "<tool_call>{\"name\":\"add\",\"arguments\":[1]}</tool_call>",
            "<tool_call>{\"name\":\"add\",\"arguments\":[1]}</tool_call>"),
        sample(
            f,
            "<tool_call>{\"name\":\"add\",\"name\":\"add\"}</tool_call>",
            "<tool_call>{\"name\":\"add\",\"name\":\"add\"}</tool_call>"),
        sample(
            f,
            "<tool_call>{oops <tool_call>{\"name\":\"add\",\"arguments\":{}}</tool_call>",
            "<tool_call>{oops",
            "add({})"),
        sample(
            f,
            "<tool_call>{\"name\":\"add\",\"arguments\":{\"t\":\"<tool_call>\"}}</tool_call>",
            "",
            "add({\"t\":\"<tool_call>\"})"));
  }

  static Stream<Arguments> llama() {
    ToolFormat f = ToolFormat.LLAMA;
    return Stream.of(
        sample(f, "just text {\"name\":\"add\"}", "just text {\"name\":\"add\"}"),
        sample(f, "{\"name\": \"add\", \"parameters\": {\"a\": 1e3}}", "", "add({\"a\": 1e3})"),
        sample(f, " \n{\"type\":\"function\",\"name\":\"add\",\"parameters\":{}}", "", "add({})"),
        sample(
            f,
            "{\"name\":\"add\",\"parameters\":{}}; {\"name\":\"weather\",\"parameters\":{}} ;",
            "",
            "add({})",
            "weather({})"),
        sample(f, "Sure.<|python_tag|>{\"name\":\"add\",\"parameters\":{}}", "Sure.", "add({})"),
        sample(f, "<|python_tag|>print(1)", "<|python_tag|>print(1)"),
        // An answer that is JSON, and no call.
        sample(f, "{\"name\":\"Ada\",\"parameters\":{}}", "{\"name\":\"Ada\",\"parameters\":{}}"),
        sample(f, "{\"name\":\"add\"}", "{\"name\":\"add\"}"),
        sample(
            f,
            "{\"name\":\"add\",\"parameters\":{},\"born\":1815}",
            "{\"name\":\"add\",\"parameters\":{},\"born\":1815}"),
        sample(f, "{\"name\":\"add\",\"parameters\":{}}; and so on", "; and so on", "add({})"),
        sample(
            f,
            "{\"name\":\"add\",\"parameters\":{\"a\":01}}",
            "{\"name\":\"add\",\"parameters\":{\"a\":01}}"));
  }

  static Stream<Arguments> mistral() {
    ToolFormat f = ToolFormat.MISTRAL;
    return Stream.of(
        sample(f, "just [text]", "just [text]"),
        sample(
            f,
            "[TOOL_CALLS][{\"name\": \"add\", \"arguments\": {\"a\": -1.5}, \"id\":"
                + " \"abcdefghi\"}]",
            "",
            "add({\"a\": -1.5})abcdefghi"),
        sample(
            f,
            "Well [TOOL_CALLS] [{\"name\":\"add\",\"arguments\":{}}, "
                + "{\"name\":\"weather\",\"arguments\":{\"in\":\"Bern\"}}]",
            "Well",
            "add({})",
            "weather({\"in\":\"Bern\"})"),
        sample(f, "[TOOL_CALLS]{\"name\":\"add\",\"arguments\":{}}", "", "add({})"),
        sample(f, "[TOOL_CALLS][]", "[TOOL_CALLS][]"),
        sample(f, "[TOOL_CALLS][[{", "[TOOL_CALLS][[{"),
        sample(
            f,
            "[TOOL_CALLS][{\"name\":\"add\",\"arguments\":{}}, {\"name\":\"add\",}]",
            ", {\"name\":\"add\",}]",
            "add({})"),
        sample(
            f,
            "[TOOL_CALLS][{\"name\":\"add\",\"arguments\":{}}][TOOL[TOOL_CALLS]x",
            "[TOOL[TOOL_CALLS]x",
            "add({})"));
  }

  @ParameterizedTest
  @MethodSource({"hermes", "almostHermes", "llama", "mistral"})
  void textAndCallsAreToldApartWhereverTheTextIsCut(
      ToolFormat format, String text, String content, List<String> calls) {
    String wanted = "'" + content + "' " + calls;

    assertEquals(wanted, parse(format, text).toString());
    assertEquals(wanted, parse(format, text.split("")).toString());
    for (int i = 0; i <= text.length(); i++) {
      String head = text.substring(0, i);
      for (int j = i; j <= text.length(); j += 1 + (text.length() >> 4)) {
        assertEquals(
            wanted, parse(format, head, text.substring(i, j), text.substring(j)).toString());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void textIsToldAsSoonAsItCannotBecomeACall(ToolFormat format) {
    Recorder told = new Recorder();
    ToolCallParser parser = new ToolCallParser(format, FUNCTIONS, told);

    parser.accept("some text");

    assertEquals("some text", told.content.toString());
    assertEquals(0, parser.calls());
  }

  @Test
  void aCallIsToldBeforeItsClosingTag() {
    Recorder told = new Recorder();
    ToolCallParser parser = new ToolCallParser(ToolFormat.HERMES, FUNCTIONS, told);

    parser.accept("<tool_call>{\"name\":\"add\",\"arguments\":{}}");

    assertEquals(List.of("add({})"), told.calls);
    assertEquals(1, parser.calls());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          HERMES  | <tool_call>{"name":"add","arguments":{"a":[1,{"b":"}"}]}}</tool_call>  | {"a":[1,{"b":"}"}]}
          MISTRAL | [TOOL_CALLS][{"name":"add","arguments":{"text":"é \\"x\\""}}]          | {"text":"é \\"x\\""}
          LLAMA   | {"name":"add","parameters":{"a":1}}                                    | {"a":1}
          LLAMA   | {"type":"function","name":"add","parameters":{}}                       | {}
          """)
  void argumentsAreToldAsTheyCome(ToolFormat format, String text, String arguments) {
    Streamed streamed = stream(format, 1, text);

    assertEquals("'' [add(" + arguments + ")]", streamed.told.toString());
    assertEquals(arguments.length(), streamed.pieces.size());
    assertEquals(parse(format, text).toString(), stream(format, 5, text).told.toString());
  }

  @Test
  void aCallIsOpenedWhenItsArgumentsBegin() {
    Streamed streamed = new Streamed();
    ToolCallParser parser = ToolCallParser.streaming(ToolFormat.HERMES, FUNCTIONS, streamed);

    parser.accept("Hm. <tool_call>{\"name\":\"add\",\"arguments\":");
    assertEquals("", streamed.open.name());
    parser.accept("{\"a\":");

    assertEquals("Hm.", streamed.told.content.toString());
    assertEquals(new FunctionCall("add", "{\"a\":", null), streamed.open);
    assertEquals(0, parser.calls());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":",
        "<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":x}}</tool_call> more",
        "<tool_call>{\"name\":\"add\",\"arguments\":{},\"arguments\":{\"a\":1}}</tool_call>",
        "<tool_call>{\"name\":\"add\",\"arguments\":{},\"name\":\"weather\"}</tool_call>",
        "<tool_call>{\"name\":\"add\",\"arguments\":{},\"parameters\":{}}</tool_call>"
      })
  void whatBeganAsACallAndIsNoneIsBroken(String text) {
    for (int cut = 1; cut < text.length(); cut++) {
      Streamed streamed = stream(ToolFormat.HERMES, cut, text);

      assertTrue(streamed.broken, text);
      assertEquals("'' []", streamed.told.toString());
    }
  }

  @Test
  void callsWhoseArgumentsAreNotKnownToBeOnesAreToldAtOnce() {
    String late = "<tool_call>{\"arguments\":{\"a\":1},\"name\":\"add\"}</tool_call>";
    String quoted = "<tool_call>{\"name\":\"add\",\"arguments\":\"{}\"}</tool_call>";
    String other = "<tool_call>{\"name\":\"other\",\"arguments\":{}}</tool_call>";

    Streamed streamed = stream(ToolFormat.HERMES, 1, late + quoted + other);

    assertEquals("'" + other + "' [add({\"a\":1}), add({})]", streamed.told.toString());
    assertEquals(List.of(), streamed.pieces);
  }

  @Test
  void deepArgumentsAreNoCall() {
    String deep = "[".repeat(100) + "]".repeat(100);
    String text = "<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":" + deep + "}}</tool_call>";

    assertEquals("'" + text + "' []", parse(ToolFormat.HERMES, text).toString());
  }

  @Test
  void withoutAFormatNothingIsParsed() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new ToolCallParser(ToolFormat.NONE, FUNCTIONS, new Recorder()));
  }
}
