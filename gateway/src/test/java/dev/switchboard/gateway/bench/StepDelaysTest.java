package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StepDelaysTest {
  @Test
  void aStepIsAsLateAsTheFirstAndTheLastOfItsTokens() {
    StepDelays.Recorder recorder = new StepDelays.Recorder();
    recorder.token(1, 2, 2.004);
    recorder.token(1, 2, 2.003);
    recorder.token(1, 2, 2.005);
    recorder.token(2, 3, 3.020);

    StepDelays delays = recorder.delays();

    assertStep(3, 5, delays.at(1.5));
    assertStep(3, 5, delays.at(2));
    assertStep(20, 20, delays.at(2.1));
    assertArrayEquals(new double[] {20}, delays.firstMs(2.5, 4), 1e-6);
  }

  @Test
  void afterTheLastStepItBeginsAgain() {
    StepDelays.Recorder recorder = new StepDelays.Recorder();
    recorder.token(1, 2, 2.004);

    assertStep(4, 4, recorder.delays().at(9));
  }

  @Test
  void whereNothingWasMeasuredNothingIsLate() {
    assertStep(0, 0, StepDelays.NONE.at(3));
  }

  @Test
  void aTurnedRunHasTheSameDelaysAtOtherMoments() {
    StepDelays delays = lateByTheirSecond();

    StepDelays turned = delays.turned(new SplittableRandom(1), 0);

    double[] before = delays.firstMs(0, 41);
    double[] after = turned.firstMs(0, 41);
    Arrays.sort(after);
    assertArrayEquals(before, after, 1e-6);
    assertEquals(turned.at(5).firstMs() + 1, turned.at(6).firstMs(), 1e-6);
  }

  @Test
  void theBeginningOfATurnedRunStaysWhereItIs() {
    StepDelays delays = lateByTheirSecond();

    StepDelays turned = delays.turned(new SplittableRandom(1), 10);

    assertArrayEquals(delays.firstMs(0, 10), turned.firstMs(0, 10), 1e-6);
    double[] after = turned.firstMs(10, 41);
    assertNotEquals(delays.at(12).firstMs(), turned.at(12).firstMs(), 1e-6);
    Arrays.sort(after);
    assertArrayEquals(delays.firstMs(10, 41), after, 1e-6);
  }

  @Test
  void aRunThatIsAllBeginningIsNotTurned() {
    StepDelays delays = lateByTheirSecond();

    StepDelays turned = delays.turned(new SplittableRandom(1), 41);

    assertArrayEquals(delays.firstMs(0, 41), turned.firstMs(0, 41), 1e-6);
  }

  /** A step ends at each second, later by a millisecond than the one before. */
  private static StepDelays lateByTheirSecond() {
    StepDelays.Recorder recorder = new StepDelays.Recorder();
    for (int i = 1; i <= 40; i++) {
      recorder.token(i, i, i + i / 1000.0);
    }
    return recorder.delays();
  }

  private static void assertStep(double firstMs, double lastMs, StepDelays.Step step) {
    assertEquals(firstMs, step.firstMs(), 1e-6);
    assertEquals(lastMs, step.lastMs(), 1e-6);
  }
}
