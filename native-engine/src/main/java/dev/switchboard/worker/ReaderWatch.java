package dev.switchboard.worker;

/**
 * Tells a reader that is slow from one that stopped. Who takes something of what is written now and
 * then reads, however long it takes until the socket has room: of a piece of a megabyte much longer
 * than a reader may take nothing. On the event loop.
 */
final class ReaderWatch {
  /** In the time for which a reader may take nothing. */
  static final int LOOKS = 4;

  private Connections.Unsent before;
  private int still;

  ReaderWatch(Connections.Unsent now) {
    before = now;
  }

  /** Whether nothing was taken in so many looks. */
  boolean stopped(Connections.Unsent now) {
    still = now.equals(before) ? still + 1 : 0;
    before = now;
    return still >= LOOKS;
  }
}
