package dev.switchboard.gateway.admission;

/**
 * Predicts the time to the first token from what was measured: a moving mean for each size of
 * prompts, in powers of two. One for each band, since replicas serve them in order too. A size that
 * was not seen takes the next smaller one's, which is too little rather than too much: an error
 * then admits, and does not refuse, what cannot be served. For the same reason nothing is believed
 * that was not seen lately: what is refused brings no news.
 *
 * <p>The shortest time of each size stands for an idle replica; it rises by a thousandth each
 * second. Guarded by the queue's lock.
 */
final class MeasuredTtft implements WaitPredictor {
  private static final int SIZES = 32;
  private static final int LEAST_SAMPLES = 8;
  private static final double SHARE_OF_NEW = 0.1;
  private static final long BELIEVED_NANOS = 5_000_000_000L;

  private static final double DEVIATIONS = 3;
  private static final double RISE_PER_NANO = 0.001 / 1e9;

  private final double[] mean = new double[SIZES];
  private final double[] deviation = new double[SIZES];
  private final double[] shortest = new double[SIZES];
  private final int[] samples = new int[SIZES];
  private final long[] seenAt = new long[SIZES];

  void observe(int promptTokens, long nanos, long nowNanos) {
    int size = size(promptTokens);
    double idle = idle(size, nowNanos);
    shortest[size] = samples[size] == 0 ? nanos : Math.min((double) nanos, idle);
    seenAt[size] = nowNanos;
    samples[size]++;
    double share = Math.max(SHARE_OF_NEW, 1.0 / samples[size]);
    deviation[size] += share * (Math.abs(nanos - mean[size]) - deviation[size]);
    mean[size] += share * (nanos - mean[size]);
  }

  @Override
  public long ttftNanos(Demand demand, long nowNanos) {
    int size = believed(demand, nowNanos);
    return size < 0 ? UNKNOWN : (long) mean[size];
  }

  /** How much longer it takes for all but a few; 0 where unknown. */
  long spreadNanos(Demand demand, long nowNanos) {
    int size = believed(demand, nowNanos);
    return size < 0 ? 0 : (long) (DEVIATIONS * deviation[size]);
  }

  private int believed(Demand demand, long nowNanos) {
    int size = size(demand.promptTokens());
    while (size >= 0
        && (samples[size] < LEAST_SAMPLES || nowNanos - seenAt[size] >= BELIEVED_NANOS)) {
      size--;
    }
    return size;
  }

  /** The same at an idle replica. */
  long idleNanos(Demand demand, long nowNanos) {
    for (int size = size(demand.promptTokens()); size >= 0; size--) {
      if (samples[size] > 0) {
        return (long) idle(size, nowNanos);
      }
    }
    return UNKNOWN;
  }

  private double idle(int size, long nowNanos) {
    return shortest[size] * (1 + RISE_PER_NANO * Math.max(0, nowNanos - seenAt[size]));
  }

  private static int size(int tokens) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(Math.max(1, tokens)) - 1;
  }
}
