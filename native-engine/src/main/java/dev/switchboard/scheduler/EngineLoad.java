package dev.switchboard.scheduler;

/**
 * What the engine is doing now.
 *
 * @param running sequences that own KV blocks
 * @param waiting queued, with waitingTokens prompt tokens not yet computed
 * @param kvBlocksFree never used or freed; kvBlocksCached hold a reusable prefix; kvBlocksUsed are
 *     referenced
 * @param step last finished step
 * @param prefixHitTokens and promptTokens: totals since start
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
    long prefixHitTokens,
    long preemptions) {}
