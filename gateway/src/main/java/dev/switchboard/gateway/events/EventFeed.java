package dev.switchboard.gateway.events;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Takes events from whoever has some to tell and keeps the last of them. Nobody who tells waits for
 * anybody who listens: listeners are woken, and read when and as far as they can. Safe on any
 * thread, and called under locks of others: waking must not block.
 */
public final class EventFeed {
  private static final int MOST_EVENTS = 4096;
  private static final int MOST_BYTES = 1 << 20;

  private final LongSupplier epochMs;
  private final EventRing ring;
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private volatile boolean closed;

  /**
   * @param epochMs the time of an event
   */
  public EventFeed(LongSupplier epochMs) {
    this(epochMs, MOST_EVENTS, MOST_BYTES);
  }

  EventFeed(LongSupplier epochMs, int mostEvents, int mostBytes) {
    this.epochMs = epochMs;
    this.ring = new EventRing(mostEvents, mostBytes, epochMs.getAsLong());
  }

  /**
   * Something happened.
   *
   * @param data becomes the event's own, and gets the time
   */
  public void add(EventType type, ObjectNode data) {
    synchronized (ring) {
      ring.add(type, stamped(data).toString());
    }
    listeners.forEach(Runnable::run);
  }

  private ObjectNode stamped(ObjectNode data) {
    ObjectNode whole = JsonNodeFactory.instance.objectNode();
    return whole.put("at", Instant.ofEpochMilli(epochMs.getAsLong()).toString()).setAll(data);
  }

  /** Ends all streams once they have what there is. */
  public void close() {
    closed = true;
    listeners.forEach(Runnable::run);
  }

  boolean closed() {
    return closed;
  }

  /** Wakes a listener with each event from now on; waking must not block. */
  public void wake(Runnable listener) {
    listeners.add(listener);
  }

  /** Wakes it no more. */
  public void forget(Runnable listener) {
    listeners.remove(listener);
  }

  /**
   * What a listener gets.
   *
   * @param text empty when there is nothing
   * @param cursor what it has up to then, or does not want
   * @param told the last id that it then knows
   * @param lost how many it does not get because they are forgotten
   */
  record Batch(String text, long cursor, long told, long lost) {}

  /**
   * Where a listener begins, and what it did not get because nobody here knows its id.
   *
   * @param lastId the last that it has; null for one that wants only what comes
   */
  Batch begin(@Nullable Long lastId) {
    synchronized (ring) {
      if (lastId == null) {
        return new Batch("", ring.newest(), ring.newest(), 0);
      }
      String gap = ring.knows(lastId) ? "" : ring.gap(hole(null));
      return new Batch(gap, ring.cursor(lastId), ring.cursor(lastId), 0);
    }
  }

  /** What came after a cursor, and first what of that was lost. */
  Batch after(long cursor, Set<EventType> types, int mostChars) {
    StringBuilder text = new StringBuilder();
    synchronized (ring) {
      long lost = ring.lostAfter(cursor);
      if (lost > 0) {
        text.append(ring.gap(hole(lost)));
      }
      long from = lost > 0 ? ring.beforeOldest() : cursor;
      EventRing.Read read = ring.read(from, types, mostChars, text);
      return new Batch(text.toString(), read.cursor(), read.told(), lost);
    }
  }

  /** How many came after a cursor. */
  long behind(long cursor) {
    synchronized (ring) {
      return ring.newest() - cursor;
    }
  }

  /** An id of another start, or of another gateway, does not say how many. */
  private String hole(@Nullable Long lost) {
    return stamped(JsonNodeFactory.instance.objectNode().put("lost", lost)).toString();
  }
}
