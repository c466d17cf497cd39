package dev.switchboard.gateway.flight;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class ClockOffsetTest {
  private static final long SENT = 1_000_000_000_000L;

  /** The gateway reads the last words when the client has read the others. */
  private static final long READ = SENT + 4_000_000_000L;

  @Test
  void aClientThatDoesNotReadMovesNoClockOfTheSameHost() {
    assertEquals(0, offset(SENT + 50_000));
  }

  @Test
  void aHostThatCorrectsItsClockMovesAWorkersByThatMuch() {
    assertEquals(200_000, offset(SENT - 200_000));
  }

  @Test
  void ofAClockThatIsAnotherOneTheMiddleIsTaken() {
    long ahead = 60_000_000_000L;

    assertEquals(-ahead + 2_000_000_000L, offset(SENT + ahead));
  }

  /** Of a worker that received it then, and wrote its last words at once. */
  private static long offset(long receivedNanos) {
    EngineStamps stamps = new EngineStamps(receivedNanos, receivedNanos);
    return ClockOffset.of(List.of(), stamps, SENT, READ).align(List.of()).offsetNanos();
  }
}
