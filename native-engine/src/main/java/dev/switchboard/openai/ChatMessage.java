package dev.switchboard.openai;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One message of a conversation.
 *
 * @param content text, its parts joined by line breaks; null only for an assistant that called
 *     tools
 * @param name of the speaker or the tool; null when absent
 * @param toolCalls empty for none
 * @param toolCallId which call a tool message answers
 * @param reasoningContent the assistant's earlier reasoning, for templates that show it
 */
public record ChatMessage(
    Role role,
    @Nullable String content,
    @Nullable String name,
    List<ToolCall> toolCalls,
    @Nullable String toolCallId,
    @Nullable String reasoningContent) {
  public ChatMessage {
    toolCalls = List.copyOf(toolCalls);
  }

  /** Who speaks. */
  public enum Role {
    SYSTEM("system"),
    USER("user"),
    ASSISTANT("assistant"),
    TOOL("tool");

    private final String word;

    Role(String word) {
      this.word = word;
    }

    /** As templates write it. */
    public String word() {
      return word;
    }
  }

  /** How a template wants the arguments of a tool call: some print the text, some walk the map. */
  public enum ArgumentForm {
    TEXT,
    MAP
  }

  /**
   * A call the assistant made.
   *
   * @param arguments JSON text as the caller sent it, {@code {}} where it is blank
   * @param argumentMap the same parsed; null when it is not a JSON object
   */
  public record ToolCall(
      String id,
      String name,
      String arguments,
      @Nullable Map<String, @Nullable Object> argumentMap) {

    Map<String, @Nullable Object> toTemplate(ArgumentForm form) {
      Map<String, @Nullable Object> function = new LinkedHashMap<>();
      function.put("name", name);
      function.put(
          "arguments", form == ArgumentForm.MAP && argumentMap != null ? argumentMap : arguments);
      Map<String, @Nullable Object> call = new LinkedHashMap<>();
      call.put("id", id);
      call.put("type", "function");
      call.put("function", function);
      return call;
    }
  }

  /** The message as a chat template sees it; absent fields have no key. */
  public Map<String, @Nullable Object> toTemplate(TemplateForm form) {
    Map<String, @Nullable Object> message = new LinkedHashMap<>();
    message.put("role", role.word());
    if (content != null || form.content() != TemplateForm.ContentForm.ABSENT) {
      boolean empty = content == null && form.content() == TemplateForm.ContentForm.EMPTY;
      message.put("content", empty ? "" : content);
    }
    putPresent(message, "name", name);
    putPresent(message, "tool_call_id", toolCallId);
    putPresent(message, "reasoning_content", reasoningContent);
    if (!toolCalls.isEmpty()) {
      List<Object> calls = new ArrayList<>();
      toolCalls.forEach(call -> calls.add(call.toTemplate(form.arguments())));
      message.put("tool_calls", calls);
    }
    return message;
  }

  private static void putPresent(
      Map<String, @Nullable Object> map, String key, @Nullable Object value) {
    if (value != null) {
      map.put(key, value);
    }
  }
}
