package dev.switchboard.worker;

/**
 * How the Java heap is shared, and what it must be at least. The heap's bound is {@code -Xmx}; what
 * the JVM has beside it, compiled code, classes, threads and buffers of connections, is {@link
 * #BESIDE_BYTES} whatever the heap.
 *
 * @param heapBytes the heap's bound
 */
record JavaMemory(long heapBytes) {
  /** Measured under load: 82 MiB, and as much again for what a long run compiles and pools. */
  static final long BESIDE_BYTES = 160L << 20;

  /** Without a request: classes' statics, the event loop, timelines, the engine's bookkeeping. */
  private static final long IDLE_BYTES = 40L << 20;

  /**
   * A token's text in both directions, its place in the trie, and a bit in each kept mask. Measured
   * without masks: 157 bytes with GPT-2's 50 257 tokens, 229 with 151 936 longer ones, which take
   * less than 350 while they are read.
   */
  private static final long TOKEN_BYTES = 512;

  /** A block's state and its hash in the prefix cache. */
  private static final long BLOCK_BYTES = 160;

  /** Tree, texts and tokens of the one large body that is prepared at a time. */
  private static final long PREPARATION_BYTES = 80L << 20;

  /** It is there as the request has it, and as the engine goes on with it. */
  private static final long WAITING_TOKEN_BYTES = 2 * Integer.BYTES;

  static JavaMemory ofThisMachine() {
    return new JavaMemory(Runtime.getRuntime().maxMemory());
  }

  /** The part of it that bodies may take that are read or wait for their preparation. */
  static long bodyBytes(long heapBytes) {
    return heapBytes / 8;
  }

  /** How many tokens of prompts may wait for the engine: they have an eighth of it. */
  long waitingTokens() {
    return heapBytes / 8 / WAITING_TOKEN_BYTES;
  }

  /** The part of it that the lists of steps of running requests may take. */
  long stepListBytes() {
    return heapBytes / 8;
  }

  /** The part of it that constraints may learn in while answers follow them. */
  long constraintBytes() {
    return heapBytes / 4;
  }

  /** The part of it that texts, vectors and answers of a model that embeds may take. */
  static long vectorBytes(long heapBytes) {
    return heapBytes / 3;
  }

  /** Heap and all else that the JVM takes. */
  long processBytes() {
    return heapBytes + BESIDE_BYTES;
  }

  /** The least heap for a model: what it has without a request, and room for the largest one. */
  static long leastBytes(int vocabulary, int kvBlocks) {
    return IDLE_BYTES + PREPARATION_BYTES + vocabulary * TOKEN_BYTES + kvBlocks * BLOCK_BYTES;
  }
}
