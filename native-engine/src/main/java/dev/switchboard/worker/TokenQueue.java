package dev.switchboard.worker;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A bounded ring from the engine thread (the one producer) to an event loop (the one consumer).
 *
 * <p>{@code tail} is the producer's, {@code head} the consumer's; an element is published by the
 * release store of its slot and taken back by the consumer's release of null, so neither side reads
 * the other's index.
 */
final class TokenQueue<E> {
  private final AtomicReferenceArray<@Nullable E> slots;
  private final int mask;
  private int tail;
  private int head;

  /**
   * @param capacity a power of two
   */
  TokenQueue(int capacity) {
    if (Integer.bitCount(capacity) != 1) {
      throw new IllegalArgumentException("capacity is not a power of two: " + capacity);
    }
    slots = new AtomicReferenceArray<>(capacity);
    mask = capacity - 1;
  }

  /** Appends, or says false when full. */
  boolean offer(E element) {
    int slot = tail & mask;
    if (slots.getAcquire(slot) != null) {
      return false;
    }
    slots.setRelease(slot, element);
    tail++;
    return true;
  }

  /** The oldest element, or null when empty. */
  @Nullable E poll() {
    int slot = head & mask;
    E element = slots.getAcquire(slot);
    if (element != null) {
      slots.setRelease(slot, null);
      head++;
    }
    return element;
  }
}
