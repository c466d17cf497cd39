package dev.switchboard.chat;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
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
          "jinja/chatml_thinking.jinja",
          "jinja/documents_sections.jinja",
          "jinja/header_dates.jinja",
          "jinja/one_line_thinking.jinja",
          "jinja/short_forms.jinja",
          "jinja/single_line.jinja",
          "jinja/tools_brackets.jinja",
          "jinja/tools_headers.jinja",
          "jinja/tools_tagged.jinja",
          "jinja/turns_parts.jinja",
          "jinja/typed_tool_calls.jinja");

  private static final JsonMapper JSON = new JsonMapper();

  private GoldenTemplates() {}

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
