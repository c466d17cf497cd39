package dev.switchboard.gateway.events;

import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The last events, in memory bounded by their number and their bytes. Ids rise by one with each, so
 * that whoever names the last one it has gets what came after, or hears how many of that are
 * forgotten. They begin with the clock: those of a gateway that runs later are higher.
 *
 * <p>Not safe by itself; {@link EventFeed} holds the lock.
 */
final class EventRing {
  /** More than anybody makes in a millisecond, and far below what JSON numbers can hold. */
  private static final long IDS_PER_MS = 1000;

  private record Event(EventType type, String block, int bytes) {}

  private final @Nullable Event[] events;
  private final int mostBytes;
  private final long first;
  private final Map<EventType, Long> added = new EnumMap<>(EventType.class);
  private final Map<EventType, Long> forgotten = new EnumMap<>(EventType.class);
  private long oldest;
  private long next;
  private int bytes;

  EventRing(int mostEvents, int mostBytes, long epochMs) {
    this.events = new Event[mostEvents];
    this.mostBytes = mostBytes;
    this.first = epochMs * IDS_PER_MS;
    this.oldest = first;
    this.next = first;
  }

  void add(EventType type, String data) {
    String block = block(next, type.label(), data);
    Event event = new Event(type, block, block.getBytes(StandardCharsets.UTF_8).length);
    while (next > oldest && (next - oldest == events.length || bytes + event.bytes > mostBytes)) {
      bytes -= at(oldest).bytes;
      forgotten.merge(at(oldest).type, 1L, Long::sum);
      events[place(oldest)] = null;
      oldest++;
    }
    events[place(next)] = event;
    bytes += event.bytes;
    added.merge(type, 1L, Long::sum);
    next++;
  }

  private static String block(long id, String type, String data) {
    return "id: " + id + "\nevent: " + type + "\ndata: " + data + "\n\n";
  }

  private int place(long id) {
    return (int) (id % events.length);
  }

  private Event at(long id) {
    return Objects.requireNonNull(events[place(id)], "it is remembered");
  }

  int bytes() {
    return bytes;
  }

  /** The id of the newest, or one below the first of all. */
  long newest() {
    return next - 1;
  }

  /** Whether an id is of this ring: one that it gave, or 0 for whoever wants all there is. */
  boolean knows(long id) {
    return id == 0 || (id >= first - 1 && id < next);
  }

  /** Where whoever has all up to this id goes on. */
  long cursor(long id) {
    return id == 0 ? first - 1 : knows(id) ? id : oldest - 1;
  }

  /** How many after this one are forgotten. */
  long lostAfter(long cursor) {
    return Math.max(0, oldest - 1 - cursor);
  }

  /** How many of some types there were. */
  long added(Set<EventType> types) {
    return sum(added, types);
  }

  /** How many of them are forgotten. */
  long forgotten(Set<EventType> types) {
    return sum(forgotten, types);
  }

  /** How many of them came after a cursor and are remembered. */
  long kept(long cursor, Set<EventType> types) {
    long kept = 0;
    for (long id = Math.max(cursor + 1, oldest); id < next; id++) {
      kept += types.contains(at(id).type) ? 1 : 0;
    }
    return kept;
  }

  private static long sum(Map<EventType, Long> counts, Set<EventType> types) {
    long sum = 0;
    for (EventType type : types) {
      sum += counts.getOrDefault(type, 0L);
    }
    return sum;
  }

  /** Where those that are remembered begin, for whoever lost some. */
  long beforeOldest() {
    return oldest - 1;
  }

  /**
   * How far was read.
   *
   * @param cursor of all events
   * @param told id of the last that was wanted; that before the first where none was
   * @param wanted how many were
   */
  record Read(long cursor, long told, long wanted) {}

  /** Appends what came after a cursor, of some types and up to so many characters, to a text. */
  Read read(long cursor, Set<EventType> types, int mostChars, StringBuilder to) {
    long at = cursor;
    long told = cursor;
    long wanted = 0;
    while (at + 1 < next && to.length() < mostChars) {
      at++;
      Event event = at(at);
      if (types.contains(event.type)) {
        to.append(event.block);
        told = at;
        wanted++;
      }
    }
    return new Read(at, told, wanted);
  }

  /** Tells of a hole that ends before the oldest. */
  String gap(String data) {
    return block(oldest - 1, "gap", data);
  }
}
