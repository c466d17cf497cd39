package dev.switchboard.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.timers.Timers.Timer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HandTimersTest {
  private final HandTimers timers = new HandTimers(0);
  private final List<String> seen = new ArrayList<>();

  private Runnable says(String what) {
    return () -> seen.add(what + " " + timers.nanos() / 1_000_000);
  }

  @Test
  void whatIsDueFiresInTheOrderOfItsTimesAndThenOfAsking() {
    timers.after(20, says("late"));
    timers.after(10, says("first"));
    timers.after(10, says("second"));

    timers.advance(25);

    assertEquals(List.of("first 10", "second 10", "late 20"), seen);
    assertEquals(25_000_000, timers.nanos());
  }

  @Test
  void whatATimerAsksForFiresInTheSameAdvanceIfItIsDueByThen() {
    timers.after(10, () -> timers.after(5, says("then")));

    timers.advance(14);
    assertEquals(List.of(), seen);

    timers.advance(1);
    assertEquals(List.of("then 15"), seen);
  }

  @Test
  void onceIsOnceAndAgainIsAtAFixedRate() {
    timers.after(10, says("once"));
    timers.every(10, says("again"));

    timers.advance(30);

    assertEquals(List.of("once 10", "again 10", "again 20", "again 30"), seen);
  }

  @Test
  void whatIsCancelledFiresNoMoreAndSaysWhetherItWouldHave() {
    Timer once = timers.after(10, says("once"));
    Timer again = timers.every(10, says("again"));
    timers.advance(10);

    assertFalse(once.cancel());
    assertTrue(again.cancel());
    assertFalse(again.cancel());
    assertFalse(Timer.NONE.cancel());

    timers.advance(100);
    assertEquals(List.of("once 10", "again 10"), seen);
    assertEquals(0, timers.waiting());
  }

  @Test
  void afterTheLoopWasHeldAllThatIsOverdueFiresLate() {
    timers.every(10, says("again"));
    timers.after(15, says("once"));

    timers.hold(25);
    assertEquals(List.of(), seen);

    timers.advance(0);
    assertEquals(List.of("again 25", "once 25", "again 25"), seen);
  }

  @Test
  void tasksOfTheLoopRunWhenTimeMovesNextAndBeforeTimers() {
    timers.after(10, () -> timers.execute(says("handed over")));
    timers.after(10, says("timer"));
    timers.execute(says("task"));
    assertEquals(List.of(), seen);

    timers.advance(10);

    assertEquals(List.of("task 0", "handed over 10", "timer 10"), seen);
  }

  @Test
  void noTimerIsForNow() {
    assertThrows(IllegalArgumentException.class, () -> timers.after(0, () -> {}));
    assertThrows(IllegalArgumentException.class, () -> timers.every(0, () -> {}));
  }
}
