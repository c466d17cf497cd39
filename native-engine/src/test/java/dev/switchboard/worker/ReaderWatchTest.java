package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.worker.Connections.Unsent;
import org.junit.jupiter.api.Test;

class ReaderWatchTest {
  private static final long PIECE = 1 << 20;

  private final ReaderWatch watch = new ReaderWatch(new Unsent(PIECE, 0));

  @Test
  void whoTakesNothingStopped() {
    for (int look = 1; look < ReaderWatch.LOOKS; look++) {
      assertFalse(watch.stopped(new Unsent(PIECE, 0)));
    }
    assertTrue(watch.stopped(new Unsent(PIECE, 0)));
  }

  /** All of the piece counts until the last byte of it is out. */
  @Test
  void whoTakesAPartOfAPieceNowAndThenReads() {
    for (int look = 0; look < 40; look++) {
      assertFalse(watch.stopped(new Unsent(PIECE, look / 3 * 10_000L)), "look " + look);
    }
  }
}
