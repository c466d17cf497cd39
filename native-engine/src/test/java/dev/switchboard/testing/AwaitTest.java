package dev.switchboard.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class AwaitTest {
  @Test
  void whatIsSeenIsGivenOnceItIsWanted() {
    AtomicInteger looks = new AtomicInteger();

    assertEquals(3, Await.until("three looks", looks::incrementAndGet, seen -> seen == 3));
  }

  @Test
  void anErrorIsNoEndWhileItMayStillCome() {
    AtomicInteger looks = new AtomicInteger();

    Await.until(
        "the second look",
        () -> {
          assertEquals(2, looks.incrementAndGet());
          return true;
        });

    assertEquals(2, looks.get());
  }

  @Test
  void aFailureSaysWhatWasSeenLastAndShowsTheOpenScenes() {
    String failure;
    try (Await.Scene _ = Await.showing(() -> "the gateway's log")) {
      failure = failure();
    }

    assertTrue(failure.contains("seven"), failure);
    assertTrue(failure.contains("seen last: 6"), failure);
    assertTrue(failure.contains("the gateway's log"), failure);
    assertEquals(1, failure().lines().count());
  }

  private static String failure() {
    return assertThrows(
            AssertionError.class, () -> Await.until("seven", () -> 6, seen -> seen == 7, 0))
        .toString();
  }
}
