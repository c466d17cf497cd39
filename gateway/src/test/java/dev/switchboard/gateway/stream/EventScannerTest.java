package dev.switchboard.gateway.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.gateway.stream.EventScanner.Kind;
import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EventScannerTest {
  private static final List<String> EVENTS =
      List.of(
          "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
          "data: {\"choices\":[{\"delta\":{\"content\":\"H\u00e4\"}}]}\r\n\r\n",
          ": a comment\n\n",
          "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
          "data: [DONE]\n\n");

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "data: [DONE] | DONE",
        ":answer chatcmpl-1 17 3 9 | NOTE",
        ":tokens 0/0o:1,2 | NOTE",
        ": keep alive | OTHER",
        "data:[DONE] | DONE",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]} | PRELUDE",
        "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]} | CONTENT",
        "data: {\"choices\": [{\"delta\": {\"content\": \"x\"}}]} | CONTENT",
        "data: {\"choices\":[{\"text\":\"x\"}],\"usage\":null} | CONTENT",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]} | CONTENT",
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"x\"}}]} | CONTENT",
        "data: {\"choices\":[{\"delta\":{\"reasoning\":\"x\",\"content\":\"\"}}]} | CONTENT",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"refusal\":\"x\"}}]} | CONTENT",
        "data: {\"choices\":[{\"delta\": { \"role\" : \"a\\\"\", \"a\": { }, \"b\": \"x\"}}]} |"
            + " CONTENT",
        "data: {\"choices\":[{\"delta\":{\"audio\":{\"data\":\"x\"}}}]} | CONTENT",
        "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"text\"}]}}]} | CONTENT",
        "data: {\"choices\":[{\"delta\":{\"function_call\":{\"name\":\"f\"}}}]} | CONTENT",
        "data: {\"choices\":[{\"delta\":\"x\"}]} | CONTENT",
        "data: {\"choices\":[{\"message\":{\"thinking\":\"x\"}}]} | CONTENT",
        "data: {\"choices\":[{\"text\":\"\",\"token_ids\":[1]}]} | CONTENT",
        "data: {\"choices\":[{\"delta\":{},\"logprobs\":{\"content\":[{\"token\":\"\"}]}}]} |"
            + " CONTENT",
        "data:"
            + " {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"refusal\":null,\"reasoning\":\"\"}}]}"
            + " | PRELUDE",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[],\"audio\":{},\"content\":null}}]} |"
            + " OTHER",
        "data: {\"choices\":[{\"text\":\"\",\"token_ids\":null,\"logprobs\":null}]} | OTHER",
        "data: {\"object\":\"error\",\"message\":\"m\"} | OTHER",
        "data: {\"choices\":[{\"delta\":{\"reasoning\":\"x\"}}],\"usage\":{}} | SPECIAL",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]} | FINISH",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}} | SPECIAL",
        "data: {\"choices\":[],\"switchboard\":{}} | SPECIAL",
        "data: {\"error\":{\"message\":\"m\"}} | SPECIAL",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"switchboard\\\":\"}}]} | CONTENT",
        "data: {\"choices\":[{\"delta\":{\"content\":\"data: [DONE]\"}}]} | CONTENT",
        ": comment | OTHER"
      })
  void anEventIsWhatItsBytesSay(String event, Kind kind) {
    byte[] bytes = (event.strip() + "\n\n").getBytes(StandardCharsets.UTF_8);

    assertEquals(kind, EventScanner.kind(bytes, 0, bytes.length));
  }

  @Property
  void eventsAreTheSameHoweverTheNetworkCutsThem(
      @ForAll @IntRange(min = 1, max = 400) int first,
      @ForAll @IntRange(min = 1, max = 64) int then) {
    byte[] bytes = String.join("", EVENTS).getBytes(StandardCharsets.UTF_8);
    EventScanner scanner = new EventScanner();
    List<String> events = new ArrayList<>();

    int at = 0;
    int next = Math.min(first, bytes.length);
    while (at < bytes.length) {
      scanner.feed(
          Buffer.buffer(java.util.Arrays.copyOfRange(bytes, at, next)),
          (kind, event, from, to) ->
              events.add(new String(event, from, to - from, StandardCharsets.UTF_8)));
      at = next;
      next = Math.min(next + then, bytes.length);
    }

    assertEquals(EVENTS, events);
  }

  @Test
  void anEventWithoutEndIsRefusedAtTheLimit() {
    EventScanner scanner = new EventScanner();
    Buffer chunk = Buffer.buffer("x".repeat(1 << 20));
    for (int i = 0; i < 4; i++) {
      scanner.feed(chunk, (kind, event, from, to) -> {});
    }

    assertThrows(
        IllegalStateException.class, () -> scanner.feed(chunk, (kind, event, from, to) -> {}));
  }
}
