package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class BatchStartRateTest {
  private static final long SECOND = 1_000_000_000L;

  private final BatchStartRate batchStartRate = new BatchStartRate();

  private double secondsOfThird(long now) {
    return batchStartRate.waitNanos(3, true, now) / 1e9;
  }

  @Test
  void eachBeginningThatIsWaitedForTakesTheMeanTimeOfThoseBefore() {
    batchStartRate.waits(SECOND);
    batchStartRate.begins(-1, SECOND, 3 * SECOND);
    batchStartRate.begins(-1, SECOND, 7 * SECOND);

    assertEquals(9.16, secondsOfThird(7 * SECOND), 0.01);
  }

  @Test
  void severalAtOnceAreAsFastAsTheyAre() {
    batchStartRate.waits(0);
    for (long i = 1; i <= 200; i++) {
      long now = i * 6 * SECOND;
      batchStartRate.begins(-1, SECOND, now);
      batchStartRate.begins(-1, SECOND, now);
      batchStartRate.begins(-1, SECOND, now);
    }

    assertEquals(6, secondsOfThird(1200 * SECOND), 0.01);
  }

  @Test
  void aLongSilenceCountsWhileAnyWaits() {
    batchStartRate.waits(0);
    batchStartRate.begins(-1, SECOND, SECOND);

    assertEquals(46.5, secondsOfThird(31 * SECOND), 0.01);
  }

  @Test
  void theTimeWithoutAnyIsNoneBetweenTwo() {
    batchStartRate.waits(0);
    batchStartRate.begins(-1, SECOND, 2 * SECOND);
    batchStartRate.waits(50 * SECOND);
    batchStartRate.begins(-1, SECOND, 52 * SECOND);

    assertEquals(6, secondsOfThird(52 * SECOND), 0.01);
  }

  @Test
  void whatWasMeasuredIsForgottenWhenNothingWaitedForAMinute() {
    batchStartRate.waits(0);
    batchStartRate.begins(-1, SECOND, 2 * SECOND);
    batchStartRate.waits(62 * SECOND);

    assertEquals(WaitPredictor.UNKNOWN, batchStartRate.waitNanos(1, false, 62 * SECOND));
  }

  @Test
  void itFadesWhileNoneWaitsAndHoldsWholeForWhoComesBehindOneThatDoes() {
    batchStartRate.waits(0);
    batchStartRate.begins(-1, SECOND, 60 * SECOND);

    assertEquals(60, batchStartRate.waitNanos(1, false, 60 * SECOND) / SECOND);
    assertEquals(15, batchStartRate.waitNanos(1, false, 81 * SECOND) / 1e9, 0.3);
    batchStartRate.waits(81 * SECOND);
    assertEquals(60, batchStartRate.waitNanos(1, true, 81 * SECOND) / SECOND);
    batchStartRate.begins(-1, SECOND, 82 * SECOND);
    assertEquals(30, batchStartRate.waitNanos(1, false, 82 * SECOND) / 1e9, 0.5);
  }

  @Test
  void aWaitInVainIsTimeInWhichNoneBegan() {
    batchStartRate.waits(0);
    batchStartRate.begins(-1, SECOND, 2 * SECOND);
    batchStartRate.waits(4 * SECOND);
    batchStartRate.givenUp(12 * SECOND);

    assertEquals(10, batchStartRate.waitNanos(1, false, 12 * SECOND) / SECOND);
  }

  @Test
  void whatWasToldTooShortIsToldLonger() {
    double before = batchStartRate.p90();
    batchStartRate.waits(0);
    batchStartRate.begins(SECOND, 9 * SECOND, 9 * SECOND);

    assertTrue(batchStartRate.p90() > before);
  }
}
