package dev.switchboard.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ComparisonTest {
  private static final double[] HUNDRED = steps(1, 100);

  private static double[] steps(double by, int count) {
    double[] values = new double[count];
    Arrays.setAll(values, i -> (i + 1) * by);
    return values;
  }

  private static Comparison rounds(int count, double[] without, double[] with) {
    Comparison comparison = new Comparison();
    for (int i = 0; i < count; i++) {
      comparison.add(without, with);
    }
    return comparison;
  }

  /** Every sample twice as slow from round to round, and each one percent dearer than its pair. */
  @Test
  void whatFallsOnBothOfAPairIsNoChange() {
    Comparison comparison = new Comparison();
    for (int round = 0; round < 10; round++) {
      double scale = Math.pow(2, round);
      comparison.add(steps(scale, 20), steps(scale * 1.01, 20));
    }

    Interval change = comparison.pairedChange();

    assertEquals(1, change.value(), 1e-9);
    assertEquals(1, change.low(), 1e-9);
    assertEquals(1, change.high(), 1e-9);
  }

  @Test
  void aPercentileIsTheLeastSampleThatSoManyAreNotAbove() {
    Comparison comparison = rounds(6, HUNDRED, steps(1.1, 100));

    assertEquals(50, comparison.without(50).value());
    assertEquals(99, comparison.without(99).value());
    assertEquals(100, comparison.without(100).value());
    assertEquals(99 * 1.1, comparison.with(99).value(), 1e-9);
    assertEquals(10, comparison.change(99).value(), 1e-9);
  }

  @Test
  void roundsOfAnySizeCountBySamples() {
    Comparison comparison = rounds(5, new double[] {7}, new double[] {7});
    comparison.add(steps(1, 5), steps(1, 5));

    assertEquals(5, comparison.without(50).value());
    assertEquals(7, comparison.without(51).value());
  }

  /** One round of ten is slow, and all its samples are: so is every draw that has it twice. */
  @Test
  void aWholeRoundThatWasDisturbedWidensTheInterval() {
    Comparison comparison = rounds(9, HUNDRED, HUNDRED);
    comparison.add(HUNDRED, steps(2, 100));

    Interval p99 = comparison.with(99);

    assertEquals(99, p99.low());
    assertTrue(p99.high() >= 190, p99.toString());
    assertEquals(0, comparison.pairedChange().high());
  }

  /** Sixty draws from one distribution each, and the truth is zero. */
  @Test
  void theIntervalHoldsTheTruthAboutAsOftenAsItSays() {
    int held = 0;
    Random random = new Random(7);
    for (int measurement = 0; measurement < 60; measurement++) {
      Comparison comparison = new Comparison();
      for (int round = 0; round < 20; round++) {
        comparison.add(noisy(random), noisy(random));
      }
      Interval change = comparison.pairedChange();
      held += change.low() <= 0 && change.high() >= 0 ? 1 : 0;
    }

    assertTrue(held >= 52 && held < 60, held + " of 60");
  }

  private static double[] noisy(Random random) {
    double[] values = new double[5];
    Arrays.setAll(values, i -> 100 + random.nextGaussian());
    return values;
  }

  @Test
  void fromFewRoundsNoIntervalIsTold() {
    Interval change = rounds(5, HUNDRED, HUNDRED).pairedChange();

    assertFalse(change.isKnown());
    assertEquals("+0.0", change.text("%+.1f"));
  }

  @Test
  void anIntervalIsToldInBrackets() {
    Interval interval = new Interval(0.31, 0.12, 0.5);

    assertEquals("+0.3 (+0.1 to +0.5)", interval.text("%+.1f"));
    assertEquals("-0.3 (-0.5 to -0.1)", interval.negated().text("%+.1f"));
  }

  @Test
  void aRoundHasSamplesOfBoth() {
    Comparison comparison = new Comparison();

    assertThrows(IllegalArgumentException.class, () -> comparison.add(HUNDRED, new double[0]));
    assertTrue(comparison.isEmpty());
  }
}
