package dev.switchboard.toolcall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The format of published templates, and of texts that only resemble them. */
class ToolFormatTest {

  @ParameterizedTest
  @CsvSource({
    "Qwen-Qwen2.5-7B-Instruct, HERMES",
    "meta-llama-Llama-3.1-8B-Instruct, LLAMA",
    "mistralai-Mistral-Nemo-Instruct-2407, MISTRAL",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B, NONE",
    "google-gemma-2-2b-it, NONE",
    "microsoft-Phi-3.5-mini-instruct, NONE",
  })
  void aPublishedTemplateShowsItsFormat(String template, ToolFormat format) throws IOException {
    String path = "/golden/chat_templates/" + template + ".jinja";
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
