package dev.switchboard.scheduler;

import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.RequestTimeline;
import org.jspecify.annotations.Nullable;

/**
 * Called on the engine thread, in order: prompt logprobs (when asked for), tokens or an encoder's
 * vector, then exactly one end.
 */
public interface GenerationListener {

  /** What a gateway calls the request, by which it knows who shared a step; null of none. */
  default @Nullable AttemptId attempt() {
    return null;
  }

  /** The trace that it belongs to, for lines of the log; null of none. */
  default @Nullable String traceId() {
    return null;
  }

  /** One entry per prompt token from the second on; the first has none. */
  void promptLogprobs(TokenLogprobs[] logprobs);

  void token(TokenEvent token);

  /** What an encoder gives for the prompt, not normalised, in place of tokens. */
  default void embedded(float[] vector) {}

  /** The normal end. */
  void finished(FinishReason reason, RequestTimeline timeline);

  /** The engine could not go on with it. */
  void failed(EngineFailure failure, RequestTimeline timeline);

  /** How a generation ended that did not fail. */
  enum FinishReason {
    STOP,
    LENGTH,
    /** The length, before the answer was what its constraint demands. */
    CUT,
    CANCELLED
  }

  /**
   * A generated token. A stop token is reported as the end, not here.
   *
   * @param position its index in the sequence, prompt included
   * @param cachedTokens prompt tokens that came from the prefix cache
   * @param reusedTokens these, and of an answer that another worker began its tokens that did
   */
  record TokenEvent(
      int token, int position, int cachedTokens, int reusedTokens, TokenLogprobs logprobs) {}

  /** Empty arrays and NaN where not asked for. */
  record TokenLogprobs(int token, float logprob, int[] topTokens, float[] topLogprobs) {
    public static final TokenLogprobs NONE =
        new TokenLogprobs(-1, Float.NaN, new int[0], new float[0]);
  }

  /**
   * Why a generation failed.
   *
   * @param kind a stable word: {@code step_failed}, {@code out_of_memory}, {@code hung}, {@code
   *     shutdown}, {@code constraint_dead_end} (no token may follow), {@code deadline_exceeded},
   *     {@code internal}
   * @param stage where, or -1
   * @param rank where, or -1
   */
  record EngineFailure(String kind, String message, int stage, int rank) {
    /** Its deadline passed. */
    public static final EngineFailure DEADLINE =
        new EngineFailure("deadline_exceeded", "The request's deadline passed.", -1, -1);

    /** No token can be drawn from what the model made of it. */
    public static final EngineFailure NOT_FINITE =
        new EngineFailure("step_failed", "the model's output is not finite", -1, -1);
  }
}
