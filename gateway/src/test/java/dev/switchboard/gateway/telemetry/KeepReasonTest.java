package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.slo.Slo;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class KeepReasonTest {
  private static final Slo SLO = new Slo("c", 100, 10, 0, 0);
  private long now = 1;

  @Test
  void aGoodRequestIsOfNoInterest() {
    assertEquals(Set.of(), judged(request(Outcome.OK, 50, 5, null), false));
  }

  @Test
  void everyReasonIsNamed() {
    assertEquals(Set.of(KeepReason.SLOW), judged(request(Outcome.OK, 50, 5, null), true));
    assertEquals(Set.of(KeepReason.SLO), judged(request(Outcome.OK, 150, 5, null), false));
    assertEquals(Set.of(KeepReason.SLO), judged(request(Outcome.OK, 50, 15, null), false));
    assertEquals(Set.of(KeepReason.FAILED), judged(request(Outcome.DEADLINE, 50, 5, null), false));
    FlightRecord.Move move = new FlightRecord.Move("died", 1, 1, 2);
    assertEquals(Set.of(KeepReason.MIGRATED), judged(request(Outcome.OK, 50, 5, move), false));
  }

  @Test
  void whatItsClientSpoiltIsOfNone() {
    assertEquals(Set.of(), judged(request(Outcome.CLIENT_GONE, 50, 15, null), false));
    assertEquals(Set.of(), judged(request(Outcome.INVALID_REQUEST, 150, 15, null), false));
  }

  @Test
  void whoLeavesBehindTheTargetIsOfInterest() {
    assertEquals(
        Set.of(KeepReason.SLO), judged(request(Outcome.CLIENT_GONE, 150, 15, null), false));
  }

  private static Set<KeepReason> judged(FlightRecord record, boolean slow) {
    Set<KeepReason> reasons = EnumSet.noneOf(KeepReason.class);
    KeepReason.judge(record, SLO, slow, reasons);
    return reasons;
  }

  /** Of two tokens. */
  private FlightRecord request(
      Outcome outcome, int ttftMs, int tpotMs, FlightRecord.@Nullable Move move) {
    Flight flight = new Flight("r", () -> now);
    flight.stream(true);
    now += ttftMs * 1_000_000L;
    flight.content();
    now += tpotMs * 1_000_000L;
    flight.content();
    flight.mark(Mark.UPSTREAM_ENDED);
    flight.attempt(new FlightRecord.Attempt(1, "w0", 1, now, null, false, move));
    return flight.finish(outcome, 200, null);
  }
}
