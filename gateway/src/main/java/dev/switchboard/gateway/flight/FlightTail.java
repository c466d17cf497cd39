package dev.switchboard.gateway.flight;

import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Requests that have just ended, from the event loops that served them to the one that tells them
 * to whoever watches. While nobody does nothing is kept. A bounded queue: what finds it full is
 * counted and left out, so that who serves never waits. Safe on any thread.
 */
public final class FlightTail {
  /** At 500 in a second those of eight seconds. */
  static final int MOST = 4096;

  private final BlockingQueue<Ended> queue = new ArrayBlockingQueue<>(MOST);
  private final AtomicLong lost = new AtomicLong();
  private volatile boolean watched;

  /**
   * One of them.
   *
   * @param waitedFor ranks that held up their stages while it waited there, as {@code stage.rank}
   */
  public record Ended(FlightRecord record, List<String> waitedFor) {
    public Ended {
      waitedFor = List.copyOf(waitedFor);
    }
  }

  /**
   * Somebody watches from now on, or nobody any more: what was before is none of the next one's.
   */
  public void watched(boolean now) {
    watched = false;
    queue.clear();
    lost.set(0);
    watched = now;
  }

  /** A request is over. */
  public void ended(FlightRecord record, List<String> waitedFor) {
    if (watched && !queue.offer(new Ended(record, waitedFor))) {
      lost.incrementAndGet();
    }
  }

  /** The next one; null when there is none. */
  public @Nullable Ended poll() {
    return queue.poll();
  }

  /** How many found no room since this was asked last. */
  public long takeLost() {
    return lost.getAndSet(0);
  }
}
