package dev.switchboard.gateway.store;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Events that wait to be written. Whoever tells one never waits, so that what cannot be written for
 * long is lost, oldest first. Safe on any thread.
 */
final class EventLog {
  static final int MOST_WAITING = 10_000;

  private final Deque<StoredEvent> waiting = new ArrayDeque<>();
  private long lost;

  synchronized void add(StoredEvent event) {
    if (waiting.size() >= MOST_WAITING) {
      waiting.removeFirst();
      lost++;
    }
    waiting.addLast(event);
  }

  /** The oldest, at most so many; they wait until they were {@link #written}. */
  synchronized List<StoredEvent> oldest(int most) {
    return new ArrayList<>(waiting.stream().limit(most).toList());
  }

  /** These are kept now; some of them may have been lost meanwhile. */
  synchronized void written(List<StoredEvent> events) {
    for (StoredEvent event : events) {
      if (event.equals(waiting.peekFirst())) {
        waiting.removeFirst();
      }
    }
  }

  /** How many were lost since this was asked last. */
  synchronized long lost() {
    long now = lost;
    lost = 0;
    return now;
  }
}
