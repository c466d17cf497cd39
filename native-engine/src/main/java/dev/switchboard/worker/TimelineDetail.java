package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import org.jspecify.annotations.Nullable;

/** How much of its timeline an answer carries: the {@code X-Switchboard-Timeline} header. */
enum TimelineDetail {
  NONE,
  SUMMARY,
  /** Every step too. */
  FULL;

  /** What an answer with it says of each step. */
  TimelineDocument.Steps steps() {
    return this == FULL ? TimelineDocument.Steps.COST : TimelineDocument.Steps.NONE;
  }

  /**
   * @throws ApiException when it is another word
   */
  static TimelineDetail of(@Nullable String header) {
    return switch (header) {
      case null -> NONE;
      case "summary" -> SUMMARY;
      case "full" -> FULL;
      default ->
          throw new ApiException(
              ApiError.invalid(
                  "X-Switchboard-Timeline", "X-Switchboard-Timeline must be summary or full."));
    };
  }
}
