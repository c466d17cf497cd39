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
      int index,
      String content,
      List<ToolCallAnswer> toolCalls,
      FinishReason reason,
      @Nullable List<TokenLogprob> logprobs) {
    public Choice {
      toolCalls = List.copyOf(toolCalls);
    }
  }

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
    boolean calls = !choice.toolCalls().isEmpty();
    String content = calls && choice.content().isEmpty() ? null : choice.content();
    json.raw(",\"message\":{\"role\":\"assistant\",\"content\":").nullableString(content);
    json.raw(",\"refusal\":null");
    writeCalls(json, choice.toolCalls());
    json.raw("},\"logprobs\":");
    ChatLogprobs.write(json, choice.logprobs());
    json.raw(",\"finish_reason\":\"").raw(choice.reason().word()).raw("\"}");
  }

  private static void writeCalls(JsonWriter json, List<ToolCallAnswer> calls) {
    for (int i = 0; i < calls.size(); i++) {
      json.raw(i == 0 ? ",\"tool_calls\":[" : ",");
      calls.get(i).write(json);
    }
    json.raw(calls.isEmpty() ? "" : "]");
  }
}
