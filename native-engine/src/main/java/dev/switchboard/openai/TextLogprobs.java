package dev.switchboard.openai;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Log-probabilities as text completions write them: four parallel lists. */
final class TextLogprobs {
  private TextLogprobs() {}

  static void write(JsonWriter json, @Nullable List<TokenLogprob> logprobs) {
    if (logprobs == null) {
      json.raw("null");
      return;
    }
    json.raw("{\"tokens\":[");
    for (int i = 0; i < logprobs.size(); i++) {
      json.raw(comma(i)).string(name(logprobs.get(i).token(), logprobs.get(i).bytes()));
    }
    json.raw("],\"token_logprobs\":[");
    for (int i = 0; i < logprobs.size(); i++) {
      writeLogprob(json.raw(comma(i)), logprobs.get(i).logprob());
    }
    json.raw("],\"top_logprobs\":[");
    for (int i = 0; i < logprobs.size(); i++) {
      writeTop(json.raw(comma(i)), logprobs.get(i));
    }
    json.raw("],\"text_offset\":[");
    for (int i = 0; i < logprobs.size(); i++) {
      json.raw(comma(i)).number(logprobs.get(i).offset());
    }
    json.raw("]}");
  }

  private static void writeLogprob(JsonWriter json, float logprob) {
    if (Float.isNaN(logprob)) {
      json.raw("null");
    } else {
      json.logprob(logprob);
    }
  }

  /**
   * A map from text to log-probability, with every alternative: those that are no text of their
   * own, or that have the text of a better one, stand under their bytes.
   */
  private static void writeTop(JsonWriter json, TokenLogprob token) {
    List<TokenLogprob.Alternative> top = token.top();
    if (top == null || Float.isNaN(token.logprob())) {
      json.raw("null");
      return;
    }
    json.raw("{");
    Set<String> written = new HashSet<>();
    for (TokenLogprob.Alternative alternative : top) {
      String text = name(alternative.token(), alternative.bytes());
      String key = written.contains(text) ? spelled(alternative.bytes()) : text;
      if (written.add(key)) {
        writeEntry(json, written.size() - 1, key, alternative.logprob());
      }
    }
    String chosen = name(token.token(), token.bytes());
    if (written.add(chosen)) {
      writeEntry(json, written.size() - 1, chosen, token.logprob());
    }
    json.raw("}");
  }

  private static void writeEntry(JsonWriter json, int index, String key, float logprob) {
    json.raw(comma(index)).string(key);
    json.raw(":").logprob(logprob);
  }

  /** A token's text, or its bytes where they are no whole characters. */
  private static String name(String text, byte[] bytes) {
    return Arrays.equals(text.getBytes(StandardCharsets.UTF_8), bytes) ? text : spelled(bytes);
  }

  /** As OpenAI's API writes a token that is part of a character. */
  private static String spelled(byte[] bytes) {
    StringBuilder spelled = new StringBuilder("bytes:");
    for (byte value : bytes) {
      spelled.append("\\x").append(HexFormat.of().toHexDigits(value));
    }
    return spelled.toString();
  }

  private static String comma(int index) {
    return index == 0 ? "" : ",";
  }
}
