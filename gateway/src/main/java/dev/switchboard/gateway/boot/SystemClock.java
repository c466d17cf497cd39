package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.timeline.EpochClock;

/** The machine's clock. */
final class SystemClock implements NanoClock {
  private final EpochClock clock = EpochClock.system();

  @Override
  public long epochNanos() {
    return clock.epochNanos();
  }

  @Override
  public NanoClock anchored() {
    return EpochClock.system()::epochNanos;
  }
}
