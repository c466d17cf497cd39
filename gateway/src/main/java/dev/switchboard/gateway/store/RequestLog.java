package dev.switchboard.gateway.store;

import dev.switchboard.gateway.flight.StoredFlight;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Requests of interest that wait to be written, each as it was told last. Whoever tells one never
 * waits: in an outage every request is of interest, so of each second no more than some are taken,
 * and the rest is counted. Safe on any thread.
 */
final class RequestLog {
  static final int MOST_PER_SECOND = 50;
  static final long MOST_WAITING_BYTES = 16L << 20;

  /** In base 64 it must fit into its column. */
  static final int MOST_BYTES = 700 << 10;

  private final Map<Key, StoredFlight> waiting = new LinkedHashMap<>();
  private long waitingBytes;
  private long second;
  private int taken;
  private long leftOut;

  /** No two requests of one id end at one moment. */
  private record Key(String id, long endedNanos) {
    static Key of(StoredFlight flight) {
      return new Key(flight.id(), flight.endedNanos());
    }
  }

  synchronized void add(StoredFlight flight, long nowMs) {
    StoredFlight before = waiting.get(Key.of(flight));
    long more = (long) flight.packed().length - (before == null ? 0 : before.packed().length);
    if (flight.packed().length > MOST_BYTES
        || waitingBytes + more > MOST_WAITING_BYTES
        || (before == null && !mayTake(nowMs / 1000))) {
      leftOut++;
      return;
    }
    waiting.put(Key.of(flight), flight);
    waitingBytes += more;
  }

  private boolean mayTake(long now) {
    if (now != second) {
      second = now;
      taken = 0;
    }
    return ++taken <= MOST_PER_SECOND;
  }

  /** Those that were told first, at most so many; they wait until they were {@link #written}. */
  synchronized List<StoredFlight> oldest(int most) {
    return new ArrayList<>(waiting.values().stream().limit(most).toList());
  }

  /** These are kept now; of one that was told again meanwhile the newer telling still waits. */
  synchronized void written(List<StoredFlight> flights) {
    for (StoredFlight flight : flights) {
      if (waiting.remove(Key.of(flight), flight)) {
        waitingBytes -= flight.packed().length;
      }
    }
  }

  /** How many were left out since this was asked last. */
  synchronized long leftOut() {
    long now = leftOut;
    leftOut = 0;
    return now;
  }
}
