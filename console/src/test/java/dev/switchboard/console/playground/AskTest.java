package dev.switchboard.console.playground;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AskTest {
  private static Ask ask(boolean chat, String prompt, String schema, String tools) {
    return new Ask(
        chat,
        "m",
        "be brief",
        List.of(new Ask.Said("user", "a"), new Ask.Said("assistant", "b")),
        prompt,
        0.5,
        10,
        "interactive",
        200,
        null,
        null,
        schema,
        tools);
  }

  @Test
  void aChatSendsSystemAndWhatWasSaid() {
    assertEquals(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},"
            + "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
            + "{\"role\":\"user\",\"content\":\"c\"}],\"temperature\":0.5,\"max_tokens\":10,"
            + "\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
        ask(true, "c", "", "").body().toString());
  }

  @Test
  void aCompletionSendsThePrompt() {
    Ask ask = ask(false, "c", "", "[]");

    assertEquals("c", ask.body().path("prompt").asString(""));
    assertFalse(ask.body().has("messages"));
    assertFalse(ask.body().has("tools"));
    assertEquals("/v1/completions", ask.path());
  }

  @Test
  void schemaAndToolsAreSentAsJson() {
    var body = ask(true, "c", "{\"type\": \"object\"}", "[{\"type\": \"function\"}]").body();

    assertEquals(
        "object",
        body.path("response_format").path("json_schema").path("schema").path("type").asString(""));
    assertEquals("function", body.path("tools").path(0).path("type").asString(""));
  }

  @Test
  void whatCannotBeSentIsSaid() {
    assertEquals("Say something", ask(true, " ", "", "").problem());
    assertEquals("The schema is no JSON object", ask(true, "c", "[", "").problem());
    assertEquals("The schema is no JSON object", ask(true, "c", "[]", "").problem());
    assertEquals("The tools are no JSON array", ask(true, "c", "", "{}").problem());
    assertTrue(
        String.valueOf(ask(true, "x".repeat(Ask.TEXT_MAX), "", "").problem()).contains("100000"));
    assertNull(ask(true, "c", "{}", "[]").problem());
  }

  @Test
  void objectivesAreHeaders() {
    assertEquals(
        Map.of("X-SLO-Class", "interactive", "X-SLO-TTFT-Ms", "200"),
        ask(true, "c", "", "").headers());
  }

  @Test
  void aShellTakesTheCommandAsOneText() {
    String command = ask(true, "it's $HOME", "", "").curl("http://h:1", true);

    assertTrue(command.contains("it'\\''s $HOME"), command);
    assertTrue(command.contains("Bearer $SWITCHBOARD_API_KEY"), command);
    assertFalse(ask(true, "c", "", "").curl("http://h:1", false).contains("Authorization"));
  }

  @Test
  void pythonHasItsOwnWordsForJson() {
    String code =
        ask(true, "say \"true\"\n", "{\"additionalProperties\": false}", "")
            .python("http://h:1", true);

    assertTrue(code.contains("base_url=\"http://h:1/v1\""), code);
    assertTrue(code.contains("stream=True"), code);
    assertTrue(code.contains("{\"additionalProperties\": False}"), code);
    assertTrue(code.contains("\"say \\\"true\\\"\\n\""), code);
    assertTrue(code.contains("extra_headers={\"X-SLO-Class\": \"interactive\""), code);
  }

  @Test
  void aGatewayThatListensEverywhereIsReachedWhereItsAdminApiIs() {
    URI admin = URI.create("http://10.0.0.7:9901");

    assertEquals(
        "http://10.0.0.7:8080", PlaygroundPresenter.reachable("http://0.0.0.0:8080", admin));
    assertEquals("http://h:8080", PlaygroundPresenter.reachable("http://h:8080", admin));
    assertEquals("", PlaygroundPresenter.reachable("no url", admin));
  }
}
