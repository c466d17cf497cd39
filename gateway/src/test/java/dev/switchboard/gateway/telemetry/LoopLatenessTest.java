package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.FlightRecord.Interval;
import dev.switchboard.testing.HandTimers;
import java.util.List;
import org.junit.jupiter.api.Test;

class LoopLatenessTest {
  private static final long MS = 1_000_000;

  private final HandTimers time = new HandTimers();
  private final long begun = time.nanos();
  private final LoopLateness lateness = LoopLateness.watch(time, time::nanos);

  /** When the loop did not run, in milliseconds since it is watched. */
  private List<List<Long>> late() {
    return lateness.between(begun, time.nanos(), time.nanos()).stream()
        .map(each -> List.of(ms(each.startNanos()), ms(each.endNanos())))
        .toList();
  }

  private long ms(long nanos) {
    return (nanos - begun) / MS;
  }

  @Test
  void aLoopThatRunsIsNeverLate() {
    time.advance(60_000);

    assertEquals(List.of(), late());
    assertFalse(lateness.lately());
    assertEquals(0, lateness.waited(500 * MS));
  }

  @Test
  void whatTimersAreUsuallyLateByIsNothing() {
    for (int i = 0; i < 100; i++) {
      time.hold(LoopLateness.EVERY_MS + LoopLateness.USUAL_NANOS / MS);
      time.advance(0);
    }

    assertEquals(List.of(), late());
    assertFalse(lateness.lately());
  }

  @Test
  void aLoopThatIsHeldIsLateFromWhenItsTimerShouldHaveComeOn() {
    time.advance(100);
    time.hold(3000);

    assertEquals(List.of(List.of(110L, 3100L)), late());
    assertTrue(lateness.lately());

    time.advance(0);
    assertEquals(List.of(List.of(110L, 3100L)), late());
  }

  @Test
  void itWasLateForASecondAndWhatArrivesAfterwardsDidNotWaitForIt() {
    time.hold(50);
    time.advance(0);
    assertTrue(lateness.lately());
    assertEquals(20 * MS, lateness.waited(20 * MS));

    time.advance(999);
    assertTrue(lateness.lately());
    assertEquals(0, lateness.waited(999 * MS));
    assertEquals(1000 * MS, lateness.waited(1000 * MS));

    time.advance(1);
    assertFalse(lateness.lately());
  }

  @Test
  void eachTimeThatItWasHeldIsTold() {
    for (int i = 0; i < 2; i++) {
      time.advance(90);
      time.hold(110);
      time.advance(0);
    }

    assertEquals(List.of(List.of(100L, 200L), List.of(300L, 400L)), late());
    assertEquals(
        List.of(new Interval(begun + 350 * MS, begun + 380 * MS)),
        lateness.between(begun + 350 * MS, begun + 380 * MS, time.nanos()));
  }
}
