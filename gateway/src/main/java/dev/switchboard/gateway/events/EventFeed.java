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
  private volatile Keeper keeper = (id, atMs, type, data) -> {};

  /** Keeps events for longer than they are remembered here; must not block. */
  @FunctionalInterface
  public interface Keeper {
    void keep(long id, long atMs, EventType type, String data);
  }

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
    long atMs = epochMs.getAsLong();
    String text = stamped(data, atMs).toString();
    synchronized (ring) {
      ring.add(type, text);
      keeper.keep(ring.newest(), atMs, type, text);
    }
    listeners.forEach(Runnable::run);
  }

  private static ObjectNode stamped(ObjectNode data, long atMs) {
    ObjectNode whole = JsonNodeFactory.instance.objectNode();
    return whole.put("at", Instant.ofEpochMilli(atMs).toString()).setAll(data);
  }

  /** Has what happens from now on kept. */
  public void keep(Keeper other) {
    keeper = other;
  }

  /** Ends all streams once they have what there is. */
  public void close() {
    closed = true;
    listeners.forEach(Runnable::run);
  }

  /** Whether no more comes. */
  public boolean closed() {
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
   * Where a listener is.
   *
   * @param cursor what it has up to then, or does not want
   * @param wanted how many there were up to then of the types that it wants
   */
  record Place(long cursor, long wanted) {}

  /**
   * What a listener gets.
   *
   * @param text empty when there is nothing
   * @param place where it then is
   * @param told the last id that it then knows
   * @param lost how many of those that it wants it does not get because they were forgotten since
   *     it was at its place
   */
  record Batch(String text, Place place, long told, long lost) {}

  /**
   * Where a listener begins, and what it did not get because nobody here knows its id.
   *
   * @param lastId the last that it has; null for one that wants only what comes
   */
  Batch begin(@Nullable Long lastId, Set<EventType> types) {
    synchronized (ring) {
      if (lastId == null) {
        Place newest = new Place(ring.newest(), ring.added(types));
        return new Batch("", newest, newest.cursor(), 0);
      }
      String gap = ring.knows(lastId) ? "" : ring.gap(hole(null));
      long cursor = ring.cursor(lastId);
      // For what was forgotten before it came it was not too slow.
      long wanted = ring.added(types) - ring.kept(cursor, types);
      return new Batch(gap, new Place(cursor, wanted), cursor, 0);
    }
  }

  /** What came after a cursor, and first what of that was lost. */
  Batch after(Place place, Set<EventType> types, int mostChars) {
    StringBuilder text = new StringBuilder();
    synchronized (ring) {
      long hole = ring.lostAfter(place.cursor());
      if (hole > 0) {
        text.append(ring.gap(hole(hole)));
      }
      long from = hole > 0 ? ring.beforeOldest() : place.cursor();
      long lost = Math.max(0, ring.forgotten(types) - place.wanted());
      EventRing.Read read = ring.read(from, types, mostChars, text);
      Place reached = new Place(read.cursor(), place.wanted() + lost + read.wanted());
      return new Batch(text.toString(), reached, read.told(), lost);
    }
  }

  /** How many that it wants came after a listener's place. */
  long behind(Place place, Set<EventType> types) {
    synchronized (ring) {
      return ring.added(types) - place.wanted();
    }
  }

  /** An id of another start, or of another gateway, does not say how many. */
  private String hole(@Nullable Long lost) {
    ObjectNode data = JsonNodeFactory.instance.objectNode().put("lost", lost);
    return stamped(data, epochMs.getAsLong()).toString();
  }
}
