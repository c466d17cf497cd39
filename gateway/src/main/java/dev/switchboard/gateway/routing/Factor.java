package dev.switchboard.gateway.routing;

/**
 * How much slower than the pool's model of cost one replica is: the logarithm of the ratio.
 *
 * <p>A mean over the last 40 samples, each of which counts as the median of the last three, so that
 * one outlier moves nothing and two in a row do. Where that median is further off than noise is,
 * the replica has become another one: what was learned before is given up but for one sample, so
 * that a handful of requests is enough to know it slow, and to know it recovered.
 *
 * <p>What it says is shrunk towards the pool's: an estimate counts by how far it exceeds its
 * standard error and what replicas that are alike differ by, as an empirical Bayes estimate does
 * (James and Stein; partial pooling), but more steeply: half of it counts at about twice of both.
 * So replicas that are alike are taken for equal, whatever noise says, and one that differs is not.
 * How it ages is said by {@link Rates}. Guarded by {@link SharedCostModel}.
 */
final class Factor {
  private static final int MOST = 40;
  private static final double MOST_LOG = Math.log(64);
  private static final double SHRINKAGE = 4;

  /** By so much replicas differ that are alike: what their load is thought to explain is off. */
  private static final double ALIKE = 0.1;

  private double log;
  private double samples;
  private double last;
  private double lastButOne;

  /** Of a replica that nothing is known of: as the pool is. */
  void begin(PooledTime pool) {
    log = pool.meanLog();
    samples = 0;
    last = log;
    lastButOne = log;
  }

  /** As it is, not as it is told. */
  double log() {
    return log;
  }

  /**
   * Learns.
   *
   * @param ratio logarithm of the actual time over what the pool's coefficients come to
   */
  void observe(double ratio, PooledTime pool) {
    double bounded = Math.clamp(ratio, -MOST_LOG, MOST_LOG);
    double median =
        Math.max(Math.min(bounded, last), Math.min(Math.max(bounded, last), lastButOne));
    lastButOne = last;
    last = bounded;
    double error = median - log;
    if (Math.abs(error) > pool.most()) {
      samples = Math.min(samples, 1);
    }
    log += error / (samples + 1);
    samples = Math.min(samples + 1, MOST);
  }

  /** By how much it differs from the pool, as far as that is no accident. */
  double slowdown(PooledTime pool) {
    double difference = log - pool.meanLog();
    double error = standardError(pool);
    double noise = SHRINKAGE * (error * error + ALIKE * ALIKE);
    double squares = Math.pow(difference, 4);
    return difference * squares / (squares + noise * noise);
  }

  /** Of the difference. */
  double standardError(PooledTime pool) {
    return pool.deviation() / Math.sqrt(Math.max(1, samples));
  }
}
