package dev.switchboard.gateway.drill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.slo.Slo;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class AffectedRequestsTest {
  private static final long MS = 1_000_000;
  private static final FlightRecord.Move RESUMED = new FlightRecord.Move("died", 1, 1, 2);

  private final AffectedRequests affectedRequests = new AffectedRequests("w0", 1000 * MS);
  private long now;

  @Test
  void aRequestCountsThatWasThereForSomeOfTheTime() {
    affectedRequests.ends(2000 * MS);
    at("w0", 0, 900);
    at("w0", 900, 1100);
    at("w0", 1900, 2500);
    at("w0", 2000, 2100);
    at("w1", 1100, 1200);

    assertEquals(new DrillReport.Noticed(2, 0, 0, 0, 0), affectedRequests.report());
  }

  @Test
  void whatWasLateOrBrokenOrMovedIsTold() {
    Flight late = flight(1100);
    late.slo(new Slo("live", 100, 0, 0, 0));
    attempt(late, 1, "w0", 1100, 1400, null);
    now = 1300 * MS;
    late.content();
    now = 1350 * MS;
    late.content();
    affectedRequests.ended(ended(late, Outcome.OK, 1400), 0);

    Flight moved = flight(1100);
    attempt(moved, 1, "w0", 1100, 1200, null);
    attempt(moved, 2, "w1", 1200, 1300, RESUMED);
    affectedRequests.ended(ended(moved, Outcome.OK, 1300), 0);

    Flight broken = flight(1100);
    attempt(broken, 1, "w0", 1100, 1200, null);
    affectedRequests.ended(ended(broken, Outcome.UPSTREAM_BROKEN, 1200), 0);

    assertEquals(new DrillReport.Noticed(3, 2, 1, 1, 50), affectedRequests.report());
  }

  @Test
  void aStreamThatCameToTheReplicaDidNotLeaveIt() {
    Flight came = flight(1100);
    attempt(came, 1, "w1", 1100, 1200, null);
    attempt(came, 2, "w0", 1200, 1300, RESUMED);
    affectedRequests.ended(ended(came, Outcome.OK, 1300), 0);

    assertEquals(new DrillReport.Noticed(1, 0, 0, 0, 0), affectedRequests.report());
  }

  @Test
  void requestsAreWaitedForAfterItsEnd() {
    assertFalse(affectedRequests.past(Long.MAX_VALUE / 2));
    affectedRequests.ends(2000 * MS);

    assertFalse(affectedRequests.past(2000 * MS + AffectedRequests.LASTS_NANOS));
    assertTrue(affectedRequests.past(2001 * MS + AffectedRequests.LASTS_NANOS));
  }

  private void at(String replica, long fromMs, long toMs) {
    Flight flight = flight(fromMs);
    attempt(flight, 1, replica, fromMs, toMs, null);
    affectedRequests.ended(ended(flight, Outcome.OK, toMs), 0);
  }

  private Flight flight(long fromMs) {
    now = fromMs * MS;
    return new Flight("r", () -> now);
  }

  private static void attempt(
      Flight flight,
      int number,
      String replica,
      long fromMs,
      long toMs,
      FlightRecord.@Nullable Move move) {
    flight.attempt(
        new FlightRecord.Attempt(number, replica, fromMs * MS, toMs * MS, null, false, move));
  }

  private FlightRecord ended(Flight flight, Outcome outcome, long atMs) {
    now = atMs * MS;
    return flight.finish(outcome, outcome.status(), null);
  }
}
