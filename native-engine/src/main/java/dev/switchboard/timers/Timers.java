package dev.switchboard.timers;

/** Has something run later, on the event loop that asks for it. */
public interface Timers {
  /** Runs it once. */
  Timer after(long ms, Runnable task);

  /** Runs it again and again, at a fixed rate: what a late loop missed it makes up for. */
  Timer every(long ms, Runnable task);

  /** What was asked for. */
  @FunctionalInterface
  interface Timer {
    /** None that waits. */
    Timer NONE = () -> false;

    /**
     * Has it run no more.
     *
     * @return false where it would not have: it ran, or was cancelled before
     */
    boolean cancel();
  }
}
