package dev.switchboard.chat;

import dev.switchboard.chat.ChatTemplate.TemplateException;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Compiles chat templates, in the dialect Hugging Face renders them with: Jinja 3 with {@code
 * trim_blocks}, {@code lstrip_blocks}, loop controls, {@code raise_exception}, {@code strftime_now}
 * and a {@code tojson} that escapes nothing for HTML.
 */
public final class ChatTemplates {
  private ChatTemplates() {}

  /**
   * Compiles a template.
   *
   * @param clock what {@code strftime_now} reads
   * @throws TemplateException naming the line
   */
  public static ChatTemplate compile(String source, TemplateLimits limits, Clock clock) {
    if (source.length() > limits.sourceChars()) {
      throw new TemplateException(
          "the template is longer than " + limits.sourceChars() + " characters");
    }
    try {
      List<Statement> body = StatementParser.parse(source, limits.depth());
      return variables -> render(body, variables, limits, clock);
    } catch (Fault fault) {
      throw new TemplateException(String.valueOf(fault.getMessage()));
    }
  }

  /**
   * A template of two: some models (Hermes, Command R) have another one for conversations with
   * tools, which may want some.
   */
  public static ChatTemplate withTools(ChatTemplate plain, ChatTemplate forTools) {
    return variables -> (variables.get("tools") == null ? plain : forTools).render(variables);
  }

  private static ChatTemplate.Rendered render(
      List<Statement> body,
      Map<String, ? extends @Nullable Object> variables,
      TemplateLimits limits,
      Clock clock) {
    Budget budget = new Budget(limits);
    Interpreter interpreter = new Interpreter(budget, clock);
    try {
      Scope scope = Variables.scope(variables, budget);
      Text text = interpreter.capture(out -> interpreter.execute(body, scope, out));
      return new ChatTemplate.Rendered(text.value(), text.userSpans());
    } catch (Fault fault) {
      throw new TemplateException(fault.getMessage() + " (line " + interpreter.line() + ")");
    }
  }
}
