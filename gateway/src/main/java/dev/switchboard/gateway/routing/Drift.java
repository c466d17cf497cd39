package dev.switchboard.gateway.routing;

/**
 * Follows how far off a prediction is of late, and how widely it scatters.
 *
 * <p>The slowdown is a moving average over the logarithm of actual over computed. It is fed the
 * median of the last three, so that one outlier moves nothing and two in a row do. The spread is
 * the logarithm of the ratio that nine of ten actuals stay below, found by steps up and down whose
 * sizes are nine to one: wherever actuals come from, in the long run that share stays below it.
 */
final class Drift {
  private static final double GAIN = 0.35;
  private static final double SPREAD_STEP = 0.06;
  private static final double QUANTILE = 0.9;
  private static final double MOST_LOG = Math.log(64);
  private static final double LEAST_SPREAD = 0.02;

  private double slowdown;
  private double spread;
  private double last;
  private double lastButOne;

  Drift(double spread) {
    this.spread = spread;
  }

  /**
   * @param computedMs by the regression alone; positive
   * @param predictedMs as it was told when the request was sent
   */
  void observe(double actualMs, double computedMs, double predictedMs, double belief) {
    double log = Math.clamp(Math.log(actualMs / computedMs), -MOST_LOG, MOST_LOG);
    double median = Math.max(Math.min(log, last), Math.min(Math.max(log, last), lastButOne));
    lastButOne = last;
    last = log;
    slowdown = slowdown * belief;
    slowdown += GAIN * (median - slowdown);
    boolean above = Math.log(actualMs / predictedMs) > spread;
    spread += SPREAD_STEP * (above ? QUANTILE : QUANTILE - 1);
    spread = Math.clamp(spread, LEAST_SPREAD, MOST_LOG);
  }

  double slowdown() {
    return slowdown;
  }

  double spread() {
    return spread;
  }
}
