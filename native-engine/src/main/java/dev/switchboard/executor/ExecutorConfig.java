package dev.switchboard.executor;

/**
 * How an executor is laid out.
 *
 * @param stages pipeline stages
 * @param ranks tensor-parallel ranks per stage
 * @param threads threads per rank
 * @param kvBlockTokens tokens per KV block: 16, 32 or 64
 * @param kvBlocks blocks in the pool, taken at start
 * @param maxRows live sequences
 * @param maxStepTokens most tokens of one step
 * @param maxStepOutputs most sampled or scored positions of one step
 * @param maxInFlight steps submitted and not yet awaited, 1 to 32
 * @param timelineRecords ring capacity per lane, a power of two; 0 records nothing of stages and
 *     ranks
 * @param hangTimeoutMs after which a step counts as hung; 0 is never
 * @param allowFaultInjection whether {@link Executor#inject} works
 */
public record ExecutorConfig(
    int stages,
    int ranks,
    int threads,
    Isa isa,
    KvType kvType,
    int kvBlockTokens,
    int kvBlocks,
    int maxRows,
    int maxStepTokens,
    int maxStepOutputs,
    int maxInFlight,
    int timelineRecords,
    int hangTimeoutMs,
    boolean allowFaultInjection) {

  /** What computes: AUTO is the best instruction set this CPU has, CUDA an NVIDIA device. */
  public enum Isa {
    AUTO,
    REFERENCE,
    AVX2,
    AVX512,
    CUDA
  }

  /** How keys and values are stored: Q8_0 as bytes, 32 of a head sharing a scale. */
  public enum KvType {
    F32,
    F16,
    BF16,
    Q8_0
  }

  /** One stage of one rank with room for 64 sequences and 16 384 KV tokens. */
  public static ExecutorConfig defaults() {
    return new ExecutorConfig(
        1, 1, 1, Isa.AUTO, KvType.F16, 32, 512, 64, 512, 512, 2, 4096, 10_000, false);
  }

  /** The same with another layout; one step more than stages may be in flight. */
  public ExecutorConfig withLayout(int newStages, int newRanks, int newThreads) {
    return new ExecutorConfig(
        newStages,
        newRanks,
        newThreads,
        isa,
        kvType,
        kvBlockTokens,
        kvBlocks,
        maxRows,
        maxStepTokens,
        maxStepOutputs,
        newStages + 1,
        timelineRecords,
        hangTimeoutMs,
        allowFaultInjection);
  }

  /** The same with another KV pool. */
  public ExecutorConfig withKv(KvType type, int blockTokens, int blocks) {
    return new ExecutorConfig(
        stages,
        ranks,
        threads,
        isa,
        type,
        blockTokens,
        blocks,
        maxRows,
        maxStepTokens,
        maxStepOutputs,
        maxInFlight,
        timelineRecords,
        hangTimeoutMs,
        allowFaultInjection);
  }

  /** The same with other step limits. */
  public ExecutorConfig withSteps(int rows, int stepTokens, int stepOutputs) {
    return new ExecutorConfig(
        stages,
        ranks,
        threads,
        isa,
        kvType,
        kvBlockTokens,
        kvBlocks,
        rows,
        stepTokens,
        stepOutputs,
        maxInFlight,
        timelineRecords,
        hangTimeoutMs,
        allowFaultInjection);
  }

  /** The same with another hang deadline and fault injection on or off. */
  public ExecutorConfig withFaults(boolean allowed, int newHangTimeoutMs) {
    return new ExecutorConfig(
        stages,
        ranks,
        threads,
        isa,
        kvType,
        kvBlockTokens,
        kvBlocks,
        maxRows,
        maxStepTokens,
        maxStepOutputs,
        maxInFlight,
        timelineRecords,
        newHangTimeoutMs,
        allowed);
  }

  /** The same with other kernels. */
  public ExecutorConfig withIsa(Isa kernels) {
    return new ExecutorConfig(
        stages,
        ranks,
        threads,
        kernels,
        kvType,
        kvBlockTokens,
        kvBlocks,
        maxRows,
        maxStepTokens,
        maxStepOutputs,
        maxInFlight,
        timelineRecords,
        hangTimeoutMs,
        allowFaultInjection);
  }
}
