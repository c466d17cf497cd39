package dev.switchboard.gateway.admission;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Who was refused and told when to come back, so that each is told a turn of its own and has it if
 * it comes then.
 *
 * <p>A request is known again by what it asks. One that comes back in the seconds after its time
 * redeems its promise; what comes earlier is a new one. A promise that nobody redeems lapses. Of
 * late so many were redeemed is what the others count for where times are told: clients that never
 * come back do not lengthen the line. Bounded; guarded by its owner.
 */
final class RetryTurns {
  /** More are told what is likely, and have nothing kept for them. */
  static final int MOST = 4096;

  /** So long after its time a promise holds. */
  static final long GRACE_NANOS = 3_000_000_000L;

  /** Nobody knows what is in ten minutes. */
  static final int LONGEST_SECONDS = 600;

  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  /** Timers of clients are early by so much. */
  private static final long EARLY_NANOS = 1_000_000L;

  private static final long INSTANT_NANOS = 5_000_000L;

  private static final int[] NONE = new int[Band.values().length];

  private static final double SHARE_OF_NEW = 0.05;

  private static final Comparator<Promise> ORDER =
      Comparator.comparingLong(Promise::atNanos).thenComparingLong(Promise::number);

  private final Map<Long, TreeSet<Promise>> byKey = new HashMap<>();
  private final TreeSet<Promise> byTime = new TreeSet<>(ORDER);
  private final int[] inBand = new int[Band.values().length];
  private final Map<Long, int[]> byClient = new HashMap<>();
  private double kept = 1;

  /** Since somebody last came back as told. */
  private int lapsedInRow;

  private @Nullable Promise takenLast;
  private long takenNanos;
  private long number;

  /**
   * What somebody was told.
   *
   * @param firstNanos when it came first
   * @param atNanos when it was told to come again
   */
  record Promise(Asker asker, Band band, long firstNanos, long atNanos, long number) {}

  /** Says that it holds; false where there are too many. */
  boolean add(Asker asker, Band band, long firstNanos, long atNanos) {
    if (asker.request() == 0 || Arrays.stream(of(asker)).sum() >= MOST - byTime.size()) {
      return false;
    }
    Promise promise = new Promise(asker, band, firstNanos, atNanos, number++);
    byKey.computeIfAbsent(asker.request(), none -> new TreeSet<>(ORDER)).add(promise);
    byTime.add(promise);
    inBand[band.index()]++;
    byClient.computeIfAbsent(asker.client(), none -> new int[inBand.length])[band.index()]++;
    return true;
  }

  /** Whether a client has no more than each has on average. */
  boolean modest(Asker asker) {
    return (long) Arrays.stream(of(asker)).sum() * byClient.size() <= byTime.size();
  }

  /** A client's, by band. */
  private int[] of(Asker asker) {
    return byClient.getOrDefault(asker.client(), NONE);
  }

  /** The promise with which a request comes back; null where it has none that is due. */
  @Nullable Promise redeem(long key, long nowNanos) {
    lapse(nowNanos);
    TreeSet<Promise> own = byKey.get(key);
    // Who was told last may have been told the sooner time.
    Promise first = own == null ? null : own.first();
    if (first == null || first.atNanos - EARLY_NANOS > nowNanos) {
      return taken(key, nowNanos);
    }
    remove(first);
    takenLast = first;
    takenNanos = nowNanos;
    lapsedInRow = 0;
    kept += SHARE_OF_NEW * (1 - kept);
    return first;
  }

  /** Where many ask the same, somebody else may have come an instant before whom it was for. */
  private @Nullable Promise taken(long key, long nowNanos) {
    Promise taken = takenLast;
    boolean just =
        taken != null && taken.asker.request() == key && nowNanos - takenNanos <= INSTANT_NANOS;
    takenLast = just ? null : taken;
    return just ? taken : null;
  }

  private void remove(Promise promise) {
    byTime.remove(promise);
    inBand[promise.band.index()]--;
    long key = promise.asker.request();
    TreeSet<Promise> own = byKey.get(key);
    if (own != null && own.remove(promise) && own.isEmpty()) {
      byKey.remove(key);
    }
    byClient.computeIfPresent(
        promise.asker.client(),
        (client, counts) -> {
          counts[promise.band.index()]--;
          return Arrays.stream(counts).allMatch(count -> count == 0) ? null : counts;
        });
  }

  /** Forgets those that nobody came back for. */
  void lapse(long nowNanos) {
    while (!byTime.isEmpty() && byTime.first().atNanos + GRACE_NANOS < nowNanos) {
      remove(byTime.first());
      lapsedInRow++;
      kept -= SHARE_OF_NEW * kept;
    }
  }

  /**
   * The first whole second from now that is so far from what others were told; −1 where that is
   * later than anybody knows.
   *
   * @param leastNanos not before
   * @param apartNanos between two, if all come
   */
  int free(double leastNanos, double apartNanos, long nowNanos) {
    double apart = apartNanos * kept;
    for (int seconds = seconds(leastNanos); seconds <= LONGEST_SECONDS; seconds++) {
      long at = nowNanos + seconds * NANOS_PER_SECOND;
      Promise probe = new Promise(Asker.NOBODY, Band.CRITICAL, 0, at, 0);
      Promise earlier = byTime.floor(probe);
      Promise later = byTime.ceiling(probe);
      if ((earlier == null || at - earlier.atNanos >= apart)
          && (later == null || later.atNanos - at >= apart)) {
        return seconds;
      }
    }
    return -1;
  }

  /** Whole seconds, up. */
  static int seconds(double nanos) {
    return (int) Math.ceil(nanos / NANOS_PER_SECOND - 1e-9);
  }

  /**
   * How many that are still to come go before one of a band that comes now: all of higher bands,
   * and of its own band what each client would have had if they took turns.
   */
  double before(Band band, Asker asker) {
    int before = 0;
    for (int i = 0; i < band.index(); i++) {
      before += inBand[i];
    }
    int turns = of(asker)[band.index()] + 1;
    for (int[] counts : byClient.values()) {
      before += Math.min(counts[band.index()], turns);
    }
    return before * kept;
  }

  /**
   * Those that are due within a time, as far as they are likely to come; no more than so many. None
   * where more than half as many did not come one after the other: what is kept for those who stay
   * away nobody has.
   */
  int due(long withinNanos, long nowNanos, int most) {
    lapse(nowNanos);
    int due = 0;
    if (kept < 0.5 || 2 * lapsedInRow > most) {
      return 0;
    }
    for (Promise promise : byTime) {
      if (due == most || promise.atNanos > nowNanos + withinNanos) {
        break;
      }
      due++;
    }
    return due;
  }

  int size() {
    return byTime.size();
  }
}
