package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.timers.Timers;
import java.util.function.DoubleConsumer;

/**
 * Tells how late an event loop is: by how much its own timer comes later than it should. A loop
 * that is late by a second has missed ten timers, and each of them counts: else a second would
 * weigh as much as a tenth of one, and a loop that is always late less than each of the others. One
 * that hangs counts nothing; of it {@link #overdueSeconds} tells.
 */
public final class LoopLag {
  static final long EVERY_MS = 100;
  private static final long EVERY_NANOS = EVERY_MS * 1_000_000;

  private final NanoClock clock;
  private final DoubleConsumer seconds;
  private volatile long dueNanos;

  LoopLag(NanoClock clock, DoubleConsumer seconds) {
    this.clock = clock;
    this.seconds = seconds;
    due();
  }

  /** Watches the event loop that this is called on, until its verticle ends. */
  public static void watch(Timers timers, NanoClock clock, Metrics metrics, String listener) {
    LoopLag lag = new LoopLag(clock, metrics.eventLoopLag(listener));
    metrics.eventLoop(listener, lag::overdueSeconds);
    lag.next(timers);
  }

  /** Armed anew each time, since a periodic timer would catch up and hide what it missed. */
  private void next(Timers timers) {
    due();
    timers.after(
        EVERY_MS,
        () -> {
          came();
          next(timers);
        });
  }

  private void due() {
    dueNanos = clock.epochNanos() + EVERY_NANOS;
  }

  /** The timer came; those that would have come meanwhile did so too late as well. */
  void came() {
    long late = lateNanos();
    do {
      seconds.accept(late / 1e9);
      late -= EVERY_NANOS;
    } while (late > 0);
  }

  /** How long ago the next timer should have come; 0 where it is in time. On any thread. */
  double overdueSeconds() {
    return lateNanos() / 1e9;
  }

  private long lateNanos() {
    return Math.max(0, clock.epochNanos() - dueNanos);
  }
}
