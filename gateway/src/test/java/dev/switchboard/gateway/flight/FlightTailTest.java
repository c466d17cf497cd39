package dev.switchboard.gateway.flight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class FlightTailTest {
  private final FlightTail tail = new FlightTail();

  private void end(int requests) {
    for (int i = 0; i < requests; i++) {
      FlightRecord record = new Flight("r" + i, () -> 1).finish(Outcome.OK, 200, null);
      tail.ended(record, List.of("0." + i));
    }
  }

  @Test
  void whileNobodyWatchesNothingIsKeptOrCounted() {
    end(FlightTail.MOST + 1);

    assertNull(tail.poll());
    assertEquals(0, tail.takeLost());
  }

  @Test
  void whatEndsComesOutInItsOrderWithTheRanksItWaitedFor() {
    tail.watched(true);
    end(2);

    FlightTail.Ended first = Objects.requireNonNull(tail.poll());
    FlightTail.Ended second = Objects.requireNonNull(tail.poll());

    assertEquals("r0", first.record().id());
    assertEquals(List.of("0.1"), second.waitedFor());
    assertNull(tail.poll());
  }

  @Test
  void whatFindsNoRoomIsCountedOnceAndTheOldestStay() {
    tail.watched(true);
    end(FlightTail.MOST + 3);

    assertEquals(3, tail.takeLost());
    assertEquals(0, tail.takeLost());
    assertEquals("r0", Objects.requireNonNull(tail.poll()).record().id());
    end(2);
    assertEquals(1, tail.takeLost());
  }

  /** Who listens next is told nothing of what was before, and not that it was left out. */
  @Test
  void whatWasLostBeforeIsNotCountedForWhoWatchesNext() {
    tail.watched(true);
    end(FlightTail.MOST + 3);

    tail.watched(false);
    tail.watched(true);

    assertEquals(0, tail.takeLost());
    assertNull(tail.poll());
    end(1);
    assertNotNull(tail.poll());
  }
}
