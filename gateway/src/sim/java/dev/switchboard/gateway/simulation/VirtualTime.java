package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.flight.NanoClock;
import java.util.PriorityQueue;

/**
 * A clock that jumps from event to event; events of one moment run in the order they were set. What
 * repeats in the background does not keep it running.
 */
final class VirtualTime implements NanoClock {
  private record Event(long atNanos, long number, boolean background, Runnable action)
      implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      return atNanos != other.atNanos
          ? Long.compare(atNanos, other.atNanos)
          : Long.compare(number, other.number);
    }
  }

  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private long nowNanos = 1_000_000_000L;
  private long numbers;
  private int foreground;

  @Override
  public long epochNanos() {
    return nowNanos;
  }

  long nowNanos() {
    return nowNanos;
  }

  /** Runs the action after some time; at once for none, but after what is set for now already. */
  void after(long nanos, Runnable action) {
    foreground++;
    add(nanos, false, action);
  }

  /** Runs the action at a moment that is to come. */
  void at(long nanos, Runnable action) {
    after(nanos - nowNanos, action);
  }

  void afterMs(double millis, Runnable action) {
    after((long) (millis * 1e6), action);
  }

  /** Runs the action again and again for as long as anything else is left to happen. */
  void every(long nanos, Runnable action) {
    add(
        nanos,
        true,
        () -> {
          action.run();
          every(nanos, action);
        });
  }

  private void add(long nanos, boolean background, Runnable action) {
    events.add(new Event(nowNanos + Math.max(0, nanos), numbers++, background, action));
  }

  /** Runs until nothing is left to happen but what repeats. */
  void run() {
    while (foreground > 0) {
      Event event = events.remove();
      foreground -= event.background() ? 0 : 1;
      nowNanos = event.atNanos();
      event.action().run();
    }
  }
}
