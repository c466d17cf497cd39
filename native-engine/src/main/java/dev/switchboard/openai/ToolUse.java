package dev.switchboard.openai;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a chat may use the tools it brought.
 *
 * @param functions that the model is shown, in the request's order
 * @param named the function that must be called; null unless the choice is {@code NAMED}
 * @param parallel whether an answer may make more than one call
 */
public record ToolUse(
    Choice choice, List<Function> functions, @Nullable String named, boolean parallel) {
  public ToolUse {
    functions = List.copyOf(functions);
  }

  /** Who decides whether a function is called. */
  public enum Choice {
    /** The model. */
    AUTO,
    /** The caller: it is shown none and calls none. */
    NONE,
    /** The caller: one of them must be. */
    REQUIRED,
    /** The caller: this one must be. */
    NAMED;

    /** Whether the answer has to be a call. */
    public boolean forces() {
      return this == REQUIRED || this == NAMED;
    }
  }

  /**
   * A function.
   *
   * @param parameters JSON text of the schema of its arguments, an object's; null when it takes
   *     none
   * @param strict whether its arguments must be what the schema says whenever it is called
   */
  public record Function(String name, @Nullable String parameters, boolean strict) {}

  /** Whether a call that the model makes of its own accord is held to a schema. */
  public boolean holdsFreeCalls() {
    return choice == Choice.AUTO && functions.stream().anyMatch(Function::strict);
  }
}
