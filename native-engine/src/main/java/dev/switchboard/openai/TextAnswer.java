package dev.switchboard.openai;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A whole text completion. */
public record TextAnswer(ResponseIdentity identity, List<Choice> choices, Usage usage) {
  public TextAnswer {
    choices = List.copyOf(choices);
  }

  /**
   * One choice.
   *
   * @param index prompt × n + choice
   * @param text with the prompt before it when echoed
   * @param logprobs of all tokens of the text; null when none were asked for
   */
  public record Choice(
      int index, String text, FinishReason reason, @Nullable List<TokenLogprob> logprobs) {}

  /**
   * The body.
   *
   * @param switchboardJson the {@code switchboard} object, or null
   */
  public String toJson(@Nullable String switchboardJson) {
    JsonWriter json = new JsonWriter(512);
    identity.write(json, "text_completion");
    json.raw(",\"choices\":[");
    for (int i = 0; i < choices.size(); i++) {
      write(json.raw(i == 0 ? "" : ","), choices.get(i));
    }
    usage.write(json.raw("],\"usage\":"));
    return json.switchboard(switchboardJson).raw("}").toString();
  }

  private static void write(JsonWriter json, Choice choice) {
    json.raw("{\"index\":").number(choice.index());
    json.raw(",\"text\":").string(choice.text()).raw(",\"logprobs\":");
    TextLogprobs.write(json, choice.logprobs());
    json.raw(",\"finish_reason\":\"").raw(choice.reason().word()).raw("\"}");
  }
}
