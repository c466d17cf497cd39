package dev.switchboard.worker;

import dev.switchboard.toolcall.ToolFormat;
import java.util.Set;

/**
 * The functions that an answer may call.
 *
 * @param format how the model writes calls; never {@code NONE}
 * @param parallel whether it may make more than one
 */
record OfferedTools(ToolFormat format, Set<String> functions, boolean parallel) {
  OfferedTools {
    functions = Set.copyOf(functions);
  }
}
