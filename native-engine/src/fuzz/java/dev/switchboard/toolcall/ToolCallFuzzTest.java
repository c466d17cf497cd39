package dev.switchboard.toolcall;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Texts made of the pieces that calls are made of: however they are put together and cut, the parts
 * are the same, in their order, and every call is one. A text is made again by its number.
 */
class ToolCallFuzzTest {
  private static final int TEXTS = 20_000;
  private static final JsonMapper JSON = new JsonMapper();

  private static final List<ToolFormat> FORMATS =
      List.of(ToolFormat.HERMES, ToolFormat.LLAMA, ToolFormat.MISTRAL);

  private static final List<String> FRAGMENTS =
      List.of(
          "<tool_call>",
          "</tool_call>",
          "[TOOL_CALLS]",
          "<|python_tag|>",
          "{\"name\":\"f\",\"arguments\":{\"a\":1}}",
          "{\"name\":\"f\",\"parameters\":{}}",
          "{\"name\":\"f\",",
          "{\"name\":\"f\",\"arguments\":{\"a\":",
          "\"arguments\":",
          "{",
          "}",
          "[",
          "]",
          ",",
          ";",
          ":",
          " ",
          "\n",
          "\"",
          "\\",
          "\\u00e9",
          "-0.5e+7",
          "true",
          "nul",
          "é",
          "😀",
          "word");

  /** Everything told, in order. */
  private record Parts(List<String> order, String content, int calls) {
    static Parts of(ToolFormat format, String text, SplittableRandom cuts) {
      List<String> order = new ArrayList<>();
      StringBuilder content = new StringBuilder();
      List<FunctionCall> calls = new ArrayList<>();
      ToolCallParser parser =
          new ToolCallParser(
              format,
              Set.of("f"),
              new ToolCallParser.Listener() {
                @Override
                public void content(String piece) {
                  content.append(piece);
                }

                @Override
                public void call(FunctionCall call) {
                  order.add(content.length() + ":" + call);
                  calls.add(call);
                }
              });
      int at = 0;
      while (at < text.length()) {
        int to = Math.min(text.length(), at + 1 + cuts.nextInt(20));
        parser.accept(text.substring(at, to));
        at = to;
      }
      parser.finish();
      calls.forEach(
          call ->
              assertTrue(
                  assertDoesNotThrow(() -> JSON.readTree(call.arguments())).isObject(), text));
      return new Parts(order, content.toString(), calls.size());
    }
  }

  @Test
  void everyTextIsPartedTheSameWayHoweverItIsCut() {
    int calls = 0;
    int broken = 0;
    for (int number = 0; number < TEXTS; number++) {
      SplittableRandom random = new SplittableRandom(number);
      ToolFormat format = FORMATS.get(random.nextInt(FORMATS.size()));
      String text = text(random);

      Parts parts = Parts.of(format, text, random);

      assertEquals(parts, Parts.of(format, text, random), text);
      if (parts.calls == 0) {
        assertEquals(text, parts.content);
      }
      assertTrue(isWithin(parts.content, text), text);
      ToolCallParserTest.Streamed streamed =
          ToolCallParserTest.stream(format, 1 + random.nextInt(9), text, Set.of("f"));
      if (!streamed.broken) {
        assertEquals(parts.content, streamed.told.content.toString(), text);
        assertEquals(parts.calls, streamed.told.calls.size(), text);
      }
      broken += streamed.broken ? 1 : 0;
      calls += parts.calls;
    }
    assertTrue(calls > TEXTS / 50, calls + " calls");
    assertTrue(broken > TEXTS / 500, broken + " broken");
  }

  private static String text(SplittableRandom random) {
    StringBuilder text = new StringBuilder();
    int count = 1 + random.nextInt(14);
    for (int i = 0; i < count; i++) {
      text.append(FRAGMENTS.get(random.nextInt(FRAGMENTS.size())));
    }
    return text.toString();
  }

  /** Whether a text came from another by leaving characters out. */
  private static boolean isWithin(String part, String whole) {
    int at = 0;
    for (int i = 0; i < whole.length() && at < part.length(); i++) {
      at += whole.charAt(i) == part.charAt(at) ? 1 : 0;
    }
    return at == part.length();
  }

  @Test
  void theWorkIsLinearInTheText() {
    String hostile =
        "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"<tool_call>{\\\"".repeat(20_000)
            + " ".repeat(200_000);

    assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () -> {
          for (ToolFormat format : Set.of(ToolFormat.HERMES, ToolFormat.LLAMA)) {
            assertEquals(hostile, Parts.of(format, hostile, new SplittableRandom(1)).content());
          }
        });
  }
}
