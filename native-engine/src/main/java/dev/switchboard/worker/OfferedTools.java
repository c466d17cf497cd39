package dev.switchboard.worker;

import dev.switchboard.toolcall.ToolFormat;
import java.util.Set;

/**
 * The functions that an answer may call.
 *
 * @param format how the model writes calls; never {@code NONE}
 * @param parallel whether it may make more than one
 * @param demanded whether the answer has to be calls
 * @param streamed whether calls are told while they are made
 */
record OfferedTools(
    ToolFormat format,
    Set<String> functions,
    boolean parallel,
    boolean demanded,
    boolean streamed) {
  OfferedTools {
    functions = Set.copyOf(functions);
  }
}
