package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class MachineWatchTest {
  @Test
  void lateTimersStolenTimeAndLateTokensDisturb() {
    assertFalse(new MachineWatch.Seen(1, 0.001, 3).disturbed());
    assertTrue(new MachineWatch.Seen(30, 0, 0).disturbed());
    assertTrue(new MachineWatch.Seen(1, 0.2, 0).disturbed());
    assertTrue(new MachineWatch.Seen(1, 0, 200).disturbed());
  }

  @Test
  void aSleepIsNeverEarlyAndSharesAreShares() throws IOException {
    long now = System.nanoTime();
    try (MachineWatch watch = MachineWatch.between(now, now + 20_000_000)) {
      MachineWatch.Seen seen = watch.seen();

      assertTrue(seen.timerMs() >= 0, seen::toString);
      assertTrue(seen.stolen() >= 0 && seen.stolen() <= 1, seen::toString);
    }
  }

  @Test
  void whatItSawIsToldInWords() {
    assertEquals(
        "sleeps were 1.5 ms late and tokens 7.0 at the 99th percentile, 2.0 % of the time stolen",
        new MachineWatch.Seen(1.5, 0.02, 7).toString());
  }
}
