package dev.switchboard.worker;

import dev.switchboard.executor.ExecutorInfo.Memory;
import dev.switchboard.executor.ExecutorInfo.OnDevices;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
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
 * <p>Where devices compute, the budget is of the host's memory, and KV lies on the devices: without
 * an amount the pool is what remains there, on the device that has the least to spare.
 *
 * @param planned what a pool of so many blocks takes together with the rest
 * @param mostBlocks what all sequences at their longest can fill
 * @param leastBlocks what one sequence needs to be of use
 * @param availableBytes what the machine, or the least of the process's memory control groups, has
 *     to give
 * @param smaller layouts that take less, in the order in which they are proposed where this one
 *     does not fit on a device
 * @param jvmBytes heap under load, compiled code, threads, and buffers of connections
 */
record MemoryPlan(
    IntFunction<Memory> planned,
    int mostBlocks,
    int leastBlocks,
    long availableBytes,
    long jvmBytes,
    List<Smaller> smaller) {

  private static final long DEFAULT_KV_BYTES = 512L << 20;
  private static final int MEBIBYTE_BITS = 20;

  /** One part in so many of a device's free memory is left for its driver: code, local memory. */
  private static final int DRIVER_PART = 32;

  /**
   * A layout that takes less.
   *
   * @param options of the command line that give it
   * @param least what it takes with the least pool
   */
  record Smaller(String options, Supplier<Memory> least) {}

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
      requireOnDevices(blocks);
      return blocks;
    }
    require(leastBlocks, budget, totalBytes == null ? "the memory available" : "--memory");
    requireOnDevices(leastBlocks);
    int fitting = largest(blocks -> wholeBytes(blocks) <= budget && sparesDriver(blocks));
    if (planned.apply(leastBlocks).devices() != null) {
      return Math.max(fitting, leastBlocks);
    }
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
    return planned.apply(blocks).hostBytes() + jvmBytes;
  }

  private boolean sparesDriver(int blocks) {
    OnDevices devices = planned.apply(blocks).devices();
    if (devices == null) {
      return true;
    }
    long free = devices.tightestFreeBytes();
    return devices.tightestBytes() <= free - free / DRIVER_PART;
  }

  private static boolean fits(@Nullable OnDevices devices) {
    return devices == null || devices.tightestBytes() <= devices.tightestFreeBytes();
  }

  private void requireOnDevices(int blocks) throws ModelLoadException {
    OnDevices devices = planned.apply(blocks).devices();
    if (devices == null || fits(devices)) {
      return;
    }
    throw new ModelLoadException(
        ModelLoadException.OUT_OF_MEMORY,
        "a device has %d MiB free, but %d MiB are needed there: %s"
            .formatted(
                devices.tightestFreeBytes() >> MEBIBYTE_BITS,
                mebibytes(devices.tightestBytes()),
                proposal()));
  }

  private String proposal() {
    if (fits(planned.apply(leastBlocks).devices())) {
      int most = largest(blocks -> fits(planned.apply(blocks).devices()));
      return "--kv-memory %dMiB fits".formatted(planned.apply(most).kvBytes() >> MEBIBYTE_BITS);
    }
    return smaller.stream()
        .filter(layout -> fits(layout.least().get().devices()))
        .findFirst()
        .map(layout -> layout.options() + " fits")
        .orElse("more --stages or --ranks on more devices, or --device cpu, may fit");
  }

  private void require(int blocks, long budget, String name) throws ModelLoadException {
    if (wholeBytes(blocks) <= budget) {
      return;
    }
    Memory memory = planned.apply(blocks);
    long onDevices = memory.deviceBytes();
    throw new ModelLoadException(
        ModelLoadException.OUT_OF_MEMORY,
        "%s is %d MiB, but %d MiB are needed: weights %d, KV %d, scratch %d, JVM %d%s"
            .formatted(
                name,
                budget >> MEBIBYTE_BITS,
                mebibytes(wholeBytes(blocks)),
                mebibytes(memory.weightBytes()),
                mebibytes(memory.kvBytes()),
                mebibytes(memory.scratchBytes()),
                mebibytes(jvmBytes),
                onDevices == 0 ? "" : ", of these on devices " + mebibytes(onDevices)));
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
