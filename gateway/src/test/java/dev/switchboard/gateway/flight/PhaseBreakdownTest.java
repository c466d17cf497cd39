package dev.switchboard.gateway.flight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.PhaseBreakdown.Phase;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Critical;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PhaseBreakdownTest {
  private long now = 1_000_000;

  @Test
  void theGatewaysOwnMarksCutTheWallTime() {
    Flight flight = new Flight("r", () -> now);
    pass(flight, Mark.RECEIVED, 10);
    pass(flight, Mark.PARSED, 20);
    pass(flight, Mark.ADMITTED, 30);
    now += 40;
    flight.decision(Decision.of("p", "m", "w0", List.of()));
    pass(flight, Mark.CONNECTED, 50);
    now += 60;
    flight.content();
    pass(flight, Mark.UPSTREAM_ENDED, 70);
    now += 80;

    PhaseBreakdown breakdown = PhaseBreakdown.of(flight.finish(Outcome.OK, 200, null));

    assertEquals(10, breakdown.nanos(Phase.ACCEPT));
    assertEquals(20, breakdown.nanos(Phase.PARSE));
    assertEquals(30, breakdown.nanos(Phase.QUEUE));
    assertEquals(40, breakdown.nanos(Phase.ROUTE));
    assertEquals(50, breakdown.nanos(Phase.CONNECT));
    assertEquals(60, breakdown.nanos(Phase.UPSTREAM_FIRST));
    assertEquals(70, breakdown.nanos(Phase.UPSTREAM_REST));
    assertEquals(80, breakdown.nanos(Phase.DETOKENIZE_FLUSH));
    assertEquals(0, breakdown.nanos(Phase.UNEXPLAINED));
  }

  @Test
  void theWorkersTimelineCutsTheUpstreamsTime() {
    FlightRecord record = served(timeline(0, critical(30, 45)));

    PhaseBreakdown breakdown = PhaseBreakdown.of(record);

    assertEquals(100, breakdown.nanos(Phase.SEND));
    assertEquals(50, breakdown.nanos(Phase.TOKENIZE));
    assertEquals(50, breakdown.nanos(Phase.WORKER_QUEUE));
    // 75 of the 100 are the rank's that was done last, the rest is nobody's.
    assertEquals(30, breakdown.nanos(Phase.PREFILL_COMPUTE));
    assertEquals(45, breakdown.nanos(Phase.PREFILL_COLLECTIVE_WAIT));
    assertEquals(25 + 500, breakdown.nanos(Phase.UNEXPLAINED));
  }

  @Test
  void whatPassesBetweenStepsIsNamed() {
    RequestTimeline.Phase decode =
        new RequestTimeline.Phase(
            1_000_300, 1_000_800, 9, 0, 0, 9, 150, critical(300, 45), null, List.of());
    FlightRecord record = served(timeline(0, 20, decode, critical(60, 15)));

    PhaseBreakdown breakdown = PhaseBreakdown.of(record);

    assertEquals(20, breakdown.nanos(Phase.PREFILL_WAIT));
    assertEquals(150, breakdown.nanos(Phase.DECODE_WAIT));
    assertEquals(5 + 5, breakdown.nanos(Phase.UNEXPLAINED));
  }

  @Test
  void aWaitNeverTakesFromWork() {
    FlightRecord record = served(timeline(0, 1000, null, critical(60, 15)));

    PhaseBreakdown breakdown = PhaseBreakdown.of(record);

    assertEquals(60, breakdown.nanos(Phase.PREFILL_COMPUTE));
    assertEquals(25, breakdown.nanos(Phase.PREFILL_WAIT));
  }

  @Test
  void stagesThatOverlapAreScaledIntoTheirPhase() {
    FlightRecord record = served(timeline(0, critical(200, 0)));

    PhaseBreakdown breakdown = PhaseBreakdown.of(record);

    assertEquals(100, breakdown.nanos(Phase.PREFILL_COMPUTE));
  }

  @Test
  void aWorkersClockIsMovedIntoTheAttempt() {
    FlightRecord record = served(timeline(5_000_000_000L, critical(10, 0)));

    PhaseBreakdown.Engine engine = PhaseBreakdown.of(record).engine();

    assertNotNull(engine);
    assertTrue(Math.abs(engine.offsetNanos() + 5_000_000_000L) <= engine.errorNanos());
    assertFalse(engine.clamped());
    assertTrue(engine.timelines().getFirst().receivedNanos() >= record.at(Mark.CONNECTED));
    assertTrue(engine.timelines().getFirst().finishedNanos() <= record.at(Mark.UPSTREAM_ENDED));
  }

  @Test
  void clocksOfOneHostAreNotMoved() {
    PhaseBreakdown.Engine engine = PhaseBreakdown.of(served(timeline(0, critical(10, 0)))).engine();

    assertNotNull(engine);
    assertEquals(0, engine.offsetNanos());
  }

  @Property
  void phasesSumToTheWallTimeWhateverTheWorkerSays(
      @ForAll @LongRange(min = -10_000, max = 10_000) long shift,
      @ForAll @LongRange(min = 0, max = 100_000) long compute,
      @ForAll @LongRange(min = 0, max = 2000) long stall) {
    FlightRecord record = served(timeline(shift, critical(compute, 3)), stall);

    PhaseBreakdown breakdown = PhaseBreakdown.of(record);

    long sum = breakdown.segments().stream().mapToLong(PhaseBreakdown.Segment::nanos).sum();
    assertEquals(record.wallNanos(), sum);
  }

  private FlightRecord served(RequestTimeline timeline) {
    return served(timeline, 0);
  }

  /** Sent at 1 000 000, answered until 1 001 000; ends a moment later. */
  private FlightRecord served(RequestTimeline timeline, long stallNanos) {
    now = 999_000;
    Flight flight = new Flight("r", () -> now);
    pass(flight, Mark.PARSED, 100);
    pass(flight, Mark.ADMITTED, 100);
    now += 100;
    flight.decision(Decision.of("p", "m", "w0", List.of()));
    now = 1_000_000;
    flight.mark(Mark.CONNECTED);
    now = 1_001_000;
    flight.timelines(List.of(timeline), EngineStamps.NONE);
    flight.mark(Mark.UPSTREAM_ENDED);
    flight.stallBegins();
    now += stallNanos;
    flight.stallEnds();
    now += 50;
    return flight.finish(Outcome.OK, 200, null);
  }

  private static RequestTimeline timeline(long shift, Critical prefill) {
    return timeline(shift, 0, null, prefill);
  }

  private static RequestTimeline timeline(
      long shift, long wait, RequestTimeline.@Nullable Phase decode, Critical prefill) {
    long base = 1_000_000 + shift;
    return new RequestTimeline(
        "r",
        0,
        base + 100,
        base + 150,
        base + 200,
        base + 300,
        base + 800,
        0,
        new RequestTimeline.Phase(
            base + 200, base + 300, 5, 0, 0, 1, wait, prefill, null, List.of()),
        decode,
        List.of());
  }

  private static Critical critical(long compute, long collectiveWait) {
    return new Critical(compute, collectiveWait, 0, 0, 0, 0);
  }

  private void pass(Flight flight, Mark mark, long nanos) {
    now += nanos;
    flight.mark(mark);
  }
}
