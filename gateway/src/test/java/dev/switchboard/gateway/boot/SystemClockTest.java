package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.NanoClock;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SystemClockTest {
  private static final Instant BEGAN = Instant.parse("2026-11-30T23:00:00Z");
  private static final long SECOND = 1_000_000_000L;

  private long monotonic = -7 * SECOND;
  private Instant wall = BEGAN;
  private final SystemClock clock = new SystemClock(() -> monotonic, () -> wall);

  private void pass(long seconds) {
    monotonic += seconds * SECOND;
    wall = wall.plusSeconds(seconds);
  }

  private static long nanos(Instant moment) {
    return moment.getEpochSecond() * SECOND;
  }

  @ParameterizedTest
  @ValueSource(longs = {7200, -7200})
  void aStepMovesTheCalendarAndNoInterval(long stepSeconds) {
    pass(10);
    wall = wall.plusSeconds(stepSeconds);
    pass(5);

    assertEquals(nanos(BEGAN) + 15 * SECOND, clock.epochNanos());
    assertEquals(BEGAN.plusSeconds(15 + stepSeconds).toEpochMilli(), clock.wallMs());
  }

  @ParameterizedTest
  @ValueSource(longs = {7200, -7200})
  void aRequestBeginsAtTheWallTimeAndKnowsHowFarThatIsAhead(long stepSeconds) {
    wall = wall.plusSeconds(stepSeconds);
    NanoClock.Anchored anchored = clock.anchored();
    pass(3);
    wall = wall.minusSeconds(1800);

    assertEquals(stepSeconds * SECOND, anchored.aheadNanos());
    assertEquals(nanos(BEGAN) + (3 + stepSeconds) * SECOND, anchored.clock().epochNanos());
    assertEquals(clock.epochNanos(), anchored.clock().epochNanos() - anchored.aheadNanos());
  }

  @Test
  void momentsOfARequestAreTurnedIntoThoseOfTheGateway() {
    pass(1);
    wall = wall.plusSeconds(3600);
    Flight flight = new Flight("r", clock);

    assertEquals(nanos(BEGAN) + 3601 * SECOND, flight.at(Flight.Mark.ACCEPTED));
    assertEquals(clock.epochNanos(), flight.gatewayNanos(flight.at(Flight.Mark.ACCEPTED)));
    assertEquals(0, flight.gatewayNanos(flight.at(Flight.Mark.ROUTED)));
  }
}
