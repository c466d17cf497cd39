package dev.switchboard.gateway.bench;

import java.util.Arrays;

/**
 * What something costs, by turns with and without it in pairs: the median of their differences, and
 * between which of them the true one lies in 95 of 100 runs, whatever their distribution. With
 * fewer than six pairs those are the least and the largest.
 */
record PairedDifference(double median, double low, double high) {
  private static final double OUTSIDE = 0.05;

  /** What is known of it. */
  enum Verdict {
    /** It is no more than it may be. */
    KEPT("kept"),
    BROKEN("NOT KEPT"),
    /** The machine did more meanwhile than what is measured. */
    UNCLEAR("too noisy to tell");

    private final String label;

    Verdict(String label) {
      this.label = label;
    }

    String label() {
      return label;
    }
  }

  static PairedDifference of(double... differences) {
    double[] sorted = differences.clone();
    Arrays.sort(sorted);
    int count = sorted.length;
    if (count == 0) {
      return new PairedDifference(Double.NaN, Double.NaN, Double.NaN);
    }
    int rank = rank(count);
    double median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    return new PairedDifference(median, sorted[rank], sorted[count - 1 - rank]);
  }

  /** The place of the lower end: each difference lies on either side of the median alike. */
  private static int rank(int count) {
    double exactly = Math.pow(0.5, count);
    double outside = 0;
    int rank = -1;
    for (int i = 0; i < count / 2 && 2 * (outside + exactly) <= OUTSIDE; i++) {
      outside += exactly;
      exactly *= (double) (count - i) / (i + 1);
      rank = i;
    }
    return Math.max(0, rank);
  }

  /** Holds it to the most that it may be. */
  Verdict against(double most) {
    if (high <= most) {
      return Verdict.KEPT;
    }
    return low > most ? Verdict.BROKEN : Verdict.UNCLEAR;
  }
}
