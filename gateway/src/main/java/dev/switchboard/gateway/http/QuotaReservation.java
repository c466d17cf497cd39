package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.RequestParameters;
import dev.switchboard.gateway.identity.Quotas;
import org.jspecify.annotations.Nullable;

/**
 * What one request may take of its tenant's tokens per day and month, held from the moment its body
 * is read until what it took is counted.
 *
 * <ul>
 *   <li>One that says {@code max_tokens} holds its prompt, as estimated, and {@code max_tokens} of
 *       each choice. Where that is more than is left it is refused.
 *   <li>A stream that says none holds its prompt and a step, and another step whenever it used one
 *       up; it is cut where nothing is left.
 *   <li>A whole answer that says none cannot be cut on its way. It holds a step, or an eighth of
 *       what is left where that is more, and its replica is asked for that at most: so it ends with
 *       {@code length}.
 * </ul>
 *
 * <p>So nobody passes a quota by running beside others, and nobody who names no bound keeps all of
 * it from the others. On the event loop that owns the request.
 */
final class QuotaReservation {
  /** Tokens of a choice that are held at a time where nobody says how many come. */
  private static final int STEP_TOKENS = 256;

  /** Less than this of a choice is no answer. */
  private static final int LEAST_TOKENS = 16;

  /** No whole answer is expected to be longer than this. */
  private static final int LONGEST_TOKENS = 32_768;

  private static final int SHARE = 8;

  private final Call call;
  private Quotas.@Nullable Hold held;
  private int choices = 1;
  private long promptTokens;
  private long outputTokens;
  private boolean grows;
  private int most;

  QuotaReservation(Call call) {
    this.call = call;
  }

  /**
   * Holds what the request may take.
   *
   * @param estimatedPrompt tokens
   * @return the quota that is too short for it; else null
   */
  Quotas.@Nullable Exhausted take(int estimatedPrompt) {
    if (!call.endpoint().computes()) {
      return null;
    }
    RequestParameters parameters = call.flight().parameters();
    choices = parameters.choices();
    promptTokens = estimatedPrompt;
    Integer bound = parameters.maxTokens();
    boolean unbounded = call.endpoint().generates() && bound == null;
    if (unbounded) {
      outputTokens = unbounded();
    } else {
      outputTokens = bound == null ? 0 : (long) bound * choices;
    }
    Quotas.Word word =
        quotas()
            .hold(
                call.caller().tenant(),
                promptTokens + outputTokens,
                nowMs(),
                call.gateway().admission().retryAfterSeconds());
    switch (word) {
      case Quotas.Exhausted tooShort -> {
        return tooShort;
      }
      case Quotas.Hold hold -> {
        held = hold;
        grows = unbounded && hold.limited() && call.flight().stream();
        most = unbounded && hold.limited() && !grows ? (int) (outputTokens / choices) : 0;
        return null;
      }
    }
  }

  /** What one that names no bound begins with. */
  private long unbounded() {
    long left = quotas().free(call.caller().tenant(), nowMs()) - promptTokens;
    long step = (long) STEP_TOKENS * choices;
    long wanted =
        call.flight().stream()
            ? step
            : Math.clamp(left / SHARE, step, (long) LONGEST_TOKENS * choices);
    return Math.clamp(left, (long) LEAST_TOKENS * choices, wanted);
  }

  /** What each choice may have at most, by its quota; 0 where the request itself says. */
  int mostTokens() {
    return most;
  }

  /**
   * More of a stream is about to go to its client.
   *
   * @param prompt tokens by the worker's count; −1 while it has not said
   * @param relayed tokens that the client has
   * @return the quota that is used up, where it may not go on; else null
   */
  Quotas.@Nullable Exhausted covers(int prompt, int relayed) {
    Quotas.Hold hold = held;
    if (hold == null || !hold.limited()) {
      return null;
    }
    if (prompt > promptTokens) {
      hold.taken(prompt - promptTokens);
      promptTokens = prompt;
    }
    if (!grows || relayed < outputTokens) {
      return null;
    }
    outputTokens += hold.more((long) STEP_TOKENS * choices, nowMs());
    return relayed < outputTokens ? null : quotas().usedUp(call.caller().tenant(), nowMs());
  }

  /** What it took is counted. */
  void close() {
    Quotas.Hold hold = held;
    if (hold != null) {
      hold.release();
    }
  }

  private Quotas quotas() {
    return call.gateway().usage().quotas();
  }

  private long nowMs() {
    return call.wallMs();
  }
}
