package dev.switchboard.chat;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A compiled chat template. */
public interface ChatTemplate {

  /**
   * Renders a conversation.
   *
   * @param variables what the template sees: {@code messages} (a list of maps), {@code
   *     add_generation_prompt}, {@code tools}, {@code bos_token}, … as Java maps, lists, strings,
   *     numbers, booleans and null
   * @throws TemplateException when the template raises an error (its message is for the user) or a
   *     limit is reached
   */
  Rendered render(Map<String, ? extends @Nullable Object> variables);

  /**
   * @param text the prompt
   * @param userSpans half-open char ranges [start, end) of text that came from values of {@code
   *     messages} and {@code tools}, flattened and ascending: control tokens spelled there are
   *     plain text
   */
  record Rendered(String text, int[] userSpans) {}

  /** A template that cannot be compiled or rendered. */
  final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public TemplateException(String message) {
      super(message);
    }
  }
}
