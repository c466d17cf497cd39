package dev.switchboard.gateway.slo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class TimeBucketsTest {
  @Test
  void noBoundIsMoreThanATenthAboveTheOneBefore() {
    long[] all = TimeBuckets.all();

    for (int i = 1; i < all.length; i++) {
      assertTrue(all[i] > all[i - 1], all[i] + " µs");
      // Whole microseconds are coarser than that below a millisecond.
      assertTrue(all[i] <= all[i - 1] * 1.1 + 1, all[i] + " µs");
    }
  }

  @Test
  void aTimeIsInTheBucketOfTheNextBound() {
    assertEquals(100, TimeBuckets.of(0));
    assertEquals(250_000, TimeBuckets.of(250_000_000));
    assertTrue(TimeBuckets.of(250_000_001) > 250_000);
    assertEquals(250_000, TimeBuckets.above(TimeBuckets.of(250_000_001)));
    assertEquals(0, TimeBuckets.above(TimeBuckets.of(1)));
  }

  @Test
  void whatTakesLongerThanADayIsInTheLastOne() {
    long last = TimeBuckets.of(90_000_000_000_000L);

    assertEquals(TimeBuckets.ENDLESS, last);
    assertEquals(86_400_000_000L, TimeBuckets.above(last));
  }
}
