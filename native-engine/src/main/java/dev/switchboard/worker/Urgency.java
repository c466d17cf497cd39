package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import org.jspecify.annotations.Nullable;

/**
 * How urgent a request is, as its headers say. What the gateway says of the deadline, with what it
 * used up of it taken off, stands over what the client said.
 *
 * @param deadlineNanos when nobody wants the answer any more, epoch nanoseconds; {@link
 *     Long#MAX_VALUE} for never
 * @param priority −100 to 100, the higher the sooner; null where no header says it
 */
record Urgency(long deadlineNanos, @Nullable Integer priority) {
  private static final String REMAINING = "X-Switchboard-Deadline-Ms";
  private static final String DEADLINE = "X-SLO-Deadline-Ms";
  private static final String PRIORITY = "X-Priority";
  private static final int MOST_MS = 86_400_000;
  private static final int MOST_PRIORITY = 100;

  /**
   * Reads the headers.
   *
   * @throws ApiException naming the header
   */
  static Urgency of(Exchange exchange) {
    Integer remaining = number(exchange, REMAINING, 1, MOST_MS);
    Integer millis = remaining == null ? number(exchange, DEADLINE, 1, MOST_MS) : remaining;
    long deadline =
        millis == null ? Long.MAX_VALUE : exchange.receivedNanos() + millis * 1_000_000L;
    return new Urgency(deadline, number(exchange, PRIORITY, -MOST_PRIORITY, MOST_PRIORITY));
  }

  /**
   * The one that counts.
   *
   * @param asked what the body says
   */
  int priority(int asked) {
    return priority == null ? asked : priority;
  }

  private static @Nullable Integer number(Exchange exchange, String header, int low, int high) {
    String text = exchange.request().getHeader(header);
    if (text == null) {
      return null;
    }
    int value = text.matches("-?[0-9]{1,9}") ? Integer.parseInt(text) : Integer.MIN_VALUE;
    if (value < low || value > high) {
      throw new ApiException(
          ApiError.invalid(
              header, header + " must be a whole number from " + low + " to " + high + "."));
    }
    return value;
  }
}
