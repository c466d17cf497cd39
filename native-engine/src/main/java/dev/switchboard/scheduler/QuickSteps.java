package dev.switchboard.scheduler;

import java.util.Arrays;

/**
 * How long the quickest steps of a rank take: a tenth of those in the last windows take no longer.
 * Times are counted in buckets, so a window may have any number of steps.
 */
final class QuickSteps {
  /** So many in a hundred are the quickest. */
  private static final int PERCENT = 10;

  /**
   * From one power of two to the next there are so many buckets: 1.6 % at most from each to each.
   */
  private static final int PARTS_LOG = 6;

  private static final int PARTS = 1 << PARTS_LOG;

  /** A step of 2^36 ns, which is a minute, and one that is longer are the same. */
  private static final int MOST_LOG = 36;

  private final int[][] windows;
  private final int[] steps;

  QuickSteps(int windows) {
    this.windows = new int[windows][(MOST_LOG - PARTS_LOG) * PARTS + PARTS];
    steps = new int[windows];
  }

  /** Forgets a window. */
  void begin(int window) {
    Arrays.fill(windows[window], 0);
    steps[window] = 0;
  }

  void add(int window, long nanos) {
    windows[window][bucket(nanos)]++;
    steps[window]++;
  }

  /** In nanoseconds; 0 where there was no step. */
  double quickest() {
    double wanted = Arrays.stream(steps).sum() * PERCENT / 100.0;
    for (int bucket = 0; bucket < windows[0].length; bucket++) {
      int here = 0;
      for (int[] window : windows) {
        here += window[bucket];
      }
      if (here > 0 && wanted <= here) {
        return from(bucket) + (from(bucket + 1) - from(bucket)) * wanted / here;
      }
      wanted -= here;
    }
    return 0;
  }

  /** Each time below 2 * PARTS has one; from there each power of two has PARTS. */
  private static int bucket(long nanos) {
    long most = Math.clamp(nanos, 0, (1L << MOST_LOG) - 1);
    int shift = Math.max(0, Long.SIZE - 1 - Long.numberOfLeadingZeros(most | 1) - PARTS_LOG);
    return (int) ((most >> shift) + ((long) shift << PARTS_LOG));
  }

  /** The least time that is in a bucket. */
  private static double from(int bucket) {
    int shift = Math.max(0, (bucket >> PARTS_LOG) - 1);
    return (double) ((long) (bucket - (shift << PARTS_LOG)) << shift);
  }
}
