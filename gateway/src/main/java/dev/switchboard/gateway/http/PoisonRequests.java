package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.NanoClock;
import io.vertx.core.buffer.Buffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Requests whose workers died: an equal one, with the same path and the same bytes, is not tried
 * for a while, or whoever repeats it would take down two workers each time.
 *
 * <p>How long depends on the evidence. A request that was the only one at a worker when it died is
 * held for a minute, and twice as long each time that it does so again, up to ten minutes. One that
 * shared its workers with others may be innocent: it is held for five seconds only, always. An hour
 * after it was held last it is forgotten, or when 256 others came later.
 *
 * <p>Safe on any thread. While nothing is held, asking costs one volatile read; otherwise a hash of
 * those bodies alone that are as long as one that is held now.
 */
public final class PoisonRequests {
  static final int MOST = 256;

  private static final int SHARED_SECONDS = 5;
  private static final int ALONE_SECONDS = 60;
  private static final int MOST_SECONDS = 600;
  private static final int REMEMBERED_SECONDS = 3600;

  private record Key(String path, int bytes, String hash) {}

  private final Quarantine<Key> held;
  private final ClientQuarantine clients;

  public PoisonRequests(NanoClock clock) {
    this.held = new Quarantine<>(clock, MOST, REMEMBERED_SECONDS);
    this.clients = new ClientQuarantine(clock);
  }

  /** Those whose requests end workers, equal or not. */
  ClientQuarantine clients() {
    return clients;
  }

  /** Seconds until an equal request is tried again; 0 where it is tried now. */
  int heldSeconds(String path, Buffer body) {
    // Hashes take long where bodies are large, so only what may be held now is worth one.
    boolean mayBe = held.any(one -> one.bytes == body.length() && one.path.equals(path));
    return mayBe ? held.seconds(key(path, body.getBytes())) : 0;
  }

  /**
   * The workers of a request died.
   *
   * @param alone whether it was the only one at one of them
   * @return seconds for which an equal one is not tried
   */
  int hold(String path, byte[] body, boolean alone) {
    return held.hold(
        key(path, body),
        alone,
        times -> alone ? Quarantine.doubled(ALONE_SECONDS, MOST_SECONDS, times) : SHARED_SECONDS);
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
