package dev.switchboard.worker;

/** Counts of observations below fixed bounds, and their sum. On the event loop. */
final class ServingHistogram {
  private final double[] bounds;
  private final long[] counts;
  private double sum;

  /**
   * @param bounds ascending; what is above the last counts as well
   */
  ServingHistogram(double... bounds) {
    this.bounds = bounds.clone();
    this.counts = new long[bounds.length + 1];
  }

  void observe(double value) {
    int bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) {
      bucket++;
    }
    counts[bucket]++;
    sum += value;
  }

  int buckets() {
    return counts.length;
  }

  /** Upper bound of a bucket; infinite for the last. */
  double bound(int bucket) {
    return bucket < bounds.length ? bounds[bucket] : Double.POSITIVE_INFINITY;
  }

  /** Observations in a bucket alone. */
  long count(int bucket) {
    return counts[bucket];
  }

  double sum() {
    return sum;
  }
}
