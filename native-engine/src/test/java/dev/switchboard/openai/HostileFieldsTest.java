package dev.switchboard.openai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.switchboard.constraint.HostileNumbers;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Every number that a request may have, at the values at which sizes and sums overflow. */
class HostileFieldsTest {
  private static final List<String> FIELDS =
      List.of(
          "n",
          "best_of",
          "logprobs",
          "top_logprobs",
          "top_k",
          "top_p",
          "min_p",
          "temperature",
          "max_tokens",
          "max_completion_tokens",
          "min_tokens",
          "seed",
          "repetition_penalty",
          "presence_penalty",
          "frequency_penalty",
          "priority",
          "dimensions",
          "top_n",
          "prompt_logprobs",
          "truncate_prompt_tokens");

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final RequestParser PARSER = new RequestParser(RequestLimits.DEFAULT);
  private static final long MOST_BYTES = 4 << 20;

  @Test
  void aNumberOutOfBoundsIsRefusedOrTakenAtOnce() {
    for (String number : HostileNumbers.ALL) {
      for (String name : FIELDS) {
        everywhere("\"" + name + "\":" + number);
        everywhere("\"n\":16,\"" + name + "\":" + number);
      }
      everywhere("\"logit_bias\":{\"1\":" + number + "}");
      everywhere("\"logit_bias\":{\"" + number + "\":1}");
      everywhere("\"stop\":" + number);
      everywhere("\"stop\":[" + number + "]");
      everywhere("\"stream_options\":{\"include_usage\":" + number + "}");
      everywhere(
          "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":"
              + "{\"type\":\"object\",\"maxProperties\":"
              + number
              + "}}}]");
      everywhere("\"chat_template_kwargs\":{\"a\":" + number + "}");
      text("{\"model\":\"m\",\"prompt\":[" + number + "]}");
      text("{\"model\":\"m\",\"prompt\":[[" + number + "]],\"n\":" + number + "}");
      said(PARSER::parseEmbedding, "{\"model\":\"m\",\"input\":[" + number + "]}");
      said(PARSER::parseDetokenize, "{\"model\":\"m\",\"tokens\":[" + number + "]}");
    }
  }

  @Test
  void whatThereIsMoreOfThanMayBeIsRefused() {
    everywhere("\"logit_bias\":{" + many("\"%d\":1", 5000) + "}");
    everywhere("\"stop\":[" + many("\"%d\"", 100_000) + "]");
    everywhere("\"guided_choice\":[" + many("\"%d\"", 100_000) + "]");
    everywhere("\"tools\":[" + many("{\"x\":%d}", 50_000) + "]");
    said(PARSER::parseEmbedding, "{\"model\":\"m\",\"input\":[" + many("\"%d\"", 300_000) + "]}");
    said(
        PARSER::parseRerank,
        "{\"model\":\"m\",\"query\":\"q\",\"documents\":[" + many("\"%d\"", 300_000) + "]}");
  }

  @Test
  void aNumberOfManyDigitsIsRefused() {
    String digits = "9".repeat(1000);

    for (String name : FIELDS) {
      assertEquals(
          "invalid_json",
          text("{\"model\":\"m\",\"prompt\":\"\",\"%s\":%s}".formatted(name, digits)));
    }
  }

  private static String many(String form, int count) {
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < count; i++) {
      all.append(i == 0 ? "" : ",").append(form.replace("%d", Integer.toString(i)));
    }
    return all.toString();
  }

  private static void everywhere(String field) {
    text("{\"model\":\"m\",\"prompt\":\"hi\"," + field + "}");
    said(
        PARSER::parseChat,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]," + field + "}");
    said(PARSER::parseEmbedding, "{\"model\":\"m\",\"input\":\"hi\"," + field + "}");
    said(
        PARSER::parseRerank,
        "{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\"]," + field + "}");
  }

  private static String text(String body) {
    return said(PARSER::parseText, body);
  }

  /** The code of its refusal; whatever else is thrown fails the test. */
  private static String said(Consumer<byte[]> parser, String body) {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    long before = THREADS.getCurrentThreadAllocatedBytes();
    String said = "";
    try {
      parser.accept(bytes);
    } catch (ApiException refused) {
      assertEquals(400, refused.error().status(), body.substring(0, Math.min(200, body.length())));
      said = String.valueOf(refused.error().code());
    }
    long taken = THREADS.getCurrentThreadAllocatedBytes() - before;
    assertTrue(taken < MOST_BYTES + 40L * bytes.length, () -> taken + " bytes for " + bytes.length);
    return said;
  }
}
