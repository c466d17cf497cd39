package dev.switchboard.worker;

import java.util.Arrays;

/** What is done to an encoder's vectors. */
final class Vector {
  private Vector() {}

  /**
   * The first dimensions, scaled to length 1; a vector of zeros stays one.
   *
   * @throws IllegalStateException when the model gave something that is no number
   */
  static float[] unit(float[] vector, int dimensions) {
    double squares = dot(vector, vector, dimensions);
    if (!Double.isFinite(squares)) {
      throw new IllegalStateException("the model gave a vector that is not finite");
    }
    double scale = squares == 0 ? 0 : 1 / Math.sqrt(squares);
    float[] unit = Arrays.copyOf(vector, dimensions);
    for (int i = 0; i < dimensions; i++) {
      unit[i] = (float) (unit[i] * scale);
    }
    return unit;
  }

  static float cosine(float[] a, float[] b) {
    float[] left = unit(a, a.length);
    float[] right = unit(b, b.length);
    return (float) dot(left, right, left.length);
  }

  /** A classifier's score as a probability. */
  static float probability(float[] score) {
    float probability = (float) (1 / (1 + Math.exp(-score[0])));
    if (Float.isNaN(probability)) {
      throw new IllegalStateException("the model gave a score that is no number");
    }
    return probability;
  }

  private static double dot(float[] a, float[] b, int dimensions) {
    double sum = 0;
    for (int i = 0; i < dimensions; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }
}
