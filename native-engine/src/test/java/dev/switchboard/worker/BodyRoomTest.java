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
    enter("second", 6 * MIB);
    enter("third", 2 * MIB);

    assertEquals(List.of("first"), begun);
    first.leave();
    first.leave();

    assertEquals(List.of("first", "second", "third"), begun);
    assertEquals(8 * MIB, room.heldBytes());
  }

  @Test
  void aSmallOneIsNotHeldUp() {
    enter("large", 9 * MIB);
    enter("waits", 9 * MIB);
    enter("small", BodyRoom.SMALL_BYTES);

    assertEquals(List.of("large", "small"), begun);
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
