package dev.switchboard.scheduler;

/**
 * How much of the heap the lists of steps may take that running requests have. They are as long as
 * answers are, and as many as run. On the engine thread.
 */
final class StepRoom {
  /** One step's object and its place in a list, as the JVM lays them out with a small heap. */
  private static final long STEP_BYTES = 80;

  /** Lanes and members are told once, for all requests in the step. */
  private static final long LANE_BYTES = 144;

  private static final long MEMBER_BYTES = 24;

  private final long limitBytes;
  private long heldBytes;

  StepRoom(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  static StepRoom endless() {
    return new StepRoom(Long.MAX_VALUE);
  }

  /** What one of the requests in a step takes for it. */
  static long bytes(int lanes, int members, int requests) {
    return STEP_BYTES + (lanes * LANE_BYTES + members * MEMBER_BYTES) / Math.max(1, requests);
  }

  boolean has(long bytes) {
    return heldBytes + bytes <= limitBytes;
  }

  /** Counts so much more; less where it is negative. */
  void hold(long bytes) {
    heldBytes += bytes;
  }

  long heldBytes() {
    return heldBytes;
  }
}
