package dev.switchboard.openai;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The answer to {@code POST /tokenize}.
 *
 * @param contextTokens longest prompt and answer together
 * @param tokenStrings each token as the vocabulary spells it; null when they were not asked for
 */
public record TokenizeAnswer(int[] tokens, int contextTokens, @Nullable List<String> tokenStrings) {
  private static final int TOKEN_CHARS = 8;

  /** The body. */
  public String toJson() {
    JsonWriter json = new JsonWriter(128 + TOKEN_CHARS * tokens.length);
    json.raw("{\"count\":").number(tokens.length);
    json.raw(",\"max_model_len\":").number(contextTokens).raw(",\"tokens\":[");
    for (int i = 0; i < tokens.length; i++) {
      json.raw(i == 0 ? "" : ",").number(tokens[i]);
    }
    json.raw("],\"token_strs\":");
    writeStrings(json);
    return json.raw("}").toString();
  }

  private void writeStrings(JsonWriter json) {
    if (tokenStrings == null) {
      json.raw("null");
      return;
    }
    json.raw("[");
    for (int i = 0; i < tokenStrings.size(); i++) {
      json.raw(i == 0 ? "" : ",").string(tokenStrings.get(i));
    }
    json.raw("]");
  }
}
