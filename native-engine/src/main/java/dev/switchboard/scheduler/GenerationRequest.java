package dev.switchboard.scheduler;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.Matcher;
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
 * @param priority the higher the sooner
 * @param cacheSalt prefixes are shared only between equal salts
 * @param receivedNanos when the worker received it, epoch nanoseconds
 * @param stepDetail the timeline lists every step
 * @param constraint what the answer must look like; null for anything
 * @param deadlineNanos when nobody wants it any more, epoch nanoseconds; {@link Long#MAX_VALUE} for
 *     never
 * @param generated tokens of the answer that are known already: it goes on behind them, as if they
 *     had been generated here; they count towards maxTokens and are not reported
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
    long deadlineNanos,
    int[] generated) {
  private static final int[] NOTHING = {};

  public GenerationRequest {
    stopTokens = Set.copyOf(stopTokens);
  }

  /**
   * Where its answer stands in its constraint; null without one.
   *
   * @throws IllegalArgumentException when what is generated does not fit
   */
  @Nullable Matcher matcher() {
    if (constraint == null) {
      return null;
    }
    Matcher matcher = constraint.matcher();
    for (int token : generated) {
      if (!matcher.advance(token)) {
        throw new IllegalArgumentException("generated does not fit: " + matcher.problem());
      }
    }
    return matcher;
  }

  /** The same, for an answer of which some is known already. */
  public GenerationRequest after(int[] known) {
    return with(deadlineNanos, known);
  }

  /** The same with a deadline. */
  public GenerationRequest withDeadline(long nanos) {
    return with(nanos, generated);
  }

  private GenerationRequest with(long deadline, int[] known) {
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
        deadline,
        known);
  }

  /** For an answer from its first token on. */
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
      boolean stepDetail,
      @Nullable Constraint constraint,
      long deadlineNanos) {
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
        constraint,
        deadlineNanos,
        NOTHING);
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
}
