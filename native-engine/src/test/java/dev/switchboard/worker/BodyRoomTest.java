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

  private BodyRoom.Place enter(String name, long bytes) {
    return room.enter(bytes, () -> begun.add(name));
  }
}
