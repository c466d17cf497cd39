package dev.switchboard.gateway.slo;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * What became of the requests of an hour, of one model and service class: how many met and missed
 * each objective in each twelfth of the hour, for what, and how long they took. For one thread at a
 * time.
 */
public final class SloFigures {
  public static final long HOUR_MS = 3_600_000;

  /** Parts of an hour. */
  public static final int SLOTS = 12;

  public static final long SLOT_MS = HOUR_MS / SLOTS;

  /** What is measured of a request. */
  public enum Time {
    TTFT("ttft"),
    TPOT("tpot"),
    /** From the head of the request to its last byte. */
    WALL("wall");

    private final String label;

    Time(String label) {
      this.label = label;
    }

    public String label() {
      return label;
    }
  }

  /** How an objective was kept. */
  public static final class Kept {
    private final long[] met = new long[SLOTS];
    private final long[] missed = new long[SLOTS];
    private final Map<SloCause, Long> causes = new EnumMap<>(SloCause.class);
    private final Map<SloCause, Long> lateMicros = new EnumMap<>(SloCause.class);

    /** From a slot of the hour on. */
    public long met(int fromSlot) {
      return sum(met, fromSlot);
    }

    /** From a slot of the hour on. */
    public long missed(int fromSlot) {
      return sum(missed, fromSlot);
    }

    private static long sum(long[] slots, int from) {
      long sum = 0;
      for (int slot = from; slot < SLOTS; slot++) {
        sum += slots[slot];
      }
      return sum;
    }

    /** Of a slot alone. */
    public long metIn(int slot) {
      return met[slot];
    }

    /** Of a slot alone. */
    public long missedIn(int slot) {
      return missed[slot];
    }

    public Map<SloCause, Long> causes() {
      return Collections.unmodifiableMap(causes);
    }

    /** By how much what was missed for each cause was later than its target, together. */
    public Map<SloCause, Long> lateMicros() {
      return Collections.unmodifiableMap(lateMicros);
    }

    public void add(int slot, long metMore, long missedMore) {
      met[slot] += metMore;
      missed[slot] += missedMore;
    }

    public void cause(SloCause cause, long more) {
      causes.merge(cause, more, Long::sum);
    }

    public void late(SloCause cause, long moreMicros) {
      if (moreMicros != 0) {
        lateMicros.merge(cause, moreMicros, Long::sum);
      }
    }

    private void add(Kept other) {
      for (int slot = 0; slot < SLOTS; slot++) {
        add(slot, other.met[slot], other.missed[slot]);
      }
      other.causes.forEach(this::cause);
      other.lateMicros.forEach(this::late);
    }
  }

  /** How long something took, by {@link TimeBuckets}. */
  public static final class Spread {
    private final NavigableMap<Long, Long> all = new TreeMap<>();
    private final NavigableMap<Long, Long> unanswered = new TreeMap<>();
    private long nanos;

    /** Of all requests that have such a time, by the bucket's upper bound in microseconds. */
    public NavigableMap<Long, Long> all() {
      return Collections.unmodifiableNavigableMap(all);
    }

    /** Of those among them that did not end well. */
    public NavigableMap<Long, Long> unanswered() {
      return Collections.unmodifiableNavigableMap(unanswered);
    }

    public long nanos() {
      return nanos;
    }

    public long count() {
      return all.values().stream().mapToLong(Long::longValue).sum();
    }

    public void add(long bound, long more, long unansweredMore) {
      all.merge(bound, more, Long::sum);
      if (unansweredMore > 0) {
        unanswered.merge(bound, unansweredMore, Long::sum);
      }
    }

    public void addNanos(long more) {
      nanos += more;
    }

    private void add(Spread other) {
      other.all.forEach(
          (bound, count) -> add(bound, count, other.unanswered.getOrDefault(bound, 0L)));
      nanos += other.nanos;
    }

    /** The upper bound of the bucket in which this share of all is reached; 0 without any. */
    public long quantile(double share) {
      long wanted = (long) Math.ceil(share * count());
      long seen = 0;
      for (Map.Entry<Long, Long> bucket : all.entrySet()) {
        seen += bucket.getValue();
        if (seen >= wanted) {
          return bucket.getKey();
        }
      }
      return 0;
    }
  }

  private final Map<Objective, Kept> kept = new EnumMap<>(Objective.class);
  private final Map<Time, Spread> times = new EnumMap<>(Time.class);

  /** How an objective was kept; to be added to. */
  public Kept kept(Objective objective) {
    return kept.computeIfAbsent(objective, first -> new Kept());
  }

  /** The objectives that some request had. */
  public Map<Objective, Kept> kept() {
    return Collections.unmodifiableMap(kept);
  }

  /** How long something took; to be added to. */
  public Spread times(Time time) {
    return times.computeIfAbsent(time, first -> new Spread());
  }

  /** What some request has. */
  public Map<Time, Spread> times() {
    return Collections.unmodifiableMap(times);
  }

  /** Adds a request that ended in a slot of the hour. */
  void add(SloResult result, int slot) {
    for (SloResult.Judged judged : result.judged()) {
      SloCause cause = judged.missedFor();
      Kept one = kept(judged.objective());
      one.add(slot, cause == null ? 1 : 0, cause == null ? 0 : 1);
      if (cause != null) {
        one.cause(cause, 1);
        one.late(cause, judged.lateMicros());
      }
    }
    took(Time.TTFT, result.ttftNanos(), result.answered());
    took(Time.TPOT, result.tpotNanos(), result.answered());
    took(Time.WALL, result.wallNanos(), result.answered());
  }

  private void took(Time time, long nanos, boolean answered) {
    if (nanos >= 0) {
      Spread spread = times(time);
      spread.add(TimeBuckets.of(nanos), 1, answered ? 0 : 1);
      spread.addNanos(nanos);
    }
  }

  /** Adds all of another's. */
  public void add(SloFigures other) {
    other.kept.forEach((objective, more) -> kept(objective).add(more));
    other.times.forEach((time, more) -> times(time).add(more));
  }

  SloFigures copy() {
    SloFigures copy = new SloFigures();
    copy.add(this);
    return copy;
  }
}
