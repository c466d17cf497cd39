package dev.switchboard.gateway.events;

import java.util.Set;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One who listens, and how it is served. It reads from the feed only while its outlet takes more,
 * so what waits for it is bounded whatever happens; what it is too slow for is a gap. One that
 * takes nothing between two heartbeats is cut off, so that its place becomes free: whoever comes
 * again says what it has.
 *
 * <p>On one thread.
 */
public final class EventListener {
  private static final int BATCH_CHARS = 16 << 10;

  /** How soon a browser comes again. */
  private static final int RETRY_MS = 2000;

  /** Where events go. */
  public interface Outlet {
    /** Whether it has as much as it may hold. */
    boolean full();

    void write(String text);

    /** So many events that it wants it does not get, because it was too slow for them. */
    void dropped(long events);

    /** Ends it well. */
    void end();

    /** Ends it at once, whatever is still under way. */
    void cut();
  }

  private final EventFeed feed;
  private final Set<EventType> types;
  private final BooleanSupplier allowed;
  private final Outlet outlet;
  private EventFeed.Place place = new EventFeed.Place(0, 0);
  private long told;
  private boolean stuck;
  private boolean over;

  /**
   * @param types that it wants
   * @param allowed whether it still may listen: a key can be revoked
   */
  public EventListener(
      EventFeed feed, Set<EventType> types, BooleanSupplier allowed, Outlet outlet) {
    this.feed = feed;
    this.types = Set.copyOf(types);
    this.allowed = allowed;
    this.outlet = outlet;
  }

  /**
   * Begins, with what came after an event.
   *
   * @param lastId the last that it has; null for only what comes
   */
  public void begin(@Nullable Long lastId) {
    EventFeed.Batch first = feed.begin(lastId, types);
    place = first.place();
    told = first.told();
    // So that one who gets no event at all can say later from where it goes on.
    String head = ": listening\nretry: " + RETRY_MS + "\nid: " + told + "\n\n";
    outlet.write(head + first.text());
    push();
  }

  /** There may be more, or room for more. */
  public void push() {
    if (over || ended()) {
      return;
    }
    while (!outlet.full()) {
      EventFeed.Batch batch = feed.after(place, types, BATCH_CHARS);
      boolean nothing = batch.place().equals(place);
      place = batch.place();
      if (batch.lost() > 0) {
        outlet.dropped(batch.lost());
      }
      if (!batch.text().isEmpty()) {
        told = batch.told();
        outlet.write(batch.text());
      }
      if (nothing) {
        if (feed.closed()) {
          over = true;
          outlet.end();
        }
        return;
      }
    }
  }

  private boolean ended() {
    if (!allowed.getAsBoolean()) {
      over = true;
      outlet.end();
    }
    return over;
  }

  /** It took what it had. */
  public void drained() {
    stuck = false;
    push();
  }

  /** Says that the stream lives; called at a fixed pace. */
  public void beat() {
    if (over || ended()) {
      return;
    }
    if (!outlet.full()) {
      stuck = false;
      long cursor = place.cursor();
      // What it does not want passes by: it need not ask for that again.
      outlet.write(": alive\n" + (cursor > told ? "id: " + cursor + "\n" : "") + "\n");
      told = cursor;
    } else if (stuck) {
      over = true;
      outlet.dropped(feed.behind(place, types));
      outlet.cut();
    } else {
      stuck = true;
    }
  }

  /** Nobody is there any more. */
  public void gone() {
    over = true;
  }

  /** Whether it gets nothing any more. */
  public boolean over() {
    return over;
  }
}
