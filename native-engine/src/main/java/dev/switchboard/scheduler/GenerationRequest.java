package dev.switchboard.scheduler;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.executor.Sampling;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What to generate.
 *
 * @param requestId for logs and the timeline
 * @param choice index among the request's choices
 * @param prompt token ids, at least one
 * @param maxTokens most tokens generated; 0 only with promptLogprobs
 * @param stopTokens end the generation and are not reported as text; empty with ignore_eos
 * @param topLogprobs -1: none; 0: the chosen token's; up to 20 alternatives
 * @param promptLogprobs the prompt's own log-probabilities are reported before the first token
 *     (echo)
 * @param priority lower runs first
 * @param cacheSalt prefixes are shared only between equal salts
 * @param receivedNanos when the worker received it, epoch nanoseconds
 * @param stepDetail the timeline lists every step
 * @param constraint what the answer must look like; null for anything
 * @param deadlineNanos when nobody wants it any more, epoch nanoseconds; {@link Long#MAX_VALUE} for
 *     never
 */
public record GenerationRequest(
    String requestId,
    int choice,
    int[] prompt,
    int maxTokens,
    Sampling sampling,
    Set<Integer> stopTokens,
    int topLogprobs,
    boolean promptLogprobs,
    int priority,
    String cacheSalt,
    long receivedNanos,
    boolean stepDetail,
    @Nullable Constraint constraint,
    long deadlineNanos) {
  public GenerationRequest {
    stopTokens = Set.copyOf(stopTokens);
  }

  /**
   * A text for an encoder.
   *
   * @param index among the request's texts
   */
  public static GenerationRequest text(
      String requestId, int index, int[] tokens, int priority, long receivedNanos) {
    return new GenerationRequest(
        requestId,
        index,
        tokens,
        1,
        Sampling.GREEDY,
        Set.of(),
        -1,
        false,
        priority,
        "",
        receivedNanos,
        true);
  }

  /** Without a constraint or a deadline. */
  public GenerationRequest(
      String requestId,
      int choice,
      int[] prompt,
      int maxTokens,
      Sampling sampling,
      Set<Integer> stopTokens,
      int topLogprobs,
      boolean promptLogprobs,
      int priority,
      String cacheSalt,
      long receivedNanos,
      boolean stepDetail) {
    this(
        requestId,
        choice,
        prompt,
        maxTokens,
        sampling,
        stopTokens,
        topLogprobs,
        promptLogprobs,
        priority,
        cacheSalt,
        receivedNanos,
        stepDetail,
        null,
        Long.MAX_VALUE);
  }

  /** The same with a deadline. */
  public GenerationRequest withDeadline(long nanos) {
    return new GenerationRequest(
        requestId,
        choice,
        prompt,
        maxTokens,
        sampling,
        stopTokens,
        topLogprobs,
        promptLogprobs,
        priority,
        cacheSalt,
        receivedNanos,
        stepDetail,
        constraint,
        nanos);
  }
}
