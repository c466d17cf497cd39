package dev.switchboard.executor;

/** Takes timeline records one by one, without an object per record. */
@FunctionalInterface
public interface TimelineSink {

  /**
   * @param kind index into {@link Kind}
   * @param busyNanos time of this kind within [startNanos, endNanos]
   * @param bytes read (compute) or moved (all-reduce, send)
   * @param longestNanos longest single piece
   */
  void record(
      long step,
      int stage,
      int rank,
      Kind kind,
      long startNanos,
      long endNanos,
      long busyNanos,
      long bytes,
      int tokens,
      long longestNanos);

  /** What a rank did; the ABI numbers them from 1 in this order. */
  enum Kind {
    COMPUTE,
    ALL_REDUCE_WAIT,
    RECEIVE_WAIT,
    SEND,
    SAMPLE,
    COPY
  }
}
