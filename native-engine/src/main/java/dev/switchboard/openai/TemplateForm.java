package dev.switchboard.openai;

import dev.switchboard.openai.ChatMessage.ArgumentForm;

/**
 * How a conversation is handed to a chat template, where templates differ in what they take.
 *
 * @param arguments of a tool call
 * @param content of an assistant that called tools and said nothing
 */
public record TemplateForm(ArgumentForm arguments, ContentForm content) {

  /** What a template finds under {@code content} where the caller gave none. */
  public enum ContentForm {
    NULL,
    EMPTY,
    ABSENT
  }
}
