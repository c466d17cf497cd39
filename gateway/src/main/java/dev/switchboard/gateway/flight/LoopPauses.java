package dev.switchboard.gateway.flight;

import java.util.concurrent.locks.LockSupport;

/**
 * Pauses of a loop over many requests that is not on an event loop, so that an event loop which
 * shares its core gets its turn.
 */
public final class LoopPauses {
  private static final long NANOS = 100_000;

  private LoopPauses() {}

  /**
   * Pauses where a turn is done.
   *
   * @param done so far
   * @param atOnce in a turn
   */
  public static void after(int done, int atOnce) {
    if (done % atOnce == 0) {
      LockSupport.parkNanos(NANOS);
    }
  }
}
