package dev.switchboard.gateway.flight;

import org.jspecify.annotations.Nullable;

/** What an answer calls itself, and the model that made it; null where it does not say. */
public record AnswerNames(@Nullable String id, @Nullable String model) {
  public static final AnswerNames NONE = new AnswerNames(null, null);
}
