package dev.switchboard.toolcall;

import java.util.List;
import java.util.Locale;

/** How a family of models writes function calls into its text. */
public enum ToolFormat {
  /** Not at all, or in a way that is not known here: calls stay text. */
  NONE(""),
  /**
   * Llama 3.1: {@code {"name": …, "parameters": {…}}} as the whole answer, or after {@code
   * <|python_tag|>}; several with semicolons between.
   */
  LLAMA("<|python_tag|>"),
  /**
   * Hermes, Qwen2.5 and Qwen3: {@code <tool_call>{"name": …, "arguments": {…}}</tool_call>}, as
   * often as needed.
   */
  HERMES("<tool_call>"),
  /** Mistral: {@code [TOOL_CALLS][{"name": …, "arguments": {…}}, …]}. */
  MISTRAL("[TOOL_CALLS]");

  private final String marker;

  ToolFormat(String marker) {
    this.marker = marker;
  }

  /** What a call begins with; a control token in some vocabularies. */
  public String marker() {
    return marker;
  }

  /** As the command line spells it. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The format a chat template renders earlier calls in. A template that shows the marker of one
   * format is of that format; templates whose calls look otherwise behind the same marker ({@code
   * <function=}, {@code [ARGS]}) are of none.
   */
  public static ToolFormat of(String template) {
    for (ToolFormat format : List.of(HERMES, MISTRAL)) {
      if (template.contains(format.marker)) {
        return template.contains("<function=") || template.contains("[ARGS]") ? NONE : format;
      }
    }
    boolean llama = template.contains("<|start_header_id|>") && template.contains("\"parameters\"");
    return llama ? LLAMA : NONE;
  }
}
