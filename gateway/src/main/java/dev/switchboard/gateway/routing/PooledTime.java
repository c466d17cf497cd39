package dev.switchboard.gateway.routing;

/**
 * How one time, to a first token or per token, depends on tokens and load: a {@link Regression}
 * over the samples of all replicas of a model, each divided by what its replica's {@link Factor}
 * says. So the loads of all tell the coefficients, where one replica alone may see but one load for
 * hours.
 *
 * <p>Coefficients and factors can be told apart only by samples of a replica under several loads.
 * Of what both explain the coefficients get most, since small factors do not count: replicas that
 * are alike, some with more to do than others, teach what load costs, and not that they differ.
 *
 * <p>Samples that are further off than noise, of one that has just become slow, do not teach the
 * coefficients: its factor is too slow for them. Where all replicas become slower, the mean of the
 * factors follows. Guarded by {@link SharedCostModel}.
 */
final class PooledTime {
  private static final double LEAST_MS = 0.05;
  private static final double MOST_RATIO = 3;
  private static final double MOST_UNIT = 64;
  private static final double LEAST_CHANGE = Math.log(1.5);
  private static final double CHANGE_DEVIATIONS = 2.5;
  private static final double MEAN_GAIN = 0.01;

  /** One that is far slower than usual does not make that usual. */
  private static final double MOST_SLOWER = 0.1;

  private static final double NOISE_GAIN = 0.02;
  private static final double MOST_ERROR = 1;
  private static final double LEAST_DEVIATION = 0.02;
  private static final double SPREAD_STEP = 0.03;
  private static final double QUANTILE = 0.9;
  private static final double LEAST_SPREAD = 0.02;
  private static final double MOST_SPREAD = Math.log(64);

  private final Regression regression;
  private final double[] scale;
  private final double[] guess;
  private double meanLog;
  private double variance;
  private double spread;
  private long samples;

  /**
   * @param scale what each coefficient is measured in
   * @param guess of them before anything is known
   * @param spread likewise: logarithm of the ratio of the ninth decile to the median
   */
  PooledTime(double[] scale, double[] guess, double spread) {
    this.regression = new Regression(scale);
    this.scale = scale.clone();
    this.guess = guess.clone();
    this.spread = spread;
    this.variance = spread * spread;
    regression.prior(1, guess);
  }

  /** A model of its own for one replica, which begins as this one is with the replica's factor. */
  PooledTime copy(Factor factor) {
    double[] begun = new double[guess.length];
    for (int i = 0; i < begun.length; i++) {
      begun[i] = regression.coefficient(i) * Math.exp(factor.log());
    }
    PooledTime copy = new PooledTime(scale, begun, spread);
    copy.variance = variance;
    return copy;
  }

  /** The very first sample of a model says in which range its times lie. */
  void unit(double[] features, double actualMs) {
    double unit = actualMs / computedMs(features);
    regression.prior(Math.clamp(unit, 1 / MOST_UNIT, MOST_UNIT), guess);
  }

  private double computedMs(double[] features) {
    return Math.max(LEAST_MS, regression.value(features));
  }

  /** By how much a time is off what a replica with such a factor was to take: a logarithm. */
  double error(double[] features, double actualMs, Factor factor) {
    return Math.log(actualMs / computedMs(features)) - factor.log();
  }

  /**
   * Learns from a sample of a replica.
   *
   * @param predictedMs see {@link Predictor}
   * @param like whether it tells of the others as well; else only its factor is learned
   */
  void learn(double[] features, double actualMs, double predictedMs, Factor factor, boolean like) {
    double computed = computedMs(features);
    double factorBefore = meanLog + factor.slowdown(this);
    double log = Math.log(actualMs / computed);
    factor.observe(log, this);
    if (!like) {
      return;
    }
    double off = log - factorBefore;
    // Of a replica that has just become another one its factor learns, not the pool.
    if (Math.abs(off) <= most()) {
      double own = actualMs / Math.exp(factorBefore);
      double clipped = Math.clamp(own, computed / MOST_RATIO, computed * MOST_RATIO);
      regression.add(features, clipped, Math.sqrt(computed * clipped));
    }
    double error = Math.clamp(off, -MOST_ERROR, MOST_ERROR);
    variance += NOISE_GAIN * (error * error - variance);
    double slower = Math.min(MOST_SLOWER, factor.log() - meanLog);
    meanLog += Math.max(MEAN_GAIN, 1.0 / (samples + 1)) * slower;
    widen(actualMs / predictedMs);
    samples++;
  }

  /**
   * Steps up and down whose sizes are nine to one: wherever ratios come from, in the long run that
   * share stays below.
   */
  private void widen(double ratio) {
    double step = Math.log(ratio) > spread ? QUANTILE : QUANTILE - 1;
    spread = Math.clamp(spread + SPREAD_STEP * step, LEAST_SPREAD, MOST_SPREAD);
  }

  /** For a replica as they usually are. */
  double coefficient(int index) {
    return regression.coefficient(index) * Math.exp(meanLog);
  }

  /** The standard error of a coefficient. */
  double error(int index) {
    return regression.error(index, deviation()) * Math.exp(meanLog);
  }

  /** Of the replicas' factors: a replica that nothing is known of is as this. */
  double meanLog() {
    return meanLog;
  }

  /** By how much the logarithms of single times are usually off. */
  double deviation() {
    return Math.max(LEAST_DEVIATION, Math.sqrt(variance));
  }

  /** What is further off than this is no noise. */
  double most() {
    return Math.max(LEAST_CHANGE, CHANGE_DEVIATIONS * deviation());
  }

  double spread() {
    return spread;
  }

  long samples() {
    return samples;
  }
}
