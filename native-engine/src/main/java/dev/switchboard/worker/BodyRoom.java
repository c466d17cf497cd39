package dev.switchboard.worker;

import java.util.ArrayDeque;
import java.util.Queue;

/**
 * How many bytes of large bodies are in the heap at once. Who finds no room waits, in order, with
 * its connection unread, so that its sender waits too. On the event loop.
 */
final class BodyRoom {
  /** Smaller ones are not counted. */
  static final int SMALL_BYTES = 64 << 10;

  private final long limit;
  private final Queue<Place> waiting = new ArrayDeque<>();
  private long held;

  /**
   * @param limit in bytes; one body may pass it when it is alone
   */
  BodyRoom(long limit) {
    this.limit = limit;
  }

  /** What one body has of the room, from the moment when there is some until it is left. */
  final class Place {
    private final long bytes;
    private final Runnable begin;
    private boolean inside;
    private boolean left;

    private Place(long bytes, Runnable begin) {
      this.bytes = bytes;
      this.begin = begin;
    }

    private void begin() {
      inside = true;
      held += bytes;
      begin.run();
    }

    /** The body is not needed any more, or will not come. More than once is once. */
    void leave() {
      if (left) {
        return;
      }
      left = true;
      if (inside) {
        held -= bytes;
        admit();
      } else {
        waiting.remove(this);
      }
    }
  }

  /**
   * Asks for room.
   *
   * @param begin called when there is room: at once, or later
   */
  Place enter(long bytes, Runnable begin) {
    Place place = new Place(bytes <= SMALL_BYTES ? 0 : bytes, begin);
    if (place.bytes == 0) {
      place.begin();
    } else {
      waiting.add(place);
      admit();
    }
    return place;
  }

  private void admit() {
    for (Place next = waiting.peek(); next != null && fits(next); next = waiting.peek()) {
      waiting.remove();
      next.begin();
    }
  }

  private boolean fits(Place place) {
    return held == 0 || held + place.bytes <= limit;
  }

  /** Bytes that are held now. */
  long heldBytes() {
    return held;
  }
}
