package dev.switchboard.openai;

import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * How a chat may use the tools it brought.
 *
 * @param functions names of the functions the model is shown, in the request's order
 * @param parallel whether an answer may make more than one call
 */
public record ToolUse(Choice choice, Set<String> functions, boolean parallel) {
  public ToolUse {
    functions = Collections.unmodifiableSet(new LinkedHashSet<>(functions));
  }

  /** Who decides whether a function is called. */
  public enum Choice {
    /** The model. */
    AUTO,
    /** The caller: it is shown none and calls none. */
    NONE
  }
}
