package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class DrainRateTest {
  private long now;

  @Test
  void waitIsTheQueueDividedByTheRate() {
    DrainRate rate = new DrainRate(() -> now);

    for (int i = 0; i < 10; i++) {
      rate.finished(2);
    }

    assertEquals(4, rate.secondsUntilLeft(8));
  }

  @Test
  void whatFinishedLongAgoDoesNotCount() {
    DrainRate rate = new DrainRate(() -> now);

    rate.finished(1);
    now += 30_000_000_000L;

    assertEquals(1, rate.secondsUntilLeft(8));
  }

  @Test
  void theWaitIsBounded() {
    DrainRate rate = new DrainRate(() -> now);

    rate.finished(1);

    assertEquals(60, rate.secondsUntilLeft(1000));
    assertEquals(1, rate.secondsUntilLeft(0));
  }
}
