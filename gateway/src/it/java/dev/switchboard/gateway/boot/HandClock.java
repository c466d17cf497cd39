package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.flight.NanoClock;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/** A gateway's clock that stands but for what a test moves it. */
final class HandClock implements NanoClock {
  private final AtomicLong nanos = new AtomicLong(new SystemClock().epochNanos());

  @Override
  public long epochNanos() {
    return nanos.get();
  }

  void passes(Duration time) {
    nanos.addAndGet(time.toNanos());
  }
}
