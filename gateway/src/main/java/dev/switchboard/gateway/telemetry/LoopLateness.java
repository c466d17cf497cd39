package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord.Interval;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.timers.Timers;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;

/**
 * When an event loop did not run: its timer came late by more than timers do. That may be a stopped
 * process, a collection of the heap, a busy machine or a handler that took long; all are one to a
 * request that waits. Of such a time up to {@link #EVERY_MS} at its beginning is not seen. Confined
 * to the event loop.
 */
public final class LoopLateness implements Flight.Lateness {
  public static final int EVERY_MS = 10;

  /** What timers are late by on a loop that has time. */
  static final long USUAL_NANOS = 5_000_000;

  private static final int MOST = 256;
  private static final long LATELY_NANOS = 1_000_000_000;

  private final NanoClock clock;
  private final Deque<Interval> late = new ArrayDeque<>();
  private long dueNanos;

  public LoopLateness(NanoClock clock) {
    this.clock = clock;
    due();
  }

  /** Watches the event loop that this is called on, until its verticle ends. */
  public static LoopLateness watch(Timers timers, NanoClock clock) {
    LoopLateness made = new LoopLateness(clock);
    made.next(timers);
    return made;
  }

  /** Armed anew each time, since a periodic timer would catch up and hide what it missed. */
  private void next(Timers timers) {
    due();
    timers.after(
        EVERY_MS,
        () -> {
          tick();
          next(timers);
        });
  }

  private void due() {
    dueNanos = clock.epochNanos() + EVERY_MS * 1_000_000L;
  }

  /** The timer came. */
  public void tick() {
    long now = clock.epochNanos();
    if (now - dueNanos > USUAL_NANOS) {
      if (late.size() == MOST) {
        late.removeFirst();
      }
      late.addLast(new Interval(dueNanos, now));
    }
    due();
  }

  private boolean isLate() {
    return clock.epochNanos() - dueNanos > USUAL_NANOS;
  }

  /**
   * Whether it has not run for a while until just now, or a moment ago, so that what is read may
   * have waited: it takes some turns of the loop from a new connection to a request.
   */
  public boolean lately() {
    return isLate()
        || (!late.isEmpty() && clock.epochNanos() - late.getLast().endNanos() < LATELY_NANOS);
  }

  /**
   * Of what lay in a socket for so long until now, how much did so because the loop did not run.
   */
  public long waited(long nanos) {
    long arrived = clock.epochNanos() - nanos;
    boolean before = !late.isEmpty() && arrived < late.getLast().endNanos();
    return isLate() || before ? nanos : 0;
  }

  @Override
  public List<Interval> between(long fromNanos, long toNanos, long nowNanos) {
    if (late.isEmpty() && !isLate()) {
      return List.of();
    }
    long now = clock.epochNanos();
    long shift = nowNanos - now;
    List<Interval> found = new ArrayList<>(0);
    Iterator<Interval> newest = late.descendingIterator();
    while (newest.hasNext()) {
      Interval each = newest.next();
      if (each.endNanos() + shift <= fromNanos) {
        // So did those before it.
        break;
      }
      add(found, each.startNanos() + shift, each.endNanos() + shift, fromNanos, toNanos);
    }
    Collections.reverse(found);
    if (isLate()) {
      add(found, dueNanos + shift, now + shift, fromNanos, toNanos);
    }
    return found;
  }

  private static void add(List<Interval> to, long start, long end, long from, long until) {
    long first = Math.max(start, from);
    long last = Math.min(end, until);
    if (last > first) {
      to.add(new Interval(first, last));
    }
  }
}
