package dev.switchboard.chat;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What Python's jinja2 renders, from the test resources. */
final class GoldenTemplates {
  /** The day the expected answers were made on. */
  static final Clock CLOCK = Clock.fixed(Instant.parse("2024-07-26T12:34:56Z"), ZoneOffset.UTC);

  /** Templates that take a single user message. */
  static final List<String> FILES =
      List.of(
          "chat_templates/NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja",
          "chat_templates/Qwen-Qwen2.5-7B-Instruct.jinja",
          "chat_templates/Qwen-Qwen3-0.6B.jinja",
          "chat_templates/deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja",
          "chat_templates/google-gemma-2-2b-it.jinja",
          "chat_templates/meta-llama-Llama-3.1-8B-Instruct.jinja",
          "chat_templates/microsoft-Phi-3.5-mini-instruct.jinja",
          "chat_templates/mistralai-Mistral-Nemo-Instruct-2407.jinja",
          "jinja/chatml_thinking.jinja",
          "jinja/documents_sections.jinja",
          "jinja/header_dates.jinja",
          "jinja/turns_parts.jinja");

  private static final JsonMapper JSON = new JsonMapper();

  private GoldenTemplates() {}

  /** A file of the published templates, or of those in the folder that a property names. */
  static String published(String file) {
    String folder = System.getProperty("switchboard.golden.templates");
    try {
      return folder == null
          ? text("chat_templates/" + file)
          : Files.readString(Path.of(folder, file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String text(String resource) {
    String path = "/golden/" + resource;
    try (InputStream in =
        Objects.requireNonNull(GoldenTemplates.class.getResourceAsStream(path), path)) {
      return new String(in.readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonNode json(String resource) {
    return parse(text(resource));
  }

  static JsonNode parse(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static ChatTemplate compile(String source) {
    return ChatTemplates.compile(source, TemplateLimits.DEFAULT, CLOCK);
  }

  /** Members as plain Java values. */
  static Map<String, @Nullable Object> plain(JsonNode object) {
    return JSON.convertValue(
        object,
        JSON.getTypeFactory().constructMapType(LinkedHashMap.class, String.class, Object.class));
  }
}
