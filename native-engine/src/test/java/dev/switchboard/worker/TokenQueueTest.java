package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

class TokenQueueTest {

  @Test
  void elementsComeOutInOrder() {
    TokenQueue<Integer> queue = new TokenQueue<>(4);

    for (int i = 0; i < 10; i++) {
      assertTrue(queue.offer(i));
      assertEquals(i, queue.poll());
    }

    assertNull(queue.poll());
  }

  @Test
  void aFullQueueRefuses() {
    TokenQueue<Integer> queue = new TokenQueue<>(2);

    assertTrue(queue.offer(1));
    assertTrue(queue.offer(2));

    assertFalse(queue.offer(3));
    assertEquals(1, queue.poll());
    assertTrue(queue.offer(3));
  }

  @Test
  void onlyPowersOfTwoAreCapacities() {
    assertThrows(IllegalArgumentException.class, () -> new TokenQueue<>(3));
  }

  @Test
  void nothingIsLostBetweenTwoThreads() throws InterruptedException {
    TokenQueue<Integer> queue = new TokenQueue<>(64);
    int count = 20_000;
    Thread producer = Thread.ofPlatform().start(() -> offerAll(queue, count));

    for (int next = 0; next < count; ) {
      Integer taken = queue.poll();
      if (taken == null) {
        LockSupport.parkNanos(1_000);
      } else {
        assertEquals(next++, taken);
      }
    }

    producer.join();
  }

  private static void offerAll(TokenQueue<Integer> queue, int count) {
    for (int i = 0; i < count; i++) {
      while (!queue.offer(i)) {
        LockSupport.parkNanos(1_000);
      }
    }
  }
}
