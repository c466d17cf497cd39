package dev.switchboard.openai;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Log-probabilities as chat completions write them. */
final class ChatLogprobs {
  private ChatLogprobs() {}

  static void write(JsonWriter json, @Nullable List<TokenLogprob> logprobs) {
    if (logprobs == null) {
      json.raw("null");
      return;
    }
    json.raw("{\"content\":[");
    for (int i = 0; i < logprobs.size(); i++) {
      TokenLogprob token = logprobs.get(i);
      open(json, i, token.token(), token.bytes(), token.logprob());
      writeTop(json.raw(",\"top_logprobs\":["), token.top());
      json.raw("]}");
    }
    json.raw("],\"refusal\":null}");
  }

  private static void writeTop(JsonWriter json, @Nullable List<TokenLogprob.Alternative> top) {
    if (top == null) {
      return;
    }
    for (int i = 0; i < top.size(); i++) {
      TokenLogprob.Alternative alternative = top.get(i);
      open(json, i, alternative.token(), alternative.bytes(), alternative.logprob());
      json.raw("}");
    }
  }

  private static void open(JsonWriter json, int index, String token, byte[] bytes, float logprob) {
    json.raw(index == 0 ? "{\"token\":" : ",{\"token\":").string(token);
    json.raw(",\"logprob\":").logprob(logprob).raw(",\"bytes\":[");
    for (int i = 0; i < bytes.length; i++) {
      json.raw(i == 0 ? "" : ",").number(bytes[i] & 0xff);
    }
    json.raw("]");
  }
}
