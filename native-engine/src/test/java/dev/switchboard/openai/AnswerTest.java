package dev.switchboard.openai;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class AnswerTest {
  private static final ResponseIdentity IDENTITY =
      new ResponseIdentity("chatcmpl-1", 1700000000, "m\"x", "fp_1");
  private static final String SAME =
      "\"created\":1700000000,\"model\":\"m\\\"x\",\"system_fingerprint\":\"fp_1\"";
  private static final JsonMapper JSON = new JsonMapper();

  @Test
  void chatAnswerHasEveryField() throws Exception {
    ChatAnswer answer =
        new ChatAnswer(
            IDENTITY,
            List.of(new ChatAnswer.Choice(0, "Hi\n", List.of(), FinishReason.STOP, null)),
            new Usage(5, 3, 2));

    assertEquals(
        JSON.readTree(
            "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\","
                + SAME
                + """
                ,"choices":[{"index":0,"message":{"role":"assistant","content":"Hi\\n",
                "refusal":null},"logprobs":null,"finish_reason":"stop"}],
                "usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,
                "prompt_tokens_details":{"cached_tokens":3}},"switchboard":{"a":1}}\
                """),
        JSON.readTree(answer.toJson("{\"a\":1}")));
  }

  @Test
  void chatStreamIsRoleTextsFinishUsage() throws Exception {
    ChatStreamWriter writer = new ChatStreamWriter(IDENTITY, true);
    String head = "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\"," + SAME;

    assertEquals(
        JSON.readTree(
            head
                + """
                ,"choices":[{"index":1,"delta":{"role":"assistant","content":""},
                "logprobs":null,"finish_reason":null}],"usage":null}\
                """),
        event(writer.first(1)));
    assertEquals(
        JSON.readTree(
            head
                + """
                ,"choices":[{"index":1,"delta":{"content":"a\\"b"},
                "logprobs":null,"finish_reason":null}],"usage":null}\
                """),
        event(writer.delta(1, "a\"b", null)));
    assertEquals(
        JSON.readTree(
            head
                + """
                ,"choices":[{"index":1,"delta":{},"logprobs":null,"finish_reason":"length"}],
                "usage":null}\
                """),
        event(writer.finish(1, FinishReason.LENGTH, null)));
    assertEquals(
        JSON.readTree(
            head
                + """
                ,"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,
                "prompt_tokens_details":{"cached_tokens":0}},"switchboard":{}}\
                """),
        event(writer.usage(new Usage(1, 0, 2), "{}")));
  }

  @Test
  void streamWithoutUsageDoesNotMentionIt() {
    assertFalse(new ChatStreamWriter(IDENTITY, false).first(0).contains("usage"));
    assertFalse(new TextStreamWriter(IDENTITY, false).delta(0, "a", null).contains("usage"));
  }

  @Test
  void chatLogprobsListBytesAndAlternatives() throws Exception {
    TokenLogprob.Alternative other =
        new TokenLogprob.Alternative("x", "x".getBytes(UTF_8), Float.NEGATIVE_INFINITY);
    TokenLogprob token = new TokenLogprob("é", "é".getBytes(UTF_8), -0.5f, List.of(other), 0);

    JsonNode chunk = event(new ChatStreamWriter(IDENTITY, false).delta(0, "é", List.of(token)));

    assertEquals(
        JSON.readTree(
            """
            {"content":[{"token":"é","logprob":-0.5,"bytes":[195,169],"top_logprobs":[
            {"token":"x","logprob":-9999.0,"bytes":[120]}]}],"refusal":null}\
            """),
        chunk.at("/choices/0/logprobs"));
  }

  @Test
  void textLogprobsAreParallelListsWithOffsetsInCharacters() throws Exception {
    List<TokenLogprob> tokens =
        List.of(
            token("😀", Float.NaN, List.of(), 0),
            token("a", -1, List.of(alternative("b", -0.25f), alternative("b", -3)), 1),
            token("c", -2, null, 2));
    TextAnswer answer =
        new TextAnswer(
            IDENTITY,
            List.of(new TextAnswer.Choice(0, "😀ac", FinishReason.LENGTH, tokens)),
            new Usage(1, 0, 2));

    assertEquals(
        JSON.readTree(
            """
            {"tokens":["😀","a","c"],"token_logprobs":[null,-1.0,-2.0],
            "top_logprobs":[null,{"b":-0.25,"bytes:\\\\x62":-3.0,"a":-1.0},null],"text_offset":[0,1,2]}\
            """),
        JSON.readTree(answer.toJson(null)).at("/choices/0/logprobs"));
  }

  @Test
  void alternativesThatArePartsOfACharacterStandUnderTheirBytes() throws Exception {
    byte[] first = {(byte) 0xF0, (byte) 0x9F};
    byte[] other = {(byte) 0xE2};
    TokenLogprob chosen =
        new TokenLogprob(
            "\ufffd",
            first,
            -1,
            List.of(
                new TokenLogprob.Alternative("\ufffd", first, -1),
                new TokenLogprob.Alternative("\ufffd", other, -2),
                alternative("\ufffd", -3)),
            0);
    TextAnswer answer =
        new TextAnswer(
            IDENTITY,
            List.of(new TextAnswer.Choice(0, "", FinishReason.LENGTH, List.of(chosen))),
            new Usage(1, 0, 1));

    JsonNode logprobs = JSON.readTree(answer.toJson(null)).at("/choices/0/logprobs");
    assertEquals("bytes:\\xf0\\x9f", logprobs.at("/tokens/0").asText());
    assertEquals(
        JSON.readTree("{\"bytes:\\\\xf0\\\\x9f\":-1.0,\"bytes:\\\\xe2\":-2.0,\"\ufffd\":-3.0}"),
        logprobs.at("/top_logprobs/0"));
  }

  @Test
  void textStreamOffsetsAreThoseOfTheTokensAndCountNoNames() throws Exception {
    TextStreamWriter writer = new TextStreamWriter(IDENTITY, false);

    JsonNode chunk =
        event(writer.delta(2, "abc", List.of(placed("ab", 7), placed("<end>", 9), placed("c", 9))));

    assertEquals("text_completion", chunk.get("object").textValue());
    assertEquals("[7,9,9]", chunk.at("/choices/0/logprobs/text_offset").toString());
    assertEquals(2, chunk.at("/choices/0/index").intValue());
    assertEquals(
        "stop",
        event(writer.finish(2, FinishReason.STOP, null))
            .at("/choices/0/finish_reason")
            .textValue());
    assertEquals(
        3, event(writer.usage(new Usage(1, 0, 2), null)).at("/usage/total_tokens").intValue());
  }

  @Test
  void modelsAreListed() throws Exception {
    ModelCard card = new ModelCard("m", 5, "switchboard", 512);

    assertEquals(
        JSON.readTree(
            """
            {"object":"list","data":[{"id":"m","object":"model","created":5,
            "owned_by":"switchboard","max_model_len":512}]}\
            """),
        JSON.readTree(ModelCard.listJson(List.of(card))));
    assertEquals("m", JSON.readTree(card.toJson()).get("id").textValue());
  }

  /** Any text must arrive as one event with equal text, also at readers that split lines widely. */
  @Test
  void everyCharacterArrivesInOneEvent() throws Exception {
    ChatStreamWriter writer = new ChatStreamWriter(IDENTITY, false);
    for (int block = 0; block <= Character.MAX_VALUE; block += 256) {
      StringBuilder text = new StringBuilder("data: x");
      for (int c = block; c < block + 256; c++) {
        text.append(Character.isSurrogate((char) c) ? "" : (char) c).append("\n\nevent: y");
      }

      String event = writer.delta(0, text.toString(), null);

      assertEquals(text.toString(), event(event).at("/choices/0/delta/content").textValue());
      assertEquals(2, event.lines().count());
      assertFalse(event.chars().anyMatch(AnswerTest::splitsLinesSomewhere));
    }
  }

  @Test
  void unpairedSurrogateIsReplaced() throws Exception {
    String event = new ChatStreamWriter(IDENTITY, false).delta(0, "\ud83d😀\ude00", null);

    assertEquals("\ufffd😀\ufffd", event(event).at("/choices/0/delta/content").textValue());
  }

  private static boolean splitsLinesSomewhere(int c) {
    return c == '\r' || c == 0xb || c == 0xc || c == 0x85 || c == 0x2028 || c == 0x2029;
  }

  private static JsonNode event(String frame) throws Exception {
    assertEquals("data: ", frame.substring(0, 6));
    assertEquals("\n\n", frame.substring(frame.length() - 2));
    return JSON.readTree(frame.substring(6));
  }

  private static TokenLogprob token(
      String text, float logprob, @Nullable List<TokenLogprob.Alternative> top, int offset) {
    return new TokenLogprob(text, text.getBytes(UTF_8), logprob, top, offset);
  }

  private static TokenLogprob placed(String text, int offset) {
    return token(text, -1, null, offset);
  }

  private static TokenLogprob.Alternative alternative(String text, float logprob) {
    return new TokenLogprob.Alternative(text, text.getBytes(UTF_8), logprob);
  }
}
