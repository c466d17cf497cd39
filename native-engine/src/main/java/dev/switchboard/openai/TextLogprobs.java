package dev.switchboard.openai;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Log-probabilities as text completions write them: four parallel lists. */
final class TextLogprobs {
  private TextLogprobs() {}

  /**
   * @param textOffset where the first token begins in the choice's text, in characters (code
   *     points)
   */
  static void write(JsonWriter json, @Nullable List<TokenLogprob> logprobs, int textOffset) {
    if (logprobs == null) {
      json.raw("null");
      return;
    }
    json.raw("{\"tokens\":[");
    for (int i = 0; i < logprobs.size(); i++) {
      json.raw(comma(i)).string(logprobs.get(i).token());
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
    writeOffsets(json, logprobs, textOffset);
    json.raw("]}");
  }

  private static void writeLogprob(JsonWriter json, float logprob) {
    if (Float.isNaN(logprob)) {
      json.raw("null");
    } else {
      json.logprob(logprob);
    }
  }

  /** A map from text to log-probability; of several tokens with one text the best one stays. */
  private static void writeTop(JsonWriter json, TokenLogprob token) {
    List<TokenLogprob.Alternative> top = token.top();
    if (top == null || Float.isNaN(token.logprob())) {
      json.raw("null");
      return;
    }
    json.raw("{");
    Set<String> written = new HashSet<>();
    for (TokenLogprob.Alternative alternative : top) {
      if (written.add(alternative.token())) {
        json.raw(comma(written.size() - 1)).string(alternative.token());
        json.raw(":").logprob(alternative.logprob());
      }
    }
    if (written.add(token.token())) {
      json.raw(comma(written.size() - 1)).string(token.token());
      json.raw(":").logprob(token.logprob());
    }
    json.raw("}");
  }

  private static void writeOffsets(JsonWriter json, List<TokenLogprob> logprobs, int textOffset) {
    int offset = textOffset;
    for (int i = 0; i < logprobs.size(); i++) {
      json.raw(comma(i)).number(offset);
      String text = logprobs.get(i).token();
      offset += text.codePointCount(0, text.length());
    }
  }

  private static String comma(int index) {
    return index == 0 ? "" : ",";
  }
}
