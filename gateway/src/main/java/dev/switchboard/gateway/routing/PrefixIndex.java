package dev.switchboard.gateway.routing;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Which replicas of a model have computed which prompt prefixes, as far as this gateway sent them
 * there: approximate, bounded, learned from its own decisions.
 *
 * <p>A prompt is a chain of hashes, each over its block and all blocks before it, so equal hashes
 * mean equal prefixes. The table is set-associative: a hash may stand in one of the eight places of
 * its set, and the one that was used longest ago gives way. An entry holds a bit for each replica.
 * A replica that restarts or is gone is forgotten by clearing its bit everywhere, which another one
 * may get then. What a replica's own cache has dropped in the meantime is not known here; the
 * {@link Workload} learns from what answers say how far to trust a match.
 *
 * <p>Memory: 20 bytes for each entry, from the start on. Safe on any thread.
 */
final class PrefixIndex {
  private static final int WAYS = 8;

  private final Map<String, Integer> bits = new LinkedHashMap<>();
  private final int sets;
  private final long[] keys;
  private final long[] masks;
  private final int[] used;

  /** Bits that some replica has; when all are, more replicas of a model are without affinity. */
  private long taken;

  private int tick;

  /**
   * @param entries at most, rounded down to whole sets, at least one
   */
  PrefixIndex(int entries) {
    this.sets = Math.max(1, entries / WAYS);
    this.keys = new long[sets * WAYS];
    this.masks = new long[sets * WAYS];
    this.used = new int[sets * WAYS];
  }

  /**
   * How many blocks from the start each replica has computed; replicas with none are left out.
   *
   * @param chain hashes of the prompt's prefixes, shortest first
   */
  synchronized Map<String, Integer> match(long[] chain) {
    long alive = -1;
    int depth = 0;
    Map<String, Integer> found = new HashMap<>();
    while (depth < chain.length) {
      int at = find(chain[depth]);
      long still = at < 0 ? 0 : alive & masks[at];
      if (depth > 0 && still != alive) {
        note(found, alive & ~still, depth);
      }
      if (still == 0) {
        return found;
      }
      used[at] = ++tick;
      alive = still;
      depth++;
    }
    if (depth > 0) {
      note(found, alive, depth);
    }
    return found;
  }

  private void note(Map<String, Integer> found, long mask, int depth) {
    bits.forEach(
        (replica, bit) -> {
          if ((mask >>> bit & 1) != 0) {
            found.put(replica, depth);
          }
        });
  }

  /** A replica computes a prompt. */
  synchronized void served(long[] chain, String replica) {
    Integer bit = bits.get(replica);
    if (bit == null) {
      if (taken == -1) {
        return;
      }
      bit = Long.numberOfTrailingZeros(~taken);
      taken |= 1L << bit;
      bits.put(replica, bit);
    }
    for (long hash : chain) {
      int at = find(hash);
      if (at < 0) {
        at = oldest(hash);
        keys[at] = hash;
        masks[at] = 0;
      }
      masks[at] |= 1L << bit;
      used[at] = ++tick;
    }
  }

  /** A replica's cache is empty. */
  synchronized void forget(String replica) {
    Integer bit = bits.remove(replica);
    if (bit != null) {
      taken &= ~(1L << bit);
      for (int i = 0; i < masks.length; i++) {
        masks[i] &= ~(1L << bit);
      }
    }
  }

  private int find(long hash) {
    int base = set(hash);
    for (int i = base; i < base + WAYS; i++) {
      if (keys[i] == hash && masks[i] != 0) {
        return i;
      }
    }
    return -1;
  }

  /** A free place of the set, or the one that was used longest ago. */
  private int oldest(long hash) {
    int base = set(hash);
    int best = base;
    for (int i = base; i < base + WAYS; i++) {
      if (masks[i] == 0) {
        return i;
      }
      // Differences survive the overflow of the tick.
      if (used[i] - used[best] < 0) {
        best = i;
      }
    }
    return best;
  }

  private int set(long hash) {
    return (int) Long.remainderUnsigned(hash, sets) * WAYS;
  }
}
