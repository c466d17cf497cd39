package dev.switchboard.executor;

import dev.switchboard.timeline.Collective;

/** Takes timeline records one by one, without an object per record. */
@FunctionalInterface
public interface TimelineSink {

  /**
   * @param kind index into {@link Kind}
   * @param busyNanos time of this kind, within [startNanos, endNanos] where the kind has an
   *     interval
   * @param bytes read (compute) or moved (all-reduce, send)
   * @param longestNanos longest single piece
   * @param piece of {@link Kind#LATE} which one that was, as {@link Collective#of} reads it
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
      long longestNanos,
      int piece);

  /**
   * What a rank did, but for {@link #LATE} and {@link #LATE_OFF_CPU}, which are time of the other
   * ranks of its stage: how long they waited for it where it came last, and how much of that
   * because it had no core. {@link #OFF_CPU} is in no other kind. It and {@link #LATE_OFF_CPU} have
   * no interval: their start and end are when they were counted. The ABI numbers them from 1 in
   * this order.
   */
  enum Kind {
    COMPUTE,
    ALL_REDUCE_WAIT,
    RECEIVE_WAIT,
    SEND,
    SAMPLE,
    COPY,
    LATE,
    OFF_CPU,
    LATE_OFF_CPU
  }
}
