package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class TokenBucketTest {
  private static final long MINUTE = 60_000_000_000L;

  @Test
  void aLoweredLimitLocksNobodyOutForLongerThanItsMinute() {
    TokenBucket bucket = new TokenBucket(1_000_000, 0);
    bucket.take(500_000);

    bucket.advance(10_000, 0);

    assertEquals(5_000, bucket.remaining());
    assertTrue(bucket.nanosUntil(10_000) <= MINUTE, () -> bucket.nanosUntil(10_000) + " ns");
  }

  @Test
  void aRaisedLimitGivesTheSamePartOfIt() {
    TokenBucket bucket = new TokenBucket(100, 0);
    bucket.take(75);

    bucket.advance(1000, 0);

    assertEquals(250, bucket.remaining());
  }

  @Test
  void whatIsOwedIsMadeUpInTheSameTimeUnderAnotherLimit() {
    TokenBucket bucket = new TokenBucket(600, 0);
    bucket.take(700);
    assertEquals(MINUTE / 6, bucket.nanosUntil(0));

    bucket.advance(60, 0);

    assertEquals(MINUTE / 6, bucket.nanosUntil(0));
  }

  @Test
  void aLimitWhereThereWasNoneBeginsFull() {
    TokenBucket bucket = new TokenBucket(1000, 0);
    bucket.take(1500);
    bucket.advance(0, MINUTE / 60);

    bucket.advance(1000, MINUTE);

    assertEquals(1000, bucket.remaining());
  }
}
