package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.NanoClock;
import io.vertx.core.buffer.Buffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Requests whose workers died: an equal one, with the same path and the same bytes, is not tried
 * for a while, or whoever repeats it would take down two workers each time.
 *
 * <p>How long depends on the evidence. A request that was the only one at a worker when it died is
 * held for a minute, and twice as long each time that it does so again, up to ten minutes. One that
 * shared its workers with others may be innocent: it is held for five seconds only, always. An hour
 * after its last time it is forgotten, or when 256 others came later.
 *
 * <p>Safe on any thread. While nothing is held, asking costs one volatile read; otherwise a hash of
 * those bodies alone that are as long as one that is held now.
 */
public final class PoisonRequests {
  static final int MOST = 256;

  private static final int SHARED_SECONDS = 5;
  private static final int ALONE_SECONDS = 60;
  private static final int MOST_SECONDS = 600;
  private static final long SECOND_NANOS = 1_000_000_000L;
  private static final long FORGOTTEN_NANOS = 3600 * SECOND_NANOS;

  private record Key(String path, int bytes, String hash) {}

  /**
   * @param times that it was alone
   */
  private record Held(long untilNanos, long lastNanos, int times) {}

  private final NanoClock clock;
  private final DeadlyClients clients;
  private final Map<Key, Held> held = new LinkedHashMap<>();
  private volatile int count;

  public PoisonRequests(NanoClock clock) {
    this.clock = clock;
    this.clients = new DeadlyClients(clock);
  }

  /** Those whose requests end workers, equal or not. */
  DeadlyClients clients() {
    return clients;
  }

  /** Seconds until an equal request is tried again; 0 where it is tried now. */
  int heldSeconds(String path, Buffer body) {
    if (count == 0) {
      return 0;
    }
    if (!mayBeHeld(path, body.length())) {
      return 0;
    }
    Key key = key(path, body.getBytes());
    synchronized (held) {
      Held found = held.get(key);
      return found == null ? 0 : secondsUntil(found.untilNanos);
    }
  }

  /** Hashes take long where bodies are large, so only what may be held now is worth one. */
  private boolean mayBeHeld(String path, int bytes) {
    long now = clock.epochNanos();
    synchronized (held) {
      return held.entrySet().stream()
          .anyMatch(
              one ->
                  one.getKey().bytes == bytes
                      && one.getKey().path.equals(path)
                      && one.getValue().untilNanos > now);
    }
  }

  private int secondsUntil(long nanos) {
    return (int) Math.max(0, Math.ceilDiv(nanos - clock.epochNanos(), SECOND_NANOS));
  }

  /**
   * The workers of a request died.
   *
   * @param alone whether it was the only one at one of them
   * @return seconds for which an equal one is not tried
   */
  int hold(String path, byte[] body, boolean alone) {
    long now = clock.epochNanos();
    Key key = key(path, body);
    synchronized (held) {
      held.values().removeIf(old -> now - old.lastNanos > FORGOTTEN_NANOS);
      Held before = held.remove(key);
      int times = (before == null ? 0 : before.times) + (alone ? 1 : 0);
      int seconds =
          alone ? Math.min(MOST_SECONDS, ALONE_SECONDS << Math.min(times - 1, 4)) : SHARED_SECONDS;
      long until = Math.max(before == null ? 0 : before.untilNanos, now + seconds * SECOND_NANOS);
      held.put(key, new Held(until, now, times));
      if (held.size() > MOST) {
        held.remove(held.keySet().iterator().next());
      }
      count = held.size();
      return secondsUntil(until);
    }
  }

  private static Key key(String path, byte[] body) {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(body);
      return new Key(path, body.length, HexFormat.of().formatHex(hash));
    } catch (NoSuchAlgorithmException missing) {
      throw new IllegalStateException(missing);
    }
  }
}
