package dev.switchboard.openai;

import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes one chat stream as server-sent events, each a complete {@code data:} frame. Everything a
 * chunk repeats is rendered once. Safe on any thread.
 */
public final class ChatStreamWriter {
  private static final int CHUNK_CHARS = 96;

  private final String head;
  private final String usageMember;

  /**
   * @param includeUsage as the caller asked: chunks then carry {@code usage: null} until the last
   */
  public ChatStreamWriter(ResponseIdentity identity, boolean includeUsage) {
    JsonWriter json = new JsonWriter(256).raw("data: ");
    identity.write(json, "chat.completion.chunk");
    this.head = json.raw(",\"choices\":[").toString();
    this.usageMember = includeUsage ? ",\"usage\":null" : "";
  }

  /** Opens a choice: the role, no text yet. */
  public String first(int choice) {
    JsonWriter json = choice(choice).raw("{\"role\":\"assistant\",\"content\":\"\"}");
    return end(json.raw(",\"logprobs\":null,\"finish_reason\":null}]"), null);
  }

  /**
   * More text.
   *
   * @param logprobs of the tokens in it; null when none were asked for
   */
  public String delta(int choice, String text, @Nullable List<TokenLogprob> logprobs) {
    JsonWriter json = choice(choice).raw("{\"content\":").string(text).raw("},\"logprobs\":");
    ChatLogprobs.write(json, logprobs);
    return end(json.raw(",\"finish_reason\":null}]"), null);
  }

  /**
   * What is new of a function call: an event that names it if it is new itself, and one with
   * arguments if there are any.
   *
   * @param logprobs of tokens that were not told yet; null when none were asked for
   */
  public String toolCall(int choice, ToolCallDelta delta, @Nullable List<TokenLogprob> logprobs) {
    StringBuilder events = new StringBuilder();
    List<TokenLogprob> untold = logprobs;
    if (delta.opens()) {
      events.append(toolCall(choice, delta.call()::writeOpening, untold));
      untold = null;
    }
    if (!delta.call().arguments().isEmpty()) {
      events.append(toolCall(choice, delta.call()::writeArguments, untold));
    }
    return events.toString();
  }

  private String toolCall(
      int choice, Consumer<JsonWriter> call, @Nullable List<TokenLogprob> logprobs) {
    JsonWriter json = choice(choice).raw("{\"tool_calls\":[");
    call.accept(json);
    json.raw("]},\"logprobs\":");
    ChatLogprobs.write(json, logprobs);
    return end(json.raw(",\"finish_reason\":null}]"), null);
  }

  /**
   * Ends a choice.
   *
   * @param switchboardJson the {@code switchboard} object when this is the stream's last chunk
   */
  public String finish(int choice, FinishReason reason, @Nullable String switchboardJson) {
    JsonWriter json = choice(choice).raw("{},\"logprobs\":null,\"finish_reason\":\"");
    return end(json.raw(reason.word()).raw("\"}]"), switchboardJson);
  }

  /** The last chunk of a stream with usage; it has no choices. */
  public String usage(Usage usage, @Nullable String switchboardJson) {
    JsonWriter json = new JsonWriter(head.length() + CHUNK_CHARS).raw(head).raw("],\"usage\":");
    usage.write(json);
    return json.switchboard(switchboardJson).raw("}\n\n").toString();
  }

  private JsonWriter choice(int choice) {
    JsonWriter json = new JsonWriter(head.length() + CHUNK_CHARS).raw(head);
    return json.raw("{\"index\":").number(choice).raw(",\"delta\":");
  }

  private String end(JsonWriter json, @Nullable String switchboardJson) {
    return json.raw(usageMember).switchboard(switchboardJson).raw("}\n\n").toString();
  }
}
