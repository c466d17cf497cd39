package dev.switchboard.tokenizer;

import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.GgufStrings;
import java.util.Arrays;

/**
 * The tokens of a vocabulary as bytes, and an open-addressing hash table from bytes to ids.
 *
 * <p>All tokens lie in one array, so a vocabulary costs a few arrays and no object per token. The
 * hash runs over bytes in order: extending a key by a byte extends its hash, which makes finding
 * the longest token at a position one walk. Of tokens spelled alike the first is found. A file
 * could choose tokens that collide; a probe sequence longer than any honest one is refused.
 */
final class TokenTable {
  static final int NONE = -1;

  /** Longer tokens are never searched for in text, so that a walk stays short. */
  static final int MAX_MATCH_BYTES = 1024;

  private static final int MAX_PROBES = 256;
  private static final long HASH_START = 0xcbf29ce484222325L;
  private static final long HASH_STEP = 0x100000001b3L;
  private static final long EMPTY = -1;
  private static final long HASH_MIX = 0x9E3779B97F4A7C15L;

  private final byte[] pool;
  private final int[] starts;
  private final long[] slots;
  private final int longest;

  TokenTable(GgufStrings tokens) {
    int count = tokens.size();
    starts = new int[count + 1];
    int most = 0;
    for (int id = 0; id < count; id++) {
      starts[id + 1] = Math.addExact(starts[id], tokens.byteLength(id));
      most = Math.max(most, tokens.byteLength(id));
    }
    longest = most;
    pool = new byte[starts[count]];
    slots = new long[Math.max(16, Integer.highestOneBit(Math.max(1, count)) * 4)];
    Arrays.fill(slots, EMPTY);
    for (int id = 0; id < count; id++) {
      tokens.copy(id, pool, starts[id]);
      insert(id);
    }
  }

  int size() {
    return starts.length - 1;
  }

  /** Length of the longest token, in bytes. */
  int longest() {
    return longest;
  }

  int byteLength(int id) {
    return starts[id + 1] - starts[id];
  }

  byte[] bytes(int id) {
    return Arrays.copyOfRange(pool, starts[id], starts[id + 1]);
  }

  byte firstByte(int id) {
    return pool[starts[id]];
  }

  /** Id of the token that is exactly these bytes, or {@link #NONE}. */
  int find(byte[] text, int from, int to) {
    return find(hash(text, from, to), text, from, to);
  }

  int find(byte[] text) {
    return find(text, 0, text.length);
  }

  /** Id of the token that is exactly these bytes, whose hash the caller has walked. */
  int find(long hash, byte[] text, int from, int to) {
    long mixed = mix(hash);
    int mask = slots.length - 1;
    for (int slot = slot(mixed); slots[slot] != EMPTY; slot = (slot + 1) & mask) {
      int id = (int) slots[slot];
      if (slots[slot] == entry(mixed, id) && is(id, text, from, to)) {
        return id;
      }
    }
    return NONE;
  }

  private boolean is(int id, byte[] text, int from, int to) {
    return Arrays.equals(pool, starts[id], starts[id + 1], text, from, to);
  }

  static long hashStart() {
    return HASH_START;
  }

  static long hashNext(long hash, byte next) {
    return (hash ^ (next & 0xFF)) * HASH_STEP;
  }

  private static long hash(byte[] text, int from, int to) {
    long hash = HASH_START;
    for (int i = from; i < to; i++) {
      hash = hashNext(hash, text[i]);
    }
    return hash;
  }

  /** Spreads a hash; its low bits choose the slot. */
  static long mix(long hash) {
    long mixed = (hash ^ (hash >>> 32)) * HASH_MIX;
    return mixed ^ (mixed >>> 29);
  }

  private int slot(long mixed) {
    return (int) mixed & (slots.length - 1);
  }

  /** A slot's content: half of the hash, so that few misses look at the pool, and the id. */
  private static long entry(long mixed, int id) {
    return (mixed & 0xFFFFFFFF00000000L) | id;
  }

  private void insert(int id) {
    int from = starts[id];
    int to = starts[id + 1];
    if (from == to) {
      return;
    }
    long mixed = mix(hash(pool, from, to));
    int mask = slots.length - 1;
    int slot = slot(mixed);
    for (int probes = 0; slots[slot] != EMPTY; slot = (slot + 1) & mask) {
      int other = (int) slots[slot];
      if (slots[slot] == entry(mixed, other) && is(other, pool, from, to)) {
        return;
      }
      if (++probes > MAX_PROBES) {
        throw new GgufException(
            Reason.BAD_TOKENIZER, "tokenizer.ggml.tokens has too many tokens that hash alike");
      }
    }
    slots[slot] = entry(mixed, id);
  }
}
