package dev.switchboard.gateway.admission;

/**
 * How often requests of the lowest band begin while others of it wait.
 *
 * <p>They wait for places, for room, and for whoever comes after them and passes; only the first of
 * these can be told from how long places are held. So what is measured is the time that passed over
 * the requests that began in it, of the last half a minute, or of ten requests where that is
 * longer. Over time, not over requests: they begin in bunches, and who comes sees more of the time
 * between bunches than of the bunches.
 *
 * <p>What was measured fades while none waits: after an overload it may be so long that whoever
 * comes is refused, and what is refused brings no news. One that then waits tells whether it still
 * holds, and while it does the others are held to the whole of it. After a minute it is forgotten.
 * Guarded by the queue's lock.
 */
final class BatchStartRate {
  private static final double WINDOW_NANOS = 30e9;
  private static final double LEAST_KEPT = 0.9;
  private static final long BELIEVED_NANOS = 60_000_000_000L;

  /** What was measured is worth a third after so long in which none waited. */
  private static final double FADES_NANOS = 15e9;

  private final WaitCalibration calibration = new WaitCalibration();
  private double begun;
  private double passedNanos;
  private long sinceNanos;

  /** One comes to wait, and no other does. */
  void waits(long nowNanos) {
    if (nowNanos - sinceNanos >= BELIEVED_NANOS) {
      begun = 0;
      passedNanos = 0;
    }
    sinceNanos = nowNanos;
  }

  /**
   * One that waited begins.
   *
   * @param predictedNanos how long it was to wait; unknown where negative
   */
  void begins(long predictedNanos, long waitedNanos, long nowNanos) {
    long gap = nowNanos - sinceNanos;
    double kept = Math.max(LEAST_KEPT, Math.exp(-gap / WINDOW_NANOS));
    begun = kept * begun + 1;
    passedNanos = kept * passedNanos + gap;
    sinceNanos = nowNanos;
    calibration.waited(predictedNanos, waitedNanos);
  }

  /** The last one that waited ended without having begun. */
  void givenUp(long nowNanos) {
    passedNanos += nowNanos - sinceNanos;
    sinceNanos = nowNanos;
  }

  /**
   * How long one is to wait, or {@link WaitPredictor#UNKNOWN}.
   *
   * @param position among those that wait, from 1
   * @param others whether any waits already
   */
  long waitNanos(double position, boolean others, long nowNanos) {
    long silence = nowNanos - sinceNanos;
    double measured = begun > 0 ? passedNanos / begun : 0;
    double each =
        others
            ? Math.max(measured, (passedNanos + silence) / (begun + 1))
            : measured * Math.exp(-silence / FADES_NANOS);
    return each > 0 ? (long) (position * each) : WaitPredictor.UNKNOWN;
  }

  /** Real over predicted wait that nine in ten stay below. */
  double p90() {
    return calibration.p90();
  }
}
