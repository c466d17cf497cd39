package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.NanoClock;
import io.vertx.core.Vertx;
import java.util.function.DoubleConsumer;

/** Tells how late an event loop is: by how much its own timer comes later than it should. */
public final class LoopLag {
  private static final long EVERY_MS = 100;

  private final NanoClock clock;
  private final DoubleConsumer seconds;
  private long expectedNanos;

  private LoopLag(NanoClock clock, DoubleConsumer seconds) {
    this.clock = clock;
    this.seconds = seconds;
  }

  /** Watches the event loop that this is called on, until its verticle ends. */
  public static void watch(Vertx vertx, NanoClock clock, DoubleConsumer seconds) {
    LoopLag lag = new LoopLag(clock, seconds);
    lag.next(vertx);
  }

  /** Armed anew each time, since a periodic timer would catch up and hide what it missed. */
  private void next(Vertx vertx) {
    expectedNanos = clock.epochNanos() + EVERY_MS * 1_000_000;
    vertx.setTimer(
        EVERY_MS,
        timer -> {
          seconds.accept(Math.max(0, clock.epochNanos() - expectedNanos) / 1e9);
          next(vertx);
        });
  }
}
