package dev.switchboard.openai;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Mutated valid bodies end in a request or in a 4xx with a JSON body, never in anything else. */
class RequestFuzzTest {
  private static final TemplateForm FORM =
      new TemplateForm(ChatMessage.ArgumentForm.MAP, TemplateForm.ContentForm.NULL);
  private static final long SEED = 20261125;
  private static final int MUTATIONS = 20_000;
  private static final JsonMapper JSON = new JsonMapper();
  private static final RequestParser PARSER = new RequestParser(RequestLimits.DEFAULT);

  private static final List<byte[]> BODIES =
      List.of(
          bytes(
              """
              {"model":"m","messages":[{"role":"system","content":"a"},
              {"role":"user","content":[{"type":"text","text":"ü😀"}],"name":"n"},
              {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",
              "function":{"name":"f","arguments":"{\\"a\\":[1,{}]}"}}]},
              {"role":"tool","tool_call_id":"c","content":"1"}],
              "tools":[{"type":"function","function":{"name":"f","parameters":{"a":1.5}}}],
              "tool_choice":"auto","response_format":{"type":"text"},"logit_bias":{"1":-1},
              "stop":["a","b"],"stream":true,"stream_options":{"include_usage":true},"seed":7,
              "temperature":0.5,"top_p":0.5,"top_k":5,"n":2,"logprobs":true,"top_logprobs":2,
              "max_tokens":5,"chat_template_kwargs":{"x":null}}\
              """),
          bytes(
              "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\","
                  + "\"dimensions\":3,\"user\":\"u\",\"priority\":1}"),
          bytes("{\"model\":\"m\",\"input\":[[1,2],[3]]}"),
          bytes(
              "{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\",{\"text\":\"b\"}],"
                  + "\"top_n\":1,\"return_documents\":true}"),
          bytes("{\"model\":\"m\",\"prompt\":[[1,2,3],[4]],\"echo\":true,\"logprobs\":3}"),
          bytes(
              "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"],\"n\":2,\"best_of\":2,\"max_tokens\":9}"));

  private static final List<String> SPLICES =
      List.of(
          "null",
          "true",
          "-1",
          "1e400",
          "-0.0",
          "99999999999999999999999",
          "\"\"",
          "[]",
          "{}",
          "[[",
          "}}",
          ",",
          ":",
          "\"",
          "\\",
          "\\ud800",
          "\u0000",
          "\ufeff",
          "{\"a\":",
          "1.5",
          "[1,",
          "\"role\"",
          "\"content\"",
          "é");

  @Test
  void mutatedBodiesEndInARequestOrAnApiError() {
    SplittableRandom random = new SplittableRandom(SEED);

    assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () -> {
          for (int i = 0; i < MUTATIONS; i++) {
            byte[] body = mutate(BODIES.get(i % BODIES.size()), random);
            tryAll(body);
          }
        });
  }

  private static void tryAll(byte[] body) {
    try {
      PARSER.parseChat(body).conversation().templateVariables(FORM);
    } catch (ApiException refused) {
      assertGoodError(refused.error());
    }
    try {
      PARSER.parseTokenize(body);
    } catch (ApiException refused) {
      assertGoodError(refused.error());
    }
    try {
      PARSER.parseDetokenize(body);
    } catch (ApiException refused) {
      assertGoodError(refused.error());
    }
    try {
      assertTrue(PARSER.parseEmbedding(body).texts().size() <= 2048);
    } catch (ApiException refused) {
      assertGoodError(refused.error());
    }
    try {
      RerankRequest rerank = PARSER.parseRerank(body);
      assertTrue(rerank.topN() <= rerank.documents().size());
    } catch (ApiException refused) {
      assertGoodError(refused.error());
    }
    try {
      assertTrue(PARSER.parseText(body).prompts().size() <= 128);
    } catch (ApiException refused) {
      assertGoodError(refused.error());
    }
  }

  private static void assertGoodError(ApiError error) {
    assertEquals(400, error.status());
    assertTrue(error.message().length() < 2048);
    try {
      assertEquals(error.message(), JSON.readTree(error.toJson()).at("/error/message").asText());
    } catch (JsonProcessingException e) {
      throw new AssertionError(error.toJson(), e);
    }
  }

  private static byte[] mutate(byte[] body, SplittableRandom random) {
    byte[] result = body;
    int times = 1 + random.nextInt(3);
    for (int i = 0; i < times; i++) {
      result = mutateOnce(result, random);
    }
    return result;
  }

  private static byte[] mutateOnce(byte[] body, SplittableRandom random) {
    int from = random.nextInt(body.length + 1);
    int to = Math.min(body.length, from + random.nextInt(12));
    return switch (random.nextInt(5)) {
      case 0 -> join(body, from, new byte[] {(byte) random.nextInt(256)}, to);
      case 1 -> join(body, from, bytes(SPLICES.get(random.nextInt(SPLICES.size()))), to);
      case 2 -> join(body, from, bytes(SPLICES.get(random.nextInt(SPLICES.size()))), from);
      case 3 -> join(body, from, Arrays.copyOfRange(body, from, to), from);
      default -> join(body, from, new byte[0], to);
    };
  }

  private static byte[] join(byte[] body, int headEnd, byte[] middle, int tailStart) {
    byte[] joined = new byte[headEnd + middle.length + body.length - tailStart];
    System.arraycopy(body, 0, joined, 0, headEnd);
    System.arraycopy(middle, 0, joined, headEnd, middle.length);
    System.arraycopy(body, tailStart, joined, headEnd + middle.length, body.length - tailStart);
    return joined;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }
}
