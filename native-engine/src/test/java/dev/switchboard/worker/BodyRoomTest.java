package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BodyRoomTest {
  private static final long MIB = 1 << 20;

  private final BodyRoom room = new BodyRoom(10 * MIB);
  private final List<String> begun = new ArrayList<>();

  @Test
  void whoFindsNoRoomBeginsInOrderWhenOthersLeave() {
    BodyRoom.Place first = enter("first", 6 * MIB);
    enter("second", 5 * MIB);
    enter("third", 2 * MIB);

    assertEquals(List.of("first"), begun);
    first.leave();
    first.leave();

    assertEquals(List.of("first", "second", "third"), begun);
    assertEquals(7 * MIB, room.heldBytes());
  }

  @Test
  void aSmallOneIsNotHeldUp() {
    enter("large", 9 * MIB);
    enter("waits", 9 * MIB);
    enter("small", BodyRoom.SMALL_BYTES);

    assertEquals(List.of("large", "small"), begun);
  }

  @Test
  void smallOnesAreCounted() {
    int most = (int) (10 * MIB / BodyRoom.SMALL_BYTES);
    List<BodyRoom.Place> places = new ArrayList<>();
    for (int i = 0; i <= most; i++) {
      places.add(enter("small " + i, BodyRoom.SMALL_BYTES));
    }
    enter("empty", 0);

    assertEquals(most + 1, begun.size());
    assertEquals("empty", begun.getLast());
    places.getFirst().leave();

    assertEquals("small " + most, begun.getLast());
    assertEquals(10 * MIB, room.heldBytes());
  }

  @Test
  void aLargeOneIsNotHeldUpForEverBySmallOnes() {
    for (int i = 0; i < 10 * MIB / BodyRoom.SMALL_BYTES; i++) {
      enter("small " + i, BodyRoom.SMALL_BYTES);
    }
    enter("large", 5 * MIB);
    enter("second", 5 * MIB);

    assertEquals("large", begun.getLast());
  }

  @Test
  void aQuarterIsKeptForSmallOnes() {
    enter("huge", 12 * MIB);
    int kept = (int) (10 * MIB / 4 / BodyRoom.SMALL_BYTES);
    for (int i = 0; i <= kept; i++) {
      enter("small " + i, BodyRoom.SMALL_BYTES);
    }

    assertEquals(1 + kept, begun.size());
  }

  @Test
  void largeOnesTakeThreeQuarters() {
    BodyRoom.Place first = enter("first", 4 * MIB);
    enter("second", 4 * MIB);

    assertEquals(List.of("first"), begun);
    first.leave();

    assertEquals(List.of("first", "second"), begun);
  }

  @Test
  void oneThatIsLargerThanTheRoomComesAlone() {
    BodyRoom.Place other = enter("other", MIB);
    enter("huge", 12 * MIB);
    other.leave();

    assertEquals(List.of("other", "huge"), begun);
  }

  @Test
  void whoLeavesBeforeItBeganLeavesNothing() {
    BodyRoom.Place first = enter("first", 9 * MIB);
    BodyRoom.Place gone = enter("gone", 9 * MIB);
    enter("last", 9 * MIB);
    gone.leave();
    first.leave();

    assertEquals(List.of("first", "last"), begun);
    assertEquals(9 * MIB, room.heldBytes());
  }

  @Test
  void whoGrowsCountsAsWhatItHas() {
    BodyRoom.Place grows = enter("grows", BodyRoom.SMALL_BYTES);
    grow(grows, "more", MIB);
    assertEquals(MIB, room.heldBytes());

    grows.settle(MIB / 2);
    assertEquals(MIB / 2, room.heldBytes());
    enter("large", 7 * MIB);
    grows.leave();

    assertEquals(List.of("grows", "more", "large"), begun);
    assertEquals(7 * MIB, room.heldBytes());
  }

  @Test
  void whoGrowsWaitsForRoomAndForThoseBeforeIt() {
    BodyRoom.Place large = enter("large", 7 * MIB);
    BodyRoom.Place grows = enter("grows", BodyRoom.SMALL_BYTES);
    BodyRoom.Place second = enter("second", 4 * MIB);
    grow(grows, "more", MIB);
    assertEquals(List.of("large", "grows"), begun);

    large.leave();
    assertEquals(List.of("large", "grows", "second", "more"), begun);
    second.leave();
    grows.leave();
    grows.settle(1);

    assertEquals(0, room.heldBytes());
  }

  /** Each has a part and wants more than there is: one after the other gets all that it may. */
  @Test
  void thoseThatGrowDoNotWaitForEachOtherForEver() {
    List<BodyRoom.Place> places = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      BodyRoom.Place place = enter("body " + i, BodyRoom.SMALL_BYTES);
      grow(place, "part " + i, MIB);
      places.add(place);
    }
    begun.clear();
    for (int i = 0; i < 7; i++) {
      grow(places.get(i), "rest " + i, 8 * MIB);
    }
    enter("large", 7 * MIB);
    assertEquals(List.of("rest 0"), begun);
    assertEquals(6 * MIB + 12 * MIB, room.heldBytes());

    places.forEach(BodyRoom.Place::leave);

    assertEquals(8, begun.size());
    assertEquals("large", begun.getLast());
    assertEquals(7 * MIB, room.heldBytes());
  }

  @Test
  void whoLeavesWhileItWaitsForMoreLeavesNothing() {
    enter("large", 7 * MIB);
    BodyRoom.Place grows = enter("grows", BodyRoom.SMALL_BYTES);
    grow(grows, "more", 8 * MIB);
    grows.leave();
    enter("second", 7 * MIB).leave();

    assertEquals(List.of("large", "grows"), begun);
    assertEquals(7 * MIB, room.heldBytes());
  }

  private void grow(BodyRoom.Place place, String name, long bytes) {
    place.grow(bytes, 12 * MIB, () -> begun.add(name));
  }

  private BodyRoom.Place enter(String name, long bytes) {
    return room.enter(bytes, () -> begun.add(name));
  }
}
