package dev.switchboard.kv;

import java.util.Arrays;

/**
 * The KV blocks of one engine: who uses them, which hold a reusable prefix, and which go next.
 *
 * <p>A block is <em>used</em> (its reference count is above zero), <em>cached</em> (unreferenced,
 * but it still holds a full block of a known prefix) or <em>free</em>. Free + cached + used is the
 * pool's size, always; {@link #check} proves it.
 *
 * <p>Unreferenced blocks wait in one doubly linked list threaded through two arrays, next to be
 * taken at its head: free blocks are put at the head, cached ones at the tail, so prefixes are
 * forgotten only when nothing else is left, least recently used first. A sequence releases its
 * blocks last to first: the end of a prefix goes before its beginning.
 *
 * <p>A cached or used block with full contents may be published under the 128-bit hash of its chain
 * (parent's hash and its tokens), in an open-addressing table that is at most half full. A hit
 * compares the block's tokens as well, so even a collision cannot serve foreign keys and values.
 * Nothing here allocates after construction. Not thread-safe.
 */
public final class BlockPool {
  private static final int NONE = -1;

  private final int blockTokens;
  private final int[] references;
  private final int[] next;
  private final int[] previous;
  private final boolean[] published;
  private final long[] hashHigh;
  private final long[] hashLow;
  private final int[] contents;
  private final int[] table;
  private final int mask;
  private int head = NONE;
  private int tail = NONE;
  private int free;
  private int cached;
  private long releases;
  private long evictions;

  public BlockPool(int blocks, int blockTokens) {
    if (blocks < 1 || blockTokens < 1) {
      throw new IllegalArgumentException("blocks and blockTokens must be positive");
    }
    this.blockTokens = blockTokens;
    references = new int[blocks];
    next = new int[blocks];
    previous = new int[blocks];
    published = new boolean[blocks];
    hashHigh = new long[blocks];
    hashLow = new long[blocks];
    contents = new int[Math.multiplyExact(blocks, blockTokens)];
    table = new int[Math.max(2, Integer.highestOneBit(blocks) * 4)];
    mask = table.length - 1;
    Arrays.fill(table, NONE);
    for (int block = blocks - 1; block >= 0; block--) {
      addFirst(block);
    }
    free = blocks;
  }

  public int total() {
    return references.length;
  }

  public int blockTokens() {
    return blockTokens;
  }

  public int free() {
    return free;
  }

  public int cached() {
    return cached;
  }

  public int used() {
    return references.length - free - cached;
  }

  /** Blocks {@link #allocate} can still give. */
  public int available() {
    return free + cached;
  }

  /** How often a block became unreferenced; unchanged means waiting for blocks is still futile. */
  public long releases() {
    return releases;
  }

  /** How often a reusable prefix was forgotten because its block was needed. */
  public long evictions() {
    return evictions;
  }

  public int references(int block) {
    return references[block];
  }

  /** A block nobody uses, with one reference; -1 when all are used. */
  public int allocate() {
    int block = head;
    if (block == NONE) {
      return NONE;
    }
    unlink(block);
    if (published[block]) {
      unpublish(block);
      cached--;
      evictions++;
    } else {
      free--;
    }
    references[block] = 1;
    return block;
  }

  /** One more reference, to a used or cached block. */
  public void retain(int block) {
    if (references[block] == 0) {
      if (!published[block]) {
        throw new IllegalStateException("block " + block + " is free");
      }
      unlink(block);
      cached--;
    }
    references[block]++;
  }

  /** One reference less; the last one makes it cached or free. */
  public void release(int block) {
    if (references[block] <= 0) {
      throw new IllegalStateException("block " + block + " is not used");
    }
    if (--references[block] > 0) {
      return;
    }
    releases++;
    if (published[block]) {
      addLast(block);
      cached++;
    } else {
      addFirst(block);
      free++;
    }
  }

