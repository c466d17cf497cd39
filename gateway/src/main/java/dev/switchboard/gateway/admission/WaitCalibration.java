package dev.switchboard.gateway.admission;

/**
 * How far predicted waits are off: the ratio of real to predicted wait that nine requests in ten
 * stay below, followed by a step up for each one above it and a ninth of that down for each one
 * below. It widens what clients are told and decides nothing. Guarded by the queue's lock.
 */
final class WaitCalibration {
  private static final double STEP = 0.05;
  private static final double QUANTILE = 0.9;
  private static final double LEAST = 1;
  private static final double MOST = 10;

  private double p90 = 1.5;

  void waited(long predictedNanos, long realNanos) {
    if (predictedNanos <= 0) {
      return;
    }
    boolean above = realNanos > p90 * predictedNanos;
    double moved = p90 + STEP * (above ? QUANTILE : QUANTILE - 1);
    p90 = Math.clamp(moved, LEAST, MOST);
  }

  /** Times the median prediction. */
  double p90() {
    return p90;
  }
}
