package dev.switchboard.gateway.admission;

/**
 * How many requests one replica takes before they queue there: fixed, or learned.
 *
 * <p>Two of them hold for a replica. One bounds the requests that it has; one those of them that
 * wait for their first token ({@link #ofFirstTokens}), and that is the one that works in an engine
 * that batches continuously: how many sequences run at once is the engine's to say, and whoever
 * finds no room in its batch gets no first token. So its batch fills as far as it goes, and what is
 * beyond waits where order and deadlines rule. Times to the first token rise with the batch even
 * where nobody queues, so a bound on all requests that is learned from them is too low.
 *
 * <p>Learned, a limit is additive increase and multiplicative decrease. A window of first tokens is
 * congested when more than a quarter of them took over twice the shortest time seen for a prompt of
 * such a size, and {@code slackNanos} on top, or nearly all of their request's own target; a
 * replica that reports sequences which wait, or answers 429, is congested as well. A congested
 * window takes a fifth away. One that is not, while the limit was what held requests back, adds a
 * sixteenth; that of all requests doubles until congestion is first met. It stays above what a busy
 * machine's jitter alone could take it to. Of first tokens half of the limit goes where more than
 * three quarters of a window were late: what a full batch has too much waits there for as long as
 * the limit is too high.
 *
 * <p>Long streams bring a first token each half minute, and a window of those would take minutes.
 * So each report of a replica that runs all that it was sent, while nobody waits there, adds a
 * sixteenth as well, and at once what it runs.
 *
 * <p>The shortest times rise by a thousandth each second, so that a replica that became slower for
 * good is believed in the end. Guarded by the queue's lock.
 */
final class ConcurrencyLimit {
  static final int LEAST = 8;
  static final int MOST = 4096;
  private static final int FIRST = 16;
  private static final int SIZES = 64;
  private static final int LEAST_WINDOW = 8;
  private static final double BASELINE_RISE_PER_NANO = 0.001 / 1e9;

  /** One prompt is computed, the next one is there when it ends. */
  private static final int LEAST_FIRST_TOKENS = 2;

  private static final int FIRST_OF_FIRST_TOKENS = 8;

  private final boolean learned;
  private final boolean halves;
  private final int least;
  private final long slackNanos;
  private final double[] shortest = new double[SIZES];
  private final long[] shortestAt = new long[SIZES];
  private int limit;
  private boolean doubling;
  private int samples;
  private int late;
  private boolean pressed;

  /**
   * @param fixed the limit; 0 to learn it
   * @param slackNanos wait at a replica that counts as none
   */
  ConcurrencyLimit(int fixed, long slackNanos) {
    this(fixed == 0, true, slackNanos, LEAST, fixed == 0 ? FIRST : fixed);
  }

  private ConcurrencyLimit(
      boolean learned, boolean doubling, long slackNanos, int least, int begin) {
    this.learned = learned;
    this.halves = !doubling;
    this.slackNanos = slackNanos;
    this.least = least;
    this.limit = begin;
    this.doubling = doubling;
  }

  /** One of requests whose first token has not come. */
  static ConcurrencyLimit ofFirstTokens(long slackNanos) {
    return new ConcurrencyLimit(true, false, slackNanos, LEAST_FIRST_TOKENS, FIRST_OF_FIRST_TOKENS);
  }

  int limit() {
    return limit;
  }

  /**
   * Takes the time from dispatch to the first token.
   *
   * @param tight whether that is nearly all the time that its request had
   * @param atLimit whether the limit is what holds requests back
   */
  void firstToken(long promptTokens, long nanos, long nowNanos, boolean tight, boolean atLimit) {
    boolean slow = isLate(size(promptTokens), nanos, nowNanos);
    sample(tight || slow, atLimit);
  }

  /**
   * Takes the time of a whole answer.
   *
   * @param tokens that were generated; −1 where nobody knows, which says nothing of the time
   */
  void wholeAnswer(long tokens, long nanos, long nowNanos, boolean atLimit) {
    boolean late = tokens >= 0 && isLate(SIZES / 2 + size(tokens), nanos, nowNanos);
    sample(late, atLimit);
  }

  /** A request is served, in a time that says nothing of the limit. */
  void served(boolean atLimit) {
    sample(false, atLimit);
  }

  private void sample(boolean isLate, boolean atLimit) {
    if (!learned) {
      return;
    }
    samples++;
    late += isLate ? 1 : 0;
    pressed |= atLimit;
    if (samples >= Math.max(LEAST_WINDOW, limit / 2)) {
      close(4 * late > samples);
    }
  }

  private boolean isLate(int size, long nanos, long nowNanos) {
    return nanos > 2 * baseline(size, nanos, nowNanos) + slackNanos;
  }

  private static int size(long tokens) {
    int bounded = Math.clamp(tokens, 1, Integer.MAX_VALUE);
    return Integer.SIZE - Integer.numberOfLeadingZeros(bounded) - 1;
  }

  private double baseline(int size, long nanos, long nowNanos) {
    double risen =
        shortest[size] * (1 + BASELINE_RISE_PER_NANO * Math.max(0, nowNanos - shortestAt[size]));
    shortest[size] = shortest[size] == 0 ? nanos : Math.min((double) nanos, risen);
    shortestAt[size] = nowNanos;
    return shortest[size];
  }

  /**
   * Takes a replica's own word.
   *
   * @param waiting sequences that wait there
   * @param running of our requests where all of them run and nobody waits, else 0
   * @param atLimit whether the limit is what holds requests back
   */
  void reported(int waiting, int running, boolean atLimit) {
    if (!learned) {
      return;
    }
    if (waiting > Math.max(1, limit / 8)) {
      close(true);
    } else if (running > 0 && atLimit) {
      limit = Math.clamp(Math.max(running, more()), LEAST, MOST);
    }
  }

  /** The replica said that it has enough. */
  void refused() {
    if (learned) {
      close(true);
    }
  }

  private int more() {
    return limit + Math.max(1, limit / 16);
  }

  private void close(boolean congested) {
    if (congested) {
      int part = halves && 4 * late > 3 * samples ? 2 : 5;
      limit = Math.max(least, limit - Math.max(1, limit / part));
      doubling = false;
    } else if (pressed) {
      limit = Math.min(MOST, doubling ? limit * 2 : more());
    }
    samples = 0;
    late = 0;
    pressed = false;
  }
}
