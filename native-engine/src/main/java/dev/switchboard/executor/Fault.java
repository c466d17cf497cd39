package dev.switchboard.executor;

/**
 * Something to break on purpose.
 *
 * @param stage which stage, -1 for all
 * @param rank which rank, -1 for all
 * @param firstStep 0: from the next one
 * @param steps how many; 0: until cleared
 * @param amount nanoseconds for DELAY, percent for SLOW
 */
public record Fault(Kind kind, int stage, int rank, long firstStep, long steps, long amount) {

  /** What breaks; numbered by the ABI. */
  public enum Kind {
    /** Clears the faults of that stage and rank. */
    NONE,
    DELAY,
    SLOW,
    FAIL,
    OUT_OF_MEMORY,
    HANG
  }
}
