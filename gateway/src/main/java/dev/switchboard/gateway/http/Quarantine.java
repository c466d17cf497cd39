package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.NanoClock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntUnaryOperator;
import java.util.function.Predicate;

/**
 * Who is not tried for a while, and how often that was: those of the last offences, each until a
 * time after it was held last. Safe on any thread; while nobody is known, asking costs one volatile
 * read.
 *
 * @param <K> by which who comes again is known
 */
final class Quarantine<K> {
  private static final long SECOND_NANOS = 1_000_000_000L;

  /**
   * @param times that counted, none of them longer ago from the next than is remembered
   */
  private record Held(int times, long lastNanos, long untilNanos) {}

  private final NanoClock clock;
  private final int most;
  private final long rememberedNanos;
  private final Map<K, Held> held = new LinkedHashMap<>();
  private volatile int count;

  /**
   * @param most that are known at once
   */
  Quarantine(NanoClock clock, int most, int rememberedSeconds) {
    this.clock = clock;
    this.most = most;
    this.rememberedNanos = rememberedSeconds * SECOND_NANOS;
  }

  /** Seconds until it is tried again; 0 where it is tried now. */
  int seconds(K key) {
    if (count == 0) {
      return 0;
    }
    synchronized (held) {
      Held found = held.get(key);
      return found == null ? 0 : secondsUntil(found.untilNanos);
    }
  }

  /** Whether anybody of a kind is not tried now. */
  boolean any(Predicate<K> kind) {
    if (count == 0) {
      return false;
    }
    long now = clock.epochNanos();
    synchronized (held) {
      return held.entrySet().stream()
          .anyMatch(one -> one.getValue().untilNanos > now && kind.test(one.getKey()));
    }
  }

  /**
   * It did it again.
   *
   * @param counts whether this time counts
   * @param seconds for which it is held after so many times that did; never shorter than it is
   * @return seconds for which it is held now
   */
  int hold(K key, boolean counts, IntUnaryOperator seconds) {
    long now = clock.epochNanos();
    synchronized (held) {
      held.values().removeIf(old -> isForgotten(old, now));
      Held before = held.remove(key);
      int times = (before == null ? 0 : before.times) + (counts ? 1 : 0);
      long until = now + seconds.applyAsInt(times) * SECOND_NANOS;
      until = before == null ? until : Math.max(before.untilNanos, until);
      held.put(key, new Held(times, now, until));
      if (held.size() > most) {
        held.remove(held.keySet().iterator().next());
      }
      count = held.size();
      return secondsUntil(until);
    }
  }

  private boolean isForgotten(Held old, long now) {
    return now - Math.max(old.lastNanos, old.untilNanos) > rememberedNanos;
  }

  private int secondsUntil(long nanos) {
    return (int) Math.max(0, Math.ceilDiv(nanos - clock.epochNanos(), SECOND_NANOS));
  }

  /** Seconds that double from the first time on, up to a most. */
  static int doubled(int first, int most, int times) {
    return Math.min(most, first << Math.min(times - 1, 4));
  }
}
