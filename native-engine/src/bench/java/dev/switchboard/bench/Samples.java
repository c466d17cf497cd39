package dev.switchboard.bench;

import java.util.Arrays;

/** One quantity measured once per round. */
public final class Samples {
  private double[] values = {};

  public void add(double value) {
    values = Arrays.copyOf(values, values.length + 1);
    values[values.length - 1] = value;
  }

  public boolean isEmpty() {
    return values.length == 0;
  }

  public double median() {
    if (isEmpty()) {
      return Double.NaN;
    }
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  public double[] values() {
    return values.clone();
  }
}
