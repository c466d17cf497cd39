package dev.switchboard.toolcall;

import org.jspecify.annotations.Nullable;

/**
 * A call the model made.
 *
 * @param name of a function it was offered
 * @param arguments text of a JSON object, as the model wrote it
 * @param id as the model wrote it; null when it wrote none
 */
public record FunctionCall(String name, String arguments, @Nullable String id) {}
