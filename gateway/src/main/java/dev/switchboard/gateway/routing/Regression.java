package dev.switchboard.gateway.routing;

import java.util.Arrays;

/**
 * Linear least squares over a stream: recent samples count more, no coefficient falls to 0, and
 * what the samples do not tell stays where it was before.
 *
 * <p>The sums of squares are kept with exponential forgetting, and a small weight pulls every
 * coefficient towards its prior; so a feature that does not vary keeps its prior instead of taking
 * noise, and nothing grows without bound as a covariance matrix with forgetting would. The prior
 * slowly follows what was learned, unless that is at its bound: what was known of a load that does
 * not come any more is kept. Errors are relative: a sample of 2 s counts as much as one of 20 ms.
 * All coefficients are counted in units of their scale, so that one weight suits them all. A sample
 * costs the solution of at most a few systems of four equations, and no memory.
 */
final class Regression {
  private static final double FORGET = 0.995;

  /** Of the prior, in samples. */
  private static final double PRIOR_WEIGHT = 0.05;

  /** The prior follows what is learned so far with each sample. */
  private static final double PRIOR_GAIN = 0.005;

  /** A coefficient is never less than this part of its prior. */
  private static final double LEAST_SHARE = 0.1;

  private final int size;
  private final double[] unitScale;
  private final double[] scale;
  private final double[] prior;
  private final double[] coefficients;
  private final double[] products;
  private final double[] targets;
  private final double[] matrix;
  private final double[] solution;
  private final boolean[] pinned;

  /**
   * @param scale what each coefficient is measured in
   */
  Regression(double... scale) {
    this.size = scale.length;
    this.unitScale = scale.clone();
    this.scale = scale.clone();
    this.prior = new double[size];
    this.coefficients = new double[size];
    this.products = new double[size * size];
    this.targets = new double[size];
    this.matrix = new double[size * size];
    this.solution = new double[size];
    this.pinned = new boolean[size];
  }

  /**
   * Where coefficients stay that no sample says anything of; before the first sample.
   *
   * @param unit multiplies the values and the scale: how much slower this is than what they are for
   */
  void prior(double unit, double... values) {
    for (int i = 0; i < size; i++) {
      prior[i] = values[i] / unitScale[i];
      scale[i] = unitScale[i] * unit;
      coefficients[i] = values[i] * unit;
    }
  }

  /**
   * The standard error of a coefficient. As far as it is the prior's it may be off by all of that.
   *
   * @param deviation by how much samples are usually off, relative to what was expected
   */
  double error(int index, double deviation) {
    System.arraycopy(products, 0, matrix, 0, matrix.length);
    Arrays.fill(solution, 0);
    for (int i = 0; i < size; i++) {
      matrix[i * size + i] += PRIOR_WEIGHT;
    }
    solution[index] = 1;
    eliminate();
    double variance = Math.max(0, solution[index]);
    double guessed = PRIOR_WEIGHT * variance * prior[index];
    return scale[index] * Math.hypot(deviation * Math.sqrt(variance), guessed);
  }

  /** What it makes of features. */
  double value(double[] features) {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += coefficients[i] * features[i];
    }
    return sum;
  }

  double coefficient(int index) {
    return coefficients[index];
  }

  /**
   * Learns from one sample.
   *
   * @param expected about what {@code value} should be: errors are relative to it
   */
  void add(double[] features, double value, double expected) {
    double weight = 1 / (expected * expected);
    for (int i = 0; i < size; i++) {
      double scaled = features[i] * scale[i];
      targets[i] = targets[i] * FORGET + weight * scaled * value;
      for (int j = 0; j < size; j++) {
        products[i * size + j] =
            products[i * size + j] * FORGET + weight * scaled * features[j] * scale[j];
      }
    }
    solve();
  }

  /** Pins what comes out too small to the least that it may be, until nothing does. */
  private void solve() {
    Arrays.fill(pinned, false);
    for (int round = 0; round < size; round++) {
      solvePinned();
      boolean again = false;
      for (int i = 0; i < size; i++) {
        if (!pinned[i] && solution[i] < LEAST_SHARE * prior[i]) {
          pinned[i] = true;
          again = true;
        }
      }
      if (!again) {
        break;
      }
    }
    for (int i = 0; i < size; i++) {
      double solved = Math.max(LEAST_SHARE * prior[i], solution[i]);
      coefficients[i] = solved * scale[i];
      prior[i] += pinned[i] ? 0 : PRIOR_GAIN * (solved - prior[i]);
    }
  }

  private void solvePinned() {
    System.arraycopy(products, 0, matrix, 0, matrix.length);
    for (int i = 0; i < size; i++) {
      matrix[i * size + i] += PRIOR_WEIGHT;
      solution[i] = targets[i] + PRIOR_WEIGHT * prior[i];
      if (pinned[i]) {
        pin(i);
      }
    }
    eliminate();
  }

  /** Gauss's elimination; the prior's weight on the diagonal makes every pivot positive. */
  private void eliminate() {
    for (int column = 0; column < size; column++) {
      for (int row = column + 1; row < size; row++) {
        eliminate(row, column);
      }
    }
    for (int i = size - 1; i >= 0; i--) {
      double sum = solution[i];
      for (int j = i + 1; j < size; j++) {
        sum -= matrix[i * size + j] * solution[j];
      }
      solution[i] = sum / matrix[i * size + i];
    }
  }

  private void pin(int index) {
    for (int j = 0; j < size; j++) {
      matrix[index * size + j] = 0;
    }
    matrix[index * size + index] = 1;
    solution[index] = LEAST_SHARE * prior[index];
  }

  private void eliminate(int row, int column) {
    double factor = matrix[row * size + column] / matrix[column * size + column];
    if (factor != 0) {
      for (int j = column; j < size; j++) {
        matrix[row * size + j] -= factor * matrix[column * size + j];
      }
      solution[row] -= factor * solution[column];
    }
  }
}
