package dev.switchboard.openai;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A whole chat completion. */
public record ChatAnswer(ResponseIdentity identity, List<Choice> choices, Usage usage) {
  public ChatAnswer {
    choices = List.copyOf(choices);
  }

  /**
   * One choice.
   *
   * @param logprobs null when none were asked for
   */
  public record Choice(
      int index, String content, FinishReason reason, @Nullable List<TokenLogprob> logprobs) {}

  /**
   * The body.
   *
   * @param switchboardJson the {@code switchboard} object, or null
   */
  public String toJson(@Nullable String switchboardJson) {
    JsonWriter json = new JsonWriter(512);
    identity.write(json, "chat.completion");
    json.raw(",\"choices\":[");
    for (int i = 0; i < choices.size(); i++) {
      write(json.raw(i == 0 ? "" : ","), choices.get(i));
    }
    usage.write(json.raw("],\"usage\":"));
    return json.switchboard(switchboardJson).raw("}").toString();
  }

  private static void write(JsonWriter json, Choice choice) {
    json.raw("{\"index\":").number(choice.index());
    json.raw(",\"message\":{\"role\":\"assistant\",\"content\":").string(choice.content());
    json.raw(",\"refusal\":null},\"logprobs\":");
    ChatLogprobs.write(json, choice.logprobs());
    json.raw(",\"finish_reason\":\"").raw(choice.reason().word()).raw("\"}");
  }
}
