package dev.switchboard.gateway.routing;

/**
 * What is known of one of the two times at one replica: the pool's model of cost with a factor of
 * its own; or, on hardware that is not like the others', a model of its own.
 *
 * <p>Both are learned, and both tell each time before it is known. The replica's own model counts
 * once it has told times so much better that it cannot be chance: a replica on like hardware keeps
 * to the pool's, whose coefficients more samples and more loads have taught. What is not told by
 * the pool's model does not teach it either.
 */
final class ReplicaTime {
  /** Samples before the models are compared, and of the mean of their errors. */
  private static final int COMPARED = 64;

  private static final double ERROR_GAIN = 1.0 / 40;
  private static final double MOST_ERROR = 1;

  /** Its own model has less than this part of the squared error to be taken, and to be kept. */
  private static final double BETTER = 0.5;

  private static final double GOOD_ENOUGH = 0.8;

  private final PooledTime pool;
  private final Factor factor = new Factor();
  private PooledTime own;
  private final Factor ownFactor = new Factor();
  private double pooledError;
  private double ownError;
  private int compared;
  private boolean alone;

  ReplicaTime(PooledTime pool) {
    this.pool = pool;
    this.own = pool;
    renew();
  }

  /** Nothing is known of it but what the pool knows. */
  void renew() {
    factor.begin(pool);
    compared = 0;
    alone = false;
  }

  /**
   * Learns from a sample.
   *
   * @param predictedMs see {@link Predictor}
   */
  void learn(double[] features, double actualMs, double predictedMs) {
    if (pool.samples() == 0) {
      pool.unit(features, actualMs);
    }
    if (compared == 0) {
      own = pool.copy(factor);
      ownFactor.begin(own);
      pooledError = 0;
      ownError = 0;
    }
    double pooled = pool.error(features, actualMs, factor);
    double single = own.error(features, actualMs, ownFactor);
    pool.learn(features, actualMs, predictedMs, factor, !alone);
    own.learn(features, actualMs, predictedMs, ownFactor, true);
    compare(square(pooled), square(single));
  }

  private static double square(double error) {
    return Math.min(MOST_ERROR, error * error);
  }

  private void compare(double pooled, double single) {
    compared++;
    double gain = Math.max(ERROR_GAIN, 1.0 / compared);
    pooledError += gain * (pooled - pooledError);
    ownError += gain * (single - ownError);
    if (compared >= COMPARED) {
      alone = ownError < (alone ? GOOD_ENOUGH : BETTER) * pooledError;
    }
  }

  /** Whether it has a model of its own. */
  boolean alone() {
    return alone;
  }

  /** Of a replica that is not slower than usual. */
  double coefficient(int index) {
    return model().coefficient(index);
  }

  double slowdown() {
    return (alone ? ownFactor : factor).slowdown(model());
  }

  /** The standard error of a coefficient. */
  double error(int index) {
    return model().error(index);
  }

  /** The same of the logarithm that is the slowdown. */
  double slowdownError() {
    return (alone ? ownFactor : factor).standardError(model());
  }

  double spread() {
    return model().spread();
  }

  private PooledTime model() {
    return alone ? own : pool;
  }
}
