package dev.switchboard.scheduler;

/**
 * What the engine is doing now.
 *
 * @param running sequences that own KV blocks
 * @param waiting queued, with waitingTokens prompt tokens not yet computed
 * @param kvBlocksFree never used or freed; kvBlocksCached hold a reusable prefix; kvBlocksUsed are
 *     referenced
 * @param step last finished step
 * @param promptTokens of requests that began, since start; so are the totals after it
 * @param prefixLookupTokens prompt tokens for which the prefix cache was asked
 * @param prefixHitTokens of these, taken from it
 * @param kvEvictions cached blocks that were taken for something else
 */
public record EngineLoad(
    int running,
    int waiting,
    long waitingTokens,
    int kvBlocksFree,
    int kvBlocksCached,
    int kvBlocksUsed,
    long step,
    long generatedTokens,
    long promptTokens,
    long prefixLookupTokens,
    long prefixHitTokens,
    long kvEvictions,
    long preemptions) {

  /** Blocks of the pool. */
  public int kvBlocks() {
    return kvBlocksFree + kvBlocksCached + kvBlocksUsed;
  }
}
