package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.scheduler.RejectedGenerationException;
import org.jspecify.annotations.Nullable;

/** What the engine says, as the API says it. */
final class EngineErrors {
  private EngineErrors() {}

  /**
   * @param promptField the request's field that holds the prompt
   */
  static ApiError of(RejectedGenerationException rejected, String promptField) {
    String message = String.valueOf(rejected.getMessage());
    return switch (rejected.reason()) {
      case TOO_LONG -> ApiError.contextLength(promptField, message);
      case QUEUE_FULL -> ApiError.overloaded("The worker's queue is full: " + message);
      case UNAVAILABLE -> ApiError.unavailable("The engine takes no work: " + message);
    };
  }

  /**
   * Another replica may do better with all of these but an internal error, a deadline and a dead
   * end.
   *
   * @param constraintField the request's field that its answer is held to; null for none
   */
  static ApiError of(EngineFailure failure, @Nullable String constraintField) {
    String message = failure.message() + where(failure);
    if (failure.kind().equals("constraint_dead_end")) {
      return ApiError.unmet(failure.kind(), constraintField, message);
    }
    int status =
        switch (failure.kind()) {
          case "out_of_memory", "hung", "device_lost", "shutdown" -> 503;
          case "deadline_exceeded" -> 504;
          default -> 500;
        };
    return new ApiError(status, "server_error", failure.kind(), null, message);
  }

  static ApiError cancelled(String by) {
    return new ApiError(
        503, "server_error", "cancelled", null, "The request was cancelled " + by + ".");
  }

  /** What was told of a call cannot be taken back, and half a call is no text for a reader. */
  static ApiError brokenCall() {
    return ApiError.unmet(
        "broken_tool_call",
        "tools",
        "The answer ended inside a function call, or what began as one turned out to be none.");
  }

  /**
   * What is shown is not what was asked for, or half a call, and the reason {@code stop} would say
   * that it is all.
   */
  static ApiError cutByStop() {
    return ApiError.unmet(
        "cut_by_stop",
        "stop",
        "A string of 'stop' cut the answer before it was what its format or tool_choice demands, or"
            + " inside a function call.");
  }

  /**
   * The reason {@code length} would come with broken JSON, or half a call, and status 200.
   *
   * @param byContext whether it was the model's context that ended, not the tokens asked for
   */
  static ApiError cutByLength(int tokens, boolean byContext) {
    String remedy =
        byContext
            ? "The model's context is full: shorten the prompt, or ask for less."
            : "Raise 'max_tokens', or ask for less.";
    return ApiError.unmet(
        "cut_by_length",
        "max_tokens",
        "The answer was cut at token "
            + tokens
            + ", before it was what its format or tool_choice demands, or inside a function call. "
            + remedy);
  }

  private static String where(EngineFailure failure) {
    return failure.stage() < 0
        ? ""
        : " (stage " + failure.stage() + ", rank " + failure.rank() + ")";
  }
}
