package dev.switchboard.scheduler;

import dev.switchboard.executor.ExecutorInfo;

/**
 * How the scheduler fills steps.
 *
 * @param maxWaiting most generations queued and not yet started; more are refused
 * @param maxWaitingTokens most prompt tokens of these together, where there is more than one
 * @param stepTokens token budget of one step, over all sequences
 * @param chunkTokens most prompt tokens of one sequence in one step, so that a long prompt cannot
 *     hold up everyone's next token
 * @param maxInFlight steps submitted ahead; one more than the stages keeps every stage busy while
 *     Java plans
 * @param prefixCache whether prefixes are reused
 * @param awaitSliceMs how long the engine thread waits in one go before it looks for new work
 * @param stepListBytes of the heap that the lists of steps of running requests may take together
 */
public record EngineConfig(
    int maxWaiting,
    long maxWaitingTokens,
    int stepTokens,
    int chunkTokens,
    int maxInFlight,
    boolean prefixCache,
    int awaitSliceMs,
    long stepListBytes) {
  public EngineConfig {
    positive(maxWaiting, "maxWaiting");
    positive(maxWaitingTokens, "maxWaitingTokens");
    positive(stepTokens, "stepTokens");
    positive(chunkTokens, "chunkTokens");
    positive(maxInFlight, "maxInFlight");
    positive(awaitSliceMs, "awaitSliceMs");
    positive(stepListBytes, "stepListBytes");
  }

  /**
   * Everything the executor allows, and chunks of half a step. An encoder's texts are computed anew
   * each time: what their tokens become depends on those that follow.
   */
  public static EngineConfig of(ExecutorInfo info) {
    return new EngineConfig(
        1024,
        Long.MAX_VALUE,
        info.maxStepTokens(),
        Math.max(1, info.maxStepTokens() / 2),
        Math.min(info.maxInFlight(), info.stages() + 1),
        !info.encodes(),
        50,
        Long.MAX_VALUE);
  }

  /** The same with another chunk cap. */
  public EngineConfig withChunkTokens(int tokens) {
    return new EngineConfig(
        maxWaiting,
        maxWaitingTokens,
        stepTokens,
        tokens,
        maxInFlight,
        prefixCache,
        awaitSliceMs,
        stepListBytes);
  }

  /** The same with prefix reuse on or off. */
  public EngineConfig withPrefixCache(boolean on) {
    return new EngineConfig(
        maxWaiting,
        maxWaitingTokens,
        stepTokens,
        chunkTokens,
        maxInFlight,
        on,
        awaitSliceMs,
        stepListBytes);
  }

  /** The same with another queue bound. */
  public EngineConfig withMaxWaiting(int generations) {
    return with(generations, maxWaitingTokens, stepListBytes);
  }

  /** The same with another bound of what waits in the queue. */
  public EngineConfig withMaxWaitingTokens(long tokens) {
    return with(maxWaiting, tokens, stepListBytes);
  }

  /** The same with another bound of what lists of steps take. */
  public EngineConfig withStepListBytes(long bytes) {
    return with(maxWaiting, maxWaitingTokens, bytes);
  }

  private EngineConfig with(int generations, long tokens, long listBytes) {
    return new EngineConfig(
        generations,
        tokens,
        stepTokens,
        chunkTokens,
        maxInFlight,
        prefixCache,
        awaitSliceMs,
        listBytes);
  }

  private static void positive(long value, String name) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be positive, was " + value);
    }
  }
}
