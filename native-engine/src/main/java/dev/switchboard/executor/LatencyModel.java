package dev.switchboard.executor;

/**
 * What a simulated step costs, over all its stages.
 *
 * @param stepNanos fixed: a decode step of one sequence reads all weights
 * @param tokenNanos per token computed
 * @param kvTokenNanos per token and position it attends to
 * @param jitter by how much of its time a rank's step is longer at most, drawn for each rank and
 *     step
 * @param seed of what is drawn
 */
public record LatencyModel(
    long stepNanos, long tokenNanos, double kvTokenNanos, double jitter, long seed) {

  /** Every step takes exactly its time. */
  public LatencyModel(long stepNanos, long tokenNanos, double kvTokenNanos) {
    this(stepNanos, tokenNanos, kvTokenNanos, 0, 0);
  }

  /** About what a one-billion-parameter model at four bits takes on two cores. */
  public static LatencyModel typical() {
    return new LatencyModel(20_000_000, 1_000_000, 500);
  }

  /** Next to nothing, for tests on the real clock. */
  public static LatencyModel instant() {
    return new LatencyModel(20_000, 500, 0);
  }

  long nanos(long tokens, long attended) {
    return stepNanos + tokenNanos * tokens + Math.round(kvTokenNanos * attended);
  }
}
