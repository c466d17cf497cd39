package dev.switchboard.gateway.simulation;

import java.util.Comparator;
import java.util.PriorityQueue;

/** A clock that jumps from event to event; events of one moment run in the order they were set. */
final class VirtualTime {
  private static final Comparator<Event> ORDER =
      Comparator.comparingLong(Event::atNanos).thenComparingLong(Event::number);

  private record Event(long atNanos, long number, Runnable action) {}

  private final PriorityQueue<Event> events = new PriorityQueue<>(ORDER);
  private long nowNanos = 1_000_000_000L;
  private long numbers;

  long nowNanos() {
    return nowNanos;
  }

  /** Runs the action after some time; at once for none, but after what is set for now already. */
  void after(long nanos, Runnable action) {
    events.add(new Event(nowNanos + Math.max(0, nanos), numbers++, action));
  }

  void afterMs(double millis, Runnable action) {
    after((long) (millis * 1e6), action);
  }

  /** Runs until nothing is left to happen. */
  void run() {
    for (Event event = events.poll(); event != null; event = events.poll()) {
      nowNanos = event.atNanos();
      event.action().run();
    }
  }
}
