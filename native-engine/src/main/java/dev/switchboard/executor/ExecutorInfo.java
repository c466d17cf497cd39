package dev.switchboard.executor;

import org.jspecify.annotations.Nullable;

/**
 * What an executor can hold.
 *
 * @param rows live sequences
 * @param kvBlocks blocks in the pool, of kvBlockTokens tokens each
 * @param maxStepTokens most tokens of one step
 * @param maxStepOutputs most sampled or scored positions of one step
 * @param maxInFlight most steps submitted and not yet awaited
 * @param context longest sequence in tokens
 * @param embeddingSize floats that an encoder gives for a sequence; 0 for a model that generates
 * @param device what computes, for people: {@code cpu avx512}, {@code cuda}, {@code cuda wgmma}
 */
public record ExecutorInfo(
    int rows,
    int kvBlocks,
    int kvBlockTokens,
    int maxStepTokens,
    int maxStepOutputs,
    int maxInFlight,
    int stages,
    int ranks,
    int context,
    int vocab,
    int embeddingSize,
    Memory memory,
    String device) {

  /**
   * @param weightBytesPerToken weight bytes one decode step reads
   * @param devices what of all of it lies there; null where the CPU computes
   */
  public record Memory(
      long weightBytes,
      long kvBytes,
      long scratchBytes,
      long weightBytesPerToken,
      @Nullable OnDevices devices) {

    /** Of the host alone. */
    public Memory(long weightBytes, long kvBytes, long scratchBytes, long weightBytesPerToken) {
      this(weightBytes, kvBytes, scratchBytes, weightBytesPerToken, null);
    }

    public long allBytes() {
      return weightBytes + kvBytes + scratchBytes;
    }

    public long deviceBytes() {
      return devices == null ? 0 : devices.bytes();
    }

    /** What lies in the host's memory. */
    public long hostBytes() {
      return allBytes() - deviceBytes();
    }
  }

  /**
   * Memory of devices.
   *
   * @param tightestBytes of these, what lies on the device that has the least to spare
   * @param tightestFreeBytes what that one had free before
   */
  public record OnDevices(long bytes, long tightestBytes, long tightestFreeBytes) {}

  /** Whether sequences are computed whole, in one step, and give a vector instead of tokens. */
  public boolean encodes() {
    return embeddingSize > 0;
  }

  /** Masks that outputs of steps in flight may name: two for each row. */
  public int maskSlots() {
    return 2 * rows;
  }

  /** 64-bit words of a mask that covers the vocabulary. */
  public int maskWords() {
    return Math.ceilDiv(vocab, Long.SIZE);
  }

  public int lanes() {
    return stages * ranks;
  }
}
