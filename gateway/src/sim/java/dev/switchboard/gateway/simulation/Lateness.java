package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.bench.StepDelays;
import java.util.SplittableRandom;

/** How late the tokens of a step are told of that ends at a second of the run. */
@FunctionalInterface
interface Lateness {
  /** All of a step's tokens are told of at its end. */
  Lateness NEVER = (second, tokens) -> new StepDelays.Step(second, 0, 0);

  /** At most, from the end of a step until its first token is told of, on a quiet machine. */
  double LATE_MS = 2;

  /** Between two tokens of a step, on a machine that sends and reads one after the other. */
  double PASS_MS = 0.15;

  /**
   * @param second when the step ended
   * @param tokens that it gives
   */
  StepDelays.Step of(double second, int tokens);

  /**
   * As late as a machine was, or as a quiet one is.
   *
   * @param run draws it; 0 for never late
   * @param measured empty where nothing was measured
   * @param from the second of the run at which its beginning is over; what was late until then is
   *     late in every run
   */
  static Lateness of(long run, StepDelays measured, double from) {
    if (run == 0) {
      return NEVER;
    }
    SplittableRandom random = new SplittableRandom(run);
    if (measured.isEmpty()) {
      return (second, tokens) -> {
        double firstMs = random.nextDouble(LATE_MS);
        return new StepDelays.Step(second, firstMs, firstMs + (tokens - 1) * PASS_MS);
      };
    }
    StepDelays delays = run == 1 ? measured : measured.turned(random, from);
    return (second, tokens) -> delays.at(second);
  }
}
