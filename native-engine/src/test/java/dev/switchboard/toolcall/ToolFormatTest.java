package dev.switchboard.toolcall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The format of templates, and of texts that only resemble them. */
class ToolFormatTest {

  @ParameterizedTest
  @CsvSource({
    "tools_tagged, HERMES",
    "chatml_thinking, HERMES",
    "typed_tool_calls, HERMES",
    "tools_headers, LLAMA",
    "tools_brackets, MISTRAL",
    "one_line_thinking, NONE",
    "turns_parts, NONE",
    "short_forms, NONE",
  })
  void aTemplateShowsItsFormat(String template, ToolFormat format) throws IOException {
    String path = "/golden/jinja/" + template + ".jinja";
    try (var in = Objects.requireNonNull(getClass().getResourceAsStream(path), path)) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);

      assertEquals(format, ToolFormat.of(text));
    }
  }

  @Test
  void anotherFormatBehindTheSameMarkerIsNone() {
    assertEquals(ToolFormat.NONE, ToolFormat.of("<tool_call>\n<function=f>"));
    assertEquals(ToolFormat.NONE, ToolFormat.of("[TOOL_CALLS]f[ARGS]{}"));
  }
}
