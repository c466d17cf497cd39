package dev.switchboard.gateway.drain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.Drain.Action;
import dev.switchboard.gateway.drain.Drain.Departure;
import org.junit.jupiter.api.Test;

class DrainTest {
  private static final long MS = 1_000_000;

  @Test
  void requestsAreAskedToGoWhenTheGraceIsOverAndAgainNowAndThen() {
    Drain drain = new Drain(2, 100, 0);

    assertEquals(Action.WAIT, drain.next(2, 99 * MS));
    assertEquals(Action.ASK, drain.next(2, 100 * MS));
    assertEquals(Action.WAIT, drain.next(2, 120 * MS));
    assertEquals(Action.ASK, drain.next(1, 350 * MS));
    assertEquals(Action.DONE, drain.next(0, 360 * MS));
  }

  @Test
  void theReportTellsWhatBecameOfEachAndStopsItsClock() {
    Drain drain = new Drain(5, 0, 0);
    drain.left(Departure.FINISHED);
    drain.left(Departure.MOVED);
    drain.left(Departure.MOVED);
    drain.left(Departure.ABANDONED);
    drain.left(Departure.FAILED);
    drain.resumed(30 * MS);
    drain.resumed(20 * MS);
    drain.left(Departure.RESTARTED);
    boolean before = drain.report(1, 40 * MS).done();

    drain.next(0, 50 * MS);

    assertFalse(before);
    assertEquals(
        new Drain.Report(5, 1, 2, 1, 1, 1, 0, 0, 30.0, 50, true), drain.report(0, 99 * MS));
  }

  @Test
  void itIsDoneOnlyWhenAllThatMovedWentOn() {
    Drain drain = new Drain(2, 0, 0);
    drain.left(Departure.MOVED);
    drain.left(Departure.MOVED);
    drain.next(0, 10 * MS);
    drain.resumed(5 * MS);
    Drain.Report before = drain.report(0, 20 * MS);

    drain.abandonedMeanwhile();

    assertFalse(before.done());
    assertEquals(1, before.between());
    assertTrue(drain.report(0, 20 * MS).done());
    assertEquals(1, drain.report(0, 20 * MS).abandoned());
  }

  @Test
  void aMovedStreamThatNobodyWentOnWithIsBroken() {
    Drain drain = new Drain(1, 0, 0);
    drain.left(Departure.MOVED);

    drain.notResumed();

    Drain.Report report = drain.report(0, 0);
    assertEquals(0, report.moved());
    assertEquals(1, report.broken());
    assertTrue(report.longestPauseMs() == 0);
  }
}
