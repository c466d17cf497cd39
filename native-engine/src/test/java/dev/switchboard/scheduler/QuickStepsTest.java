package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuickStepsTest {
  private final QuickSteps steps = new QuickSteps(2);

  @Test
  void withoutAStepThereIsNoTime() {
    assertEquals(0, steps.quickest());
  }

  @ParameterizedTest
  @ValueSource(
      longs = {0, 1, 63, 64, 127, 128, 1000, 105_000, 30_000_000, 4_000_000_000L, 60_000_000_000L})
  void aTimeIsKnownToLessThanTwoPercent(long nanos) {
    steps.add(0, nanos);

    assertEquals((double) nanos, steps.quickest(), Math.max(1, 0.016 * nanos));
  }

  @Test
  void aTenthTakesNoLonger() {
    for (long nanos = 100_000; nanos < 200_000; nanos += 10) {
      steps.add(0, nanos);
    }

    assertEquals(110_000, steps.quickest(), 200);
  }

  /** Whatever the slower ones take. */
  @Test
  void theQuickestAreThoseOfAllWindows() {
    for (int i = 0; i < 80; i++) {
      steps.add(0, 2_000_000);
    }
    for (int i = 0; i < 20; i++) {
      steps.add(1, 1_000_000);
    }

    assertEquals(1_000_000, steps.quickest(), 16_000);
  }

  @Test
  void aWindowThatBeginsForgetsItsSteps() {
    steps.add(0, 1000);
    steps.add(1, 3000);

    steps.begin(0);

    assertEquals(3000, steps.quickest(), 48);
  }

  /** A step that hung for an hour, and a clock that went back. */
  @Test
  void timesBeyondTheBucketsAreTheLastAndTheFirst() {
    steps.add(0, 3_600_000_000_000L);
    assertEquals(1L << 36, steps.quickest(), 1L << 30);

    steps.add(1, -5);
    assertEquals(0, steps.quickest(), 1);
  }
}
