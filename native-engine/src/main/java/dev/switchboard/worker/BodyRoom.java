package dev.switchboard.worker;

import java.util.ArrayDeque;
import java.util.Queue;

/**
 * How many bytes of bodies are in the heap at once. Who finds no room waits, in order, with its
 * connection unread, so that its sender waits too. Small bodies wait for nothing but each other: a
 * quarter is kept for them, and where large ones leave more, they have that too. On the event loop.
 */
final class BodyRoom {
  /** Larger ones do not take what is kept for small ones. */
  static final int SMALL_BYTES = 64 << 10;

  private static final int PART_OF_SMALL = 4;

  private final long limit;
  private final long keptForSmall;
  private final Queue<Place> waitingSmall = new ArrayDeque<>();
  private final Queue<Place> waitingLarge = new ArrayDeque<>();
  private long heldBySmall;
  private long heldByLarge;

  /**
   * @param limit in bytes; a large body may pass it when it is the only large one
   */
  BodyRoom(long limit) {
    this.limit = limit;
    this.keptForSmall = limit / PART_OF_SMALL;
  }

  /** What one body has of the room, from the moment when there is some until it is left. */
  final class Place {
    private final long bytes;
    private final Runnable begin;
    private boolean inside;
    private int holders = 1;

    private Place(long bytes, Runnable begin) {
      this.bytes = bytes;
      this.begin = begin;
    }

    private boolean isSmall() {
      return bytes <= SMALL_BYTES;
    }

    private void hold(long change) {
      if (isSmall()) {
        heldBySmall += change;
      } else {
        heldByLarge += change;
      }
    }

    private void begin() {
      inside = true;
      hold(bytes);
      begin.run();
    }

    /** What was made of the body is needed by one more, who leaves it too. */
    void keep() {
      holders++;
    }

    /** The body is not needed any more, or will not come. More often than it is kept is once. */
    void leave() {
      if (holders == 0 || --holders > 0) {
        return;
      }
      if (inside) {
        hold(-bytes);
      } else {
        queue(this).remove(this);
      }
      admit();
    }
  }

  /**
   * Asks for room.
   *
   * @param begin called when there is room: at once, or later
   */
  Place enter(long bytes, Runnable begin) {
    Place place = new Place(bytes, begin);
    if (bytes == 0) {
      place.begin();
    } else {
      queue(place).add(place);
      admit();
    }
    return place;
  }

  private Queue<Place> queue(Place place) {
    return place.isSmall() ? waitingSmall : waitingLarge;
  }

  private void admit() {
    admit(waitingSmall);
    admit(waitingLarge);
  }

  private void admit(Queue<Place> waiting) {
    for (Place next = waiting.peek(); next != null && fits(next); next = waiting.peek()) {
      waiting.remove();
      next.begin();
    }
  }

  private boolean fits(Place place) {
    boolean isRoom = heldBytes() + place.bytes <= limit;
    return place.isSmall()
        ? isRoom || heldBySmall + place.bytes <= keptForSmall
        : heldByLarge == 0 || (isRoom && heldByLarge + place.bytes <= limit - keptForSmall);
  }

  /** Bytes that are held now. */
  long heldBytes() {
    return heldBySmall + heldByLarge;
  }
}
