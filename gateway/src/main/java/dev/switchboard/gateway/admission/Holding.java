package dev.switchboard.gateway.admission;

/**
 * The places that requests of a kind hold: how many now, how many of late, and for how long.
 * Guarded by the queue's lock.
 */
final class Holding {
  private static final double SHARE_OF_NEW = 0.05;

  /** After this long a third of a peak is left. */
  private static final double PEAK_NANOS = 30e9;

  private int running;
  private double meanNanos;
  private double peak;
  private long peakNanos;

  /** One begins that takes so many places. */
  void begins(int places, long nowNanos) {
    running += places;
    tick(nowNanos);
  }

  void ends(int places, long heldNanos) {
    running -= places;
    meanNanos += meanNanos == 0 ? heldNanos : SHARE_OF_NEW * (heldNanos - meanNanos);
  }

  /** Time passes. */
  void tick(long nowNanos) {
    double kept = Math.exp(-Math.max(0, nowNanos - peakNanos) / PEAK_NANOS);
    peak = Math.max(running, peak * kept);
    peakNanos = nowNanos;
  }

  int running() {
    return running;
  }

  /** The most that ran at once, less the longer that is ago. */
  double peak() {
    return peak < 0.5 ? 0 : peak;
  }

  /** How long each holds its place, on average; the other one where none has ended. */
  double holdNanos(double otherwise) {
    return meanNanos == 0 ? otherwise : meanNanos;
  }
}
