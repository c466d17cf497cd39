package dev.switchboard.gateway.slo;

import java.util.Arrays;
import java.util.stream.LongStream;

/**
 * The buckets in which the store counts times. Each bound of the metrics' buckets is one here too,
 * and between two of them there are so many more that none is more than a tenth above the one
 * before. What is stored names its upper bound, so other bounds can be taken later.
 */
public final class TimeBuckets {
  private static final double STEP = 1.1;

  /** Above the last bound, which is a day. */
  public static final long ENDLESS = Long.MAX_VALUE;

  /** Of the metrics' histograms of TTFT, TPOT and wall time, in microseconds. */
  private static final long[] ANCHORS = {
    100,
    500,
    1000,
    2000,
    2500,
    5000,
    10_000,
    20_000,
    40_000,
    50_000,
    60_000,
    75_000,
    80_000,
    100_000,
    150_000,
    160_000,
    200_000,
    250_000,
    300_000,
    320_000,
    500_000,
    640_000,
    750_000,
    1_000_000,
    1_280_000,
    2_000_000,
    2_500_000,
    2_560_000,
    5_000_000,
    5_120_000,
    7_500_000,
    10_000_000,
    10_240_000,
    20_480_000,
    30_000_000,
    40_960_000,
    81_920_000,
    120_000_000,
    163_840_000,
    300_000_000,
    327_680_000,
    655_360_000,
    86_400_000_000L
  };

  private static final long[] BOUNDS = bounds();

  private TimeBuckets() {}

  private static long[] bounds() {
    LongStream.Builder all = LongStream.builder();
    for (int i = 0; i + 1 < ANCHORS.length; i++) {
      double ratio = (double) ANCHORS[i + 1] / ANCHORS[i];
      int steps = (int) Math.ceil(Math.log(ratio) / Math.log(STEP));
      for (int step = 0; step < steps; step++) {
        all.add(Math.round(ANCHORS[i] * Math.pow(ratio, (double) step / steps)));
      }
    }
    return LongStream.concat(all.build(), LongStream.of(ANCHORS[ANCHORS.length - 1]))
        .distinct()
        .toArray();
  }

  /** The upper bound of the bucket that a time is in, in microseconds; it is in it itself. */
  public static long of(long nanos) {
    long micros = Math.ceilDiv(nanos, 1000L);
    int found = Arrays.binarySearch(BOUNDS, micros);
    int place = found >= 0 ? found : -found - 1;
    return place == BOUNDS.length ? ENDLESS : BOUNDS[place];
  }

  /** What is above the bucket below: times of a bucket are above this. */
  public static long above(long bound) {
    int found = Arrays.binarySearch(BOUNDS, bound);
    int place = found >= 0 ? found : -found - 1;
    return place == 0 ? 0 : BOUNDS[place - 1];
  }

  /** Every bound, in microseconds, ascending. */
  static long[] all() {
    return BOUNDS.clone();
  }
}
