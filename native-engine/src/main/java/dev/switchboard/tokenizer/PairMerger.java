package dev.switchboard.tokenizer;

import java.util.Arrays;

/**
 * Merges neighbouring symbols of a text, always the pair of the best priority, of those the
 * leftmost, until no pair may merge.
 *
 * <p>Symbols form a linked list over array indices. A heap holds, for each pair, its priority and
 * its left symbol in one long. A pair that changed leaves its old entry behind; an entry counts
 * only while its priority is still the current one of its left symbol. n symbols take O(n log n)
 * time whatever they are. Not thread-safe; grows and is used again.
 */
abstract class PairMerger {
  /** The priority of a pair that may not merge. */
  static final int NEVER = Integer.MAX_VALUE;

  private static final int END = -1;

  private int[] previous = new int[64];
  private int[] next = new int[64];
  private int[] priorities = new int[64];
  private long[] heap = new long[64];
  private int heapSize;

  /** Priority of merging two neighbours, lower is earlier, or {@link #NEVER}. */
  abstract int priority(int left, int right);

  /** Makes the left symbol the merged one; the right one is gone. */
  abstract void merge(int left, int right);

  /** Merges symbols 0 to count - 1; afterwards {@link #after} walks the ones that are left. */
  final void run(int count) {
    reserve(count);
    heapSize = 0;
    for (int i = 0; i < count; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < count ? i + 1 : END;
    }
    for (int i = 0; i < count; i++) {
      consider(i);
    }
    while (heapSize > 0) {
      long entry = pop();
      int left = (int) entry;
      if (priorities[left] == (int) (entry >> 32)) {
        mergeAt(left);
      }
    }
  }

  /** The symbol after this one, or -1. The first symbol is 0: merging keeps the left index. */
  final int after(int symbol) {
    return next[symbol];
  }

  private void mergeAt(int left) {
    int right = next[left];
    merge(left, right);
    priorities[right] = NEVER;
    next[left] = next[right];
    if (next[left] != END) {
      previous[next[left]] = left;
    }
    consider(left);
    if (previous[left] != END) {
      consider(previous[left]);
    }
  }

  private void consider(int left) {
    priorities[left] = next[left] == END ? NEVER : priority(left, next[left]);
    if (priorities[left] != NEVER) {
      push(((long) priorities[left] << 32) | left);
    }
  }

  private void reserve(int count) {
    if (count > next.length) {
      int size = Math.max(count, next.length * 2);
      previous = new int[size];
      next = new int[size];
      priorities = new int[size];
    }
  }

  private void push(long entry) {
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, heapSize * 2);
    }
    int at = heapSize++;
    while (at > 0) {
      int parent = (at - 1) >> 1;
      if (heap[parent] <= entry) {
        break;
      }
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  private long pop() {
    long top = heap[0];
    long last = heap[--heapSize];
    int at = 0;
    for (int child = 1; child < heapSize; child = 2 * at + 1) {
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= last) {
        break;
      }
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
