package dev.switchboard.executor;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Computes planned steps in the order they are submitted. Called by the engine thread, but for
 * {@link #inject} and {@link #info}, which any thread may call while it is open.
 *
 * <p>Times are {@link System#nanoTime()} nanoseconds (of the simulated clock, where there is one).
 */
public interface Executor extends AutoCloseable {

  /** In place of a token's id: what the row's latest submitted step samples. */
  int LAST_SAMPLED = -1;

  /** In place of a target: sample a token. */
  int SAMPLE = -1;

  /** In place of a mask slot: everything may be sampled. */
  int NO_MASK = -1;

  /** Most alternatives per output, and their stride in {@link StepResult}. */
  int MAX_TOP_LOGPROBS = 20;

  /** Most entries of a logit bias. */
  int MAX_LOGIT_BIAS = 4096;

  ExecutorInfo info();

  /**
   * Makes a row a new sequence. It must be in no unfinished step.
   *
   * @param history its tokens so far, for penalties; only the first historyTokens are read, of
   *     which the first promptTokens are the prompt
   */
  void begin(int row, Sampling sampling, int[] history, int historyTokens, int promptTokens);

  /** Starts a step and returns at once; the plan is copied. */
  void submit(StepPlan plan);

  /**
   * Lets a step sample the output that names the mask slot; until then the step waits before that
   * output, having computed everything else. The slot may be named by no other unfinished step.
   *
   * @param step submitted, or the next one to be
   * @param allowed one bit per token, {@link ExecutorInfo#maskWords} words; copied
   */
  void mask(int slot, long step, long[] allowed);

  /**
   * Waits for the oldest unawaited step.
   *
   * @return null when it still runs after the timeout; else the result, valid until the next call
   * @throws ExecutorException when the executor is lost (hung, internal)
   */
  @Nullable StepResult await(long timeoutNanos);

  /**
   * Hands over the timeline records written since the last call. When await has returned a step,
   * its records are among them or were before.
   */
  void drainTimeline(TimelineSink sink);

  /** One per lane, ordered by stage, then rank. */
  List<LaneHeartbeat> heartbeats();

  /**
   * Breaks something on purpose.
   *
   * @throws ExecutorException unsupported unless started with fault injection allowed
   */
  void inject(Fault fault);

  /** Stops whatever runs, hung ranks included, and frees everything. */
  @Override
  void close();

  /**
   * Proof of life of one rank.
   *
   * @param finishedStep last step it finished, at finishedNanos; 0 when none
   * @param currentStep the step it works on, since currentSinceNanos; 0 when idle
   */
  record LaneHeartbeat(
      int stage,
      int rank,
      long finishedStep,
      long finishedNanos,
      long currentStep,
      long currentSinceNanos) {}
}
