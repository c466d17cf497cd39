package dev.switchboard.executor;

/** What a machine that is shared with others does to a simulated rank in one step. */
public interface SimulatedMachine {
  /** A machine of one's own. */
  SimulatedMachine QUIET = (stage, rank, start, busy) -> 0;

  /**
   * How long the rank has no core, though it has work from {@code startNanos} on that takes so much
   * processor time.
   */
  long lostNanos(int stage, int rank, long startNanos, long busyNanos);

  /** How much more processor time the work takes because others use the caches. */
  default long slowedNanos(int stage, int rank, long startNanos, long busyNanos) {
    return 0;
  }
}
