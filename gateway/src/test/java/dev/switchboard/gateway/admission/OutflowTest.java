package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class OutflowTest {
  private static final long SECOND = 1_000_000_000L;

  private final Outflow outflow = new Outflow();

  private double secondsOfThird(long now) {
    return outflow.waitNanos(3, true, now) / 1e9;
  }

  @Test
  void eachBeginningThatIsWaitedForTakesTheMeanTimeOfThoseBefore() {
    outflow.waits(SECOND);
    outflow.begins(-1, SECOND, 3 * SECOND);
    outflow.begins(-1, SECOND, 7 * SECOND);

    assertEquals(9.16, secondsOfThird(7 * SECOND), 0.01);
  }

  @Test
  void severalAtOnceAreAsFastAsTheyAre() {
    outflow.waits(0);
    for (long i = 1; i <= 200; i++) {
      long now = i * 6 * SECOND;
      outflow.begins(-1, SECOND, now);
      outflow.begins(-1, SECOND, now);
      outflow.begins(-1, SECOND, now);
    }

    assertEquals(6, secondsOfThird(1200 * SECOND), 0.01);
  }

  @Test
  void aLongSilenceCountsWhileAnyWaits() {
    outflow.waits(0);
    outflow.begins(-1, SECOND, SECOND);

    assertEquals(46.5, secondsOfThird(31 * SECOND), 0.01);
  }

  @Test
  void theTimeWithoutAnyIsNoneBetweenTwo() {
    outflow.waits(0);
    outflow.begins(-1, SECOND, 2 * SECOND);
    outflow.waits(50 * SECOND);
    outflow.begins(-1, SECOND, 52 * SECOND);

    assertEquals(6, secondsOfThird(52 * SECOND), 0.01);
  }

  @Test
  void whatWasMeasuredIsForgottenWhenNothingWaitedForAMinute() {
    outflow.waits(0);
    outflow.begins(-1, SECOND, 2 * SECOND);
    outflow.waits(62 * SECOND);

    assertEquals(WaitPredictor.UNKNOWN, outflow.waitNanos(1, false, 62 * SECOND));
  }

  @Test
  void itFadesWhileNoneWaitsAndHoldsWholeForWhoComesBehindOneThatDoes() {
    outflow.waits(0);
    outflow.begins(-1, SECOND, 60 * SECOND);

    assertEquals(60, outflow.waitNanos(1, false, 60 * SECOND) / SECOND);
    assertEquals(15, outflow.waitNanos(1, false, 81 * SECOND) / 1e9, 0.3);
    outflow.waits(81 * SECOND);
    assertEquals(60, outflow.waitNanos(1, true, 81 * SECOND) / SECOND);
    outflow.begins(-1, SECOND, 82 * SECOND);
    assertEquals(30, outflow.waitNanos(1, false, 82 * SECOND) / 1e9, 0.5);
  }

  @Test
  void aWaitInVainIsTimeInWhichNoneBegan() {
    outflow.waits(0);
    outflow.begins(-1, SECOND, 2 * SECOND);
    outflow.waits(4 * SECOND);
    outflow.givenUp(12 * SECOND);

    assertEquals(10, outflow.waitNanos(1, false, 12 * SECOND) / SECOND);
  }

  @Test
  void whatWasToldTooShortIsToldLonger() {
    double before = outflow.p90();
    outflow.waits(0);
    outflow.begins(SECOND, 9 * SECOND, 9 * SECOND);

    assertTrue(outflow.p90() > before);
  }
}
