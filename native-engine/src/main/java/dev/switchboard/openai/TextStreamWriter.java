package dev.switchboard.openai;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes one text completion stream as server-sent events, each a complete {@code data:} frame.
 * Safe on any thread.
 */
public final class TextStreamWriter {
  private static final int CHUNK_CHARS = 96;

  private final String head;
  private final String usageMember;

  /**
   * @param includeUsage as the caller asked: chunks then carry {@code usage: null} until the last
   */
  public TextStreamWriter(ResponseIdentity identity, boolean includeUsage) {
    JsonWriter json = new JsonWriter(256).raw("data: ");
    identity.write(json, "text_completion");
    this.head = json.raw(",\"choices\":[").toString();
    this.usageMember = includeUsage ? ",\"usage\":null" : "";
  }

  /**
   * More text (an echoed prompt too).
   *
   * @param logprobs of the tokens in it; null when none were asked for
   */
  public String delta(int choice, String text, @Nullable List<TokenLogprob> logprobs) {
    JsonWriter json = choice(choice, text);
    TextLogprobs.write(json, logprobs);
    return end(json.raw(",\"finish_reason\":null}]"), null);
  }

  /**
   * Ends a choice.
   *
   * @param switchboardJson the {@code switchboard} object when this is the stream's last chunk
   */
  public String finish(int choice, FinishReason reason, @Nullable String switchboardJson) {
    JsonWriter json = choice(choice, "").raw("null,\"finish_reason\":\"");
    return end(json.raw(reason.word()).raw("\"}]"), switchboardJson);
  }

  /** The last chunk of a stream with usage; it has no choices. */
  public String usage(Usage usage, @Nullable String switchboardJson) {
    JsonWriter json = new JsonWriter(head.length() + CHUNK_CHARS).raw(head).raw("],\"usage\":");
    usage.write(json);
    return json.switchboard(switchboardJson).raw("}\n\n").toString();
  }

  private JsonWriter choice(int choice, String text) {
    JsonWriter json = new JsonWriter(head.length() + CHUNK_CHARS + text.length()).raw(head);
    json.raw("{\"index\":").number(choice);
    return json.raw(",\"text\":").string(text).raw(",\"logprobs\":");
  }

  private String end(JsonWriter json, @Nullable String switchboardJson) {
    return json.raw(usageMember).switchboard(switchboardJson).raw("}\n\n").toString();
  }
}
