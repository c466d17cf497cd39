package dev.switchboard.worker;

import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * How many bytes of bodies are in the heap at once. Who finds no room waits, in order, with its
 * connection unread, so that its sender waits too. Small bodies wait for nothing but each other: a
 * quarter is kept for them, and where large ones leave more, they have that too. A body whose
 * length nobody told begins as a small one and asks for more as it comes. On the event loop.
 */
final class BodyRoom {
  /** Larger ones do not take what is kept for small ones. */
  static final int SMALL_BYTES = 64 << 10;

  private static final int PART_OF_SMALL = 4;

  private final long limit;
  private final long keptForSmall;
  private final Queue<Place> waitingSmall = new ArrayDeque<>();
  private final Queue<Place> waitingLarge = new ArrayDeque<>();
  private final Queue<Place> growing = new ArrayDeque<>();
  private long heldBySmall;
  private long heldByLarge;

  /** Large ones that do not wait for more room: each of them leaves some time. */
  private int movingLarge;

  /**
   * @param limit in bytes; a large body may pass it when it is the only large one
   */
  BodyRoom(long limit) {
    this.limit = limit;
    this.keptForSmall = limit / PART_OF_SMALL;
  }

  /** What one body has of the room, from the moment when there is some until it is left. */
  final class Place {
    private long bytes;

    /** What it waits for; as much as it has where it does not. */
    private long wanted;

    /** That it may ever want. */
    private long most;

    private Runnable next;
    private boolean inside;
    private int holders = 1;

    private Place(long bytes, Runnable begin) {
      this.bytes = bytes;
      this.wanted = bytes;
      this.next = begin;
    }

    private boolean isSmall() {
      return bytes <= SMALL_BYTES;
    }

    private boolean isGrowing() {
      return wanted > bytes;
    }

    /** Counts it, or no more, as it is now. */
    private void count(int sign) {
      if (isSmall()) {
        heldBySmall += sign * bytes;
      } else {
        heldByLarge += sign * bytes;
        movingLarge += isGrowing() ? 0 : sign;
      }
    }

    private void become(long nowBytes, long nowWanted) {
      count(-1);
      bytes = nowBytes;
      wanted = nowWanted;
      count(1);
    }

    private void begin() {
      inside = true;
      count(1);
      next.run();
    }

    /**
     * Asks for more, for a body whose length nobody told.
     *
     * @param wantedBytes in all, and mostBytes that it may ask for
     * @param go called when it has them: at once, or later
     */
    void grow(long wantedBytes, long mostBytes, Runnable go) {
      become(bytes, wantedBytes);
      most = mostBytes;
      next = go;
      growing.add(this);
      admit();
    }

    private void grown(long grantedBytes) {
      become(grantedBytes, grantedBytes);
      next.run();
    }

    /** It has come to its end and is no larger than that. */
    void settle(long actualBytes) {
      if (holders > 0) {
        become(actualBytes, actualBytes);
        admit();
      }
    }

    long bytes() {
      return bytes;
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
      if (!inside) {
        queue(this).remove(this);
      } else {
        count(-1);
        growing.remove(this);
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
    Place next = growing.peek();
    for (long granted = granted(next); next != null && granted > 0; granted = granted(next)) {
      growing.remove();
      next.grown(granted);
      next = growing.peek();
    }
  }

  /**
   * What one that grows gets, 0 where it has to wait. Others do not wait behind those that grow, so
   * these wait for them; but where all large ones wait for more nobody would ever leave, so one of
   * them gets all that it may ever want.
   */
  private long granted(@Nullable Place place) {
    if (place == null) {
      return 0;
    }
    long more = place.wanted - place.bytes;
    long large = place.wanted <= SMALL_BYTES ? 0 : place.isSmall() ? place.wanted : more;
    boolean fits = heldBytes() + more <= limit && heldByLarge + large <= limit - keptForSmall;
    if (fits && waitingLarge.isEmpty()) {
      return place.wanted;
    }
    return movingLarge == 0 ? place.most : 0;
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
