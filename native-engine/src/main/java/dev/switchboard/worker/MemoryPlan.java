package dev.switchboard.worker;

import dev.switchboard.executor.ExecutorInfo.Memory;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Decides how large the KV pool is, before anything is taken.
 *
 * <p>A budget is split in this order: weights and scratch, which the model and the layout decide;
 * what the JVM needs beside; and KV blocks, of what remains, but never more than all sequences at
 * their longest can fill. A pool must hold one sequence of a useful length at least. Without a
 * budget the pool is 512 MiB, or what remains of the memory that is available: all of that would
 * starve the next worker on the host, and every page is taken at start.
 *
 * @param planned what a pool of so many blocks takes together with the rest
 * @param mostBlocks what all sequences at their longest can fill
 * @param leastBlocks what one sequence needs to be of use
 * @param availableBytes what the machine, or the least of the process's memory control groups, has
 *     to give
 * @param jvmBytes heap under load, compiled code, threads, and buffers of connections
 */
record MemoryPlan(
    IntFunction<Memory> planned,
    int mostBlocks,
    int leastBlocks,
    long availableBytes,
    long jvmBytes) {

  private static final long DEFAULT_KV_BYTES = 512L << 20;
  private static final int MEBIBYTE_BITS = 20;

  /**
   * The blocks of the pool.
   *
   * @param kvMemory what was asked for; null for what remains
   * @param totalBytes the budget for everything; null when none was given
   * @throws ModelLoadException with the numbers, when the least does not fit
   */
  int kvBlocks(@Nullable KvMemory kvMemory, @Nullable Long totalBytes, int blockTokens)
      throws ModelLoadException {
    long budget = totalBytes == null ? availableBytes : totalBytes;
    if (kvMemory != null) {
      int blocks = asked(kvMemory, blockTokens);
      if (totalBytes != null) {
        require(blocks, budget, "--memory");
      }
      return blocks;
    }
    require(leastBlocks, budget, totalBytes == null ? "the memory available" : "--memory");
    int fitting = largest(blocks -> wholeBytes(blocks) <= budget);
    return totalBytes != null ? fitting : Math.min(fitting, withKvBytes(DEFAULT_KV_BYTES));
  }

  private int asked(KvMemory kvMemory, int blockTokens) {
    return switch (kvMemory) {
      case KvMemory.Bytes(long bytes) -> withKvBytes(bytes);
      case KvMemory.Tokens(long tokens) -> Math.clamp(tokens / blockTokens, 1, mostBlocks);
    };
  }

  private int withKvBytes(long bytes) {
    return largest(blocks -> planned.apply(blocks).kvBytes() <= bytes);
  }

  private long wholeBytes(int blocks) {
    Memory memory = planned.apply(blocks);
    return memory.weightBytes() + memory.kvBytes() + memory.scratchBytes() + jvmBytes;
  }

  private void require(int blocks, long budget, String name) throws ModelLoadException {
    if (wholeBytes(blocks) <= budget) {
      return;
    }
    Memory memory = planned.apply(blocks);
    throw new ModelLoadException(
        ModelLoadException.OUT_OF_MEMORY,
        "%s is %d MiB, but %d MiB are needed: weights %d, KV %d, scratch %d, JVM %d"
            .formatted(
                name,
                budget >> MEBIBYTE_BITS,
                mebibytes(wholeBytes(blocks)),
                mebibytes(memory.weightBytes()),
                mebibytes(memory.kvBytes()),
                mebibytes(memory.scratchBytes()),
                mebibytes(jvmBytes)));
  }

  private static long mebibytes(long bytes) {
    return Math.ceilDiv(bytes, 1L << MEBIBYTE_BITS);
  }

  /**
   * The most blocks for which this holds, which holds for fewer if it does for more; one at least.
   */
  private int largest(IntPredicate fits) {
    int low = 1;
    int high = mostBlocks;
    while (low < high) {
      int middle = low + (high - low + 1) / 2;
      if (fits.test(middle)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
}
