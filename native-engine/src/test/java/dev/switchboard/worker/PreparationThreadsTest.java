package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class PreparationThreadsTest {
  @Test
  void largeBodiesAreWorkedOnOneAtATimeAndSmallOnesDoNotWaitForThem() throws Exception {
    try (PreparationThreads threads = new PreparationThreads(8)) {
      AtomicInteger running = new AtomicInteger();
      AtomicInteger most = new AtomicInteger();
      CountDownLatch held = new CountDownLatch(1);
      CountDownLatch large = new CountDownLatch(10);
      CountDownLatch small = new CountDownLatch(20);
      for (int i = 0; i < 10; i++) {
        threads.run(
            PreparationThreads.LARGE_BYTES,
            () -> {
              most.accumulateAndGet(running.incrementAndGet(), Math::max);
              awaitQuietly(held);
              running.decrementAndGet();
              large.countDown();
            });
      }
      for (int i = 0; i < 20; i++) {
        threads.run(PreparationThreads.LARGE_BYTES - 1, small::countDown);
      }

      assertTrue(small.await(10, TimeUnit.SECONDS));
      held.countDown();
      assertTrue(large.await(10, TimeUnit.SECONDS));
      assertEquals(1, most.get());
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }
}
