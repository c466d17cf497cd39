package dev.switchboard.console.auth;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Slows down whoever guesses passwords: after five failures of one name or one address the next try
 * waits, twice as long each time, a minute at most. Forgets after an hour, and the oldest above
 * 10,000.
 */
final class Throttle {
  private static final int FREE = 5;
  private static final int KEYS_MAX = 10_000;
  private static final Duration LONGEST = Duration.ofMinutes(1);
  private static final Duration REMEMBERED = Duration.ofHours(1);

  /**
   * Of one key.
   *
   * @param before when the one before the last was
   */
  private record Failures(int count, Instant last, Instant before) {}

  private final Clock clock;
  private final Map<String, Failures> failures =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Failures> eldest) {
          return size() > KEYS_MAX;
        }
      };

  Throttle(Clock clock) {
    this.clock = clock;
  }

  /** How long until the key may try again; zero for now. */
  synchronized Duration wait(String key) {
    Failures known = failures.get(key);
    if (known == null || known.count() < FREE) {
      return Duration.ZERO;
    }
    Duration pause = Duration.ofSeconds(1L << Math.min(6, known.count() - FREE));
    Duration bounded = pause.compareTo(LONGEST) > 0 ? LONGEST : pause;
    Duration left = Duration.between(clock.instant(), known.last().plus(bounded));
    return left.isNegative() ? Duration.ZERO : left;
  }

  /**
   * Counts a try before it is known what becomes of it, else many at once would all be checked.
   *
   * @return how long until it may be made, which nothing is counted for; zero for now
   */
  synchronized Duration begin(String one, String other) {
    Duration wait = Collections.max(List.of(wait(one), wait(other)));
    if (wait.isZero()) {
      failed(one);
      failed(other);
    }
    return wait;
  }

  synchronized void failed(String key) {
    Instant now = clock.instant();
    failures.merge(
        key,
        new Failures(1, now, now),
        (old, _) ->
            old.last().plus(REMEMBERED).isBefore(now)
                ? new Failures(1, now, now)
                : new Failures(old.count() + 1, now, old.last()));
  }

  /** A try that was begun was right: forgets the one key, and of the other one this try alone. */
  synchronized void succeeded(String one, String other) {
    failures.remove(one);
    failures.computeIfPresent(
        other,
        (_, old) ->
            old.count() == 1 ? null : new Failures(old.count() - 1, old.before(), old.before()));
  }
}
