package dev.switchboard.scheduler;

import dev.switchboard.executor.TimelineSink;

/**
 * Joins timeline records with the steps in flight. Records of a later step may arrive before the
 * step's result does; those of no step in flight are counted and dropped.
 */
final class StepTraces implements TimelineSink {
  private final StepTrace[] ring;
  private long dropped;

  StepTraces(int inFlight, int stages, int ranks) {
    this(inFlight, stages, ranks, StepRoom.endless());
  }

  /**
   * @param room for the steps that requests list
   */
  StepTraces(int inFlight, int stages, int ranks, StepRoom room) {
    ring = new StepTrace[inFlight + 1];
    for (int i = 0; i < ring.length; i++) {
      ring[i] = new StepTrace(stages, ranks, room);
    }
  }

  void begin(long step, int tokens, int requests) {
    trace(step).reset(step, tokens, requests);
  }

  StepTrace trace(long step) {
    return ring[(int) (step % ring.length)];
  }

  /** Records whose step was not in flight. */
  long dropped() {
    return dropped;
  }

  @Override
  public void record(
      long step,
      int stage,
      int rank,
      Kind kind,
      long startNanos,
      long endNanos,
      long busyNanos,
      long bytes,
      int tokens,
      long longestNanos,
      int piece) {
    StepTrace trace = trace(step);
    if (trace.step() != step) {
      dropped++;
      return;
    }
    if (kind == Kind.LATE) {
      trace.late(stage, rank, startNanos, busyNanos, longestNanos, piece);
    } else {
      trace.record(stage, rank, kind, startNanos, endNanos, busyNanos, bytes);
    }
  }
}