  /**
   * Makes a used block with full contents findable. Does nothing when an equal one is already.
   *
   * @param tokens blockTokens of them from offset on
   */
  public void publish(int block, long high, long low, int[] tokens, int offset) {
    if (published[block] || find(high, low, tokens, offset) != NONE) {
      return;
    }
    if (references[block] <= 0) {
      throw new IllegalStateException("block " + block + " is not used");
    }
    hashHigh[block] = high;
    hashLow[block] = low;
    System.arraycopy(tokens, offset, contents, block * blockTokens, blockTokens);
    published[block] = true;
    int slot = home(block);
    while (table[slot] != NONE) {
      slot = (slot + 1) & mask;
    }
    table[slot] = block;
  }

  /** The published block with this hash and these tokens, or -1. Takes no reference. */
  public int find(long high, long low, int[] tokens, int offset) {
    for (int slot = (int) low & mask; table[slot] != NONE; slot = (slot + 1) & mask) {
      int block = table[slot];
      if (hashLow[block] == low && hashHigh[block] == high && sameTokens(block, tokens, offset)) {
        return block;
      }
    }
    return NONE;
  }

  /** Walks everything and throws {@link IllegalStateException} when a promise is broken. */
  public void check() {
    int listed = 0;
    int listedCached = 0;
    int before = NONE;
    for (int block = head; block != NONE; before = block, block = next[block]) {
      require(references[block] == 0, block, "is listed and used");
      require(previous[block] == before, block, "is linked wrongly");
      require(++listed <= references.length, block, "is in a cycle");
      listedCached += published[block] ? 1 : 0;
    }
    require(before == tail, before, "is not the tail");
    int usedBlocks = 0;
    for (int block = 0; block < references.length; block++) {
      usedBlocks += references[block] > 0 ? 1 : 0;
      require(!published[block] || isInTable(block), block, "is published but not found");
    }
    require(listedCached == cached, cached, "cached is miscounted");
    require(listed - listedCached == free, free, "free is miscounted");
    require(usedBlocks + listed == references.length, usedBlocks, "used is miscounted");
  }

  private static void require(boolean condition, int block, String what) {
    if (!condition) {
      throw new IllegalStateException("block pool: " + block + " " + what);
    }
  }

  private boolean isInTable(int block) {
    for (int slot = home(block); table[slot] != NONE; slot = (slot + 1) & mask) {
      if (table[slot] == block) {
        return true;
      }
    }
    return false;
  }

  private boolean sameTokens(int block, int[] tokens, int offset) {
    int from = block * blockTokens;
    return Arrays.equals(contents, from, from + blockTokens, tokens, offset, offset + blockTokens);
  }

  private int home(int block) {
    return (int) hashLow[block] & mask;
  }

  /** Takes a block out of the table and moves later ones of its run back, so no tombstones stay. */
  private void unpublish(int block) {
    published[block] = false;
    int hole = home(block);
    while (table[hole] != block) {
      hole = (hole + 1) & mask;
    }
    table[hole] = NONE;
    for (int slot = (hole + 1) & mask; table[slot] != NONE; slot = (slot + 1) & mask) {
      int home = home(table[slot]);
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        table[hole] = table[slot];
        table[slot] = NONE;
        hole = slot;
      }
    }
  }

  private void addFirst(int block) {
    previous[block] = NONE;
    next[block] = head;
    if (head == NONE) {
      tail = block;
    } else {
      previous[head] = block;
    }
    head = block;
  }

  private void addLast(int block) {
    next[block] = NONE;
    previous[block] = tail;
    if (tail == NONE) {
      head = block;
    } else {
      next[tail] = block;
    }
    tail = block;
  }

  private void unlink(int block) {
    int before = previous[block];
    int after = next[block];
    if (before == NONE) {
      head = after;
    } else {
      next[before] = after;
    }
    if (after == NONE) {
      tail = before;
    } else {
      previous[after] = before;
    }
  }
}
