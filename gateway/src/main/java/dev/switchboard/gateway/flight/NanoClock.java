package dev.switchboard.gateway.flight;

/** Unix epoch nanoseconds that never step backwards. */
@FunctionalInterface
public interface NanoClock {
  long epochNanos();

  /**
   * The same clock, anchored to the wall time of now. A request takes one, so that its marks agree
   * with spans that others start now, however far the wall clock was slewed since the process
   * began.
   */
  default NanoClock anchored() {
    return this;
  }
}
