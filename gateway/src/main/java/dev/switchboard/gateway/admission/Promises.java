package dev.switchboard.gateway.admission;

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
final class Promises {
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

  private static final double SHARE_OF_NEW = 0.05;

  private static final Comparator<Promise> ORDER =
      Comparator.comparingLong(Promise::atNanos).thenComparingLong(Promise::number);

  private final Map<Long, TreeSet<Promise>> byKey = new HashMap<>();
  private final TreeSet<Promise> byTime = new TreeSet<>(ORDER);
  private final int[] inBand = new int[Band.values().length];
  private double kept = 1;

  /** Since somebody last came back as told. */
  private int lapsedInRow;

  private @Nullable Promise takenLast;
  private long takenNanos;
  private long number;

  /**
   * What somebody was told.
   *
   * @param key of what it asks
   * @param firstNanos when it came first
   * @param atNanos when it was told to come again
   */
  record Promise(long key, Band band, long firstNanos, long atNanos, long number) {}

  /** Says that it holds; false where there are too many. */
  boolean add(long key, Band band, long firstNanos, long atNanos) {
    if (key == 0 || byTime.size() >= MOST) {
      return false;
    }
    Promise promise = new Promise(key, band, firstNanos, atNanos, number++);
    byKey.computeIfAbsent(key, none -> new TreeSet<>(ORDER)).add(promise);
    byTime.add(promise);
    inBand[band.index()]++;
    return true;
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
    boolean just = taken != null && taken.key == key && nowNanos - takenNanos <= INSTANT_NANOS;
    takenLast = just ? null : taken;
    return just ? taken : null;
  }

  private void remove(Promise promise) {
    byTime.remove(promise);
    inBand[promise.band.index()]--;
    TreeSet<Promise> own = byKey.get(promise.key);
    if (own != null && own.remove(promise) && own.isEmpty()) {
      byKey.remove(promise.key);
    }
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
      Promise probe = new Promise(0, Band.CRITICAL, 0, at, 0);
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

  /** How many that are still to come go before one of a band that comes now. */
  double before(Band band) {
    int before = 0;
    for (int i = 0; i <= band.index(); i++) {
      before += inBand[i];
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
