package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.timeline.EpochClock;
import java.time.Instant;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** The machine's clocks: the monotonic one, and the wall clock, which can be stepped. */
final class SystemClock implements NanoClock {
  private final LongSupplier monotonic;
  private final Supplier<Instant> wall;
  private final EpochClock clock;

  SystemClock() {
    this(System::nanoTime, Instant::now);
  }

  SystemClock(LongSupplier monotonic, Supplier<Instant> wall) {
    this.monotonic = monotonic;
    this.wall = wall;
    this.clock = EpochClock.anchored(monotonic, wall);
  }

  @Override
  public long epochNanos() {
    return clock.epochNanos();
  }

  @Override
  public long wallMs() {
    return wall.get().toEpochMilli();
  }

  @Override
  public Anchored anchored() {
    EpochClock anew = EpochClock.anchored(monotonic, wall);
    return new Anchored(anew::epochNanos, anew.toEpoch(0) - clock.toEpoch(0));
  }
}
