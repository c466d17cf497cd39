package dev.switchboard.openai;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a chat template turns into a prompt.
 *
 * @param messages at least one
 * @param tools function descriptions as plain Java values, for the template; empty for none and for
 *     {@code tool_choice: none}
 * @param addGenerationPrompt whether the prompt ends with the opening of the assistant's turn
 * @param templateArguments further variables for the template ({@code chat_template_kwargs})
 */
public record Conversation(
    List<ChatMessage> messages,
    List<Map<String, @Nullable Object>> tools,
    boolean addGenerationPrompt,
    Map<String, @Nullable Object> templateArguments) {
  public Conversation {
    messages = List.copyOf(messages);
    tools = List.copyOf(tools);
  }

  /**
   * The variables a chat template is rendered with. The caller adds {@code bos_token} and {@code
   * eos_token}. What templates were tested against defines {@code tools} and {@code documents}
   * always, so they are null rather than absent.
   */
  public Map<String, @Nullable Object> templateVariables(TemplateForm form) {
    Map<String, @Nullable Object> variables = new LinkedHashMap<>();
    variables.put("documents", null);
    variables.putAll(templateArguments);
    List<Object> plain = new ArrayList<>(messages.size());
    messages.forEach(message -> plain.add(message.toTemplate(form)));
    variables.put("messages", plain);
    variables.put("add_generation_prompt", addGenerationPrompt);
    variables.put("tools", tools.isEmpty() ? null : tools);
    return variables;
  }
}
