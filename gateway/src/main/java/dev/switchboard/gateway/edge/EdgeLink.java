package dev.switchboard.gateway.edge;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Whether the model in the region serves, or the local one.
 *
 * <pre>
 *   REGION ──late or failed, too often of late──▶ LOCAL
 *   REGION ──no replica is ready──▶ LOCAL
 *   REGION ──the tokens of this hour are used up──▶ LOCAL
 *   LOCAL ──tries were in time for long enough, or another hour began──▶ REGION
 * </pre>
 *
 * <p>While the local model serves, one request at a time tries the region, and is answered by the
 * local model as well when it is late; so a region that comes back is seen without a client that
 * waits. A region that fails soon after its return has to be well for twice as long the next time,
 * up to sixteen times: a link that flaps does not make the answers flap. Time comes in with each
 * call. Safe on any thread.
 */
public final class EdgeLink {
  /** A failure within so many times the wait for a return is a return that did not last. */
  private static final int SHORT_LIVED = 6;

  private static final int MOST_TIMES = 16;
  private static final int LEAST_TRIES = 3;
  private static final long HOUR_MS = 3_600_000;

  /** How a request goes. */
  public enum Way {
    /** To the region; to the local model too when it is late. */
    REGION,
    /** The same, to see whether the region is well again. */
    TRY,
    /** To the local model. */
    LOCAL
  }

  /** Hears of each change; called under the lock, must not block. */
  @FunctionalInterface
  public interface Listener {
    /**
     * @param reason why the local model serves from now on; null where the region does
     */
    void switched(String name, @Nullable EdgeReason reason);
  }

  private final Listener listener;
  private EdgeConfig config;
  private final Deque<Boolean> results = new ArrayDeque<>();
  private @Nullable EdgeReason local;
  private int times = 1;
  private long returnedMs = Long.MIN_VALUE / 2;
  private long triedMs = Long.MIN_VALUE / 2;

  /** Since when tries have been in time; 0 while they are not. */
  private long wellSinceMs;

  private int wellTries;
  private long hour;
  private long spentTokens;

  EdgeLink(EdgeConfig config, Listener listener) {
    this.config = config;
    this.listener = listener;
  }

  synchronized void reconfigure(EdgeConfig other) {
    config = other;
  }

  /** Of the entry of the configuration. */
  public synchronized EdgeConfig config() {
    return config;
  }

  /** Why the local model serves; null where the region does. */
  public synchronized @Nullable EdgeReason local() {
    return local;
  }

  /**
   * How a request that comes now goes.
   *
   * @param ready whether some replica in the region is
   */
  public synchronized Way choose(boolean ready, long nowMs) {
    renew(nowMs);
    if (spent()) {
      become(EdgeReason.BUDGET, nowMs);
      return Way.LOCAL;
    }
    if (!ready) {
      wellSinceMs = 0;
      become(EdgeReason.UNREACHABLE, nowMs);
      return Way.LOCAL;
    }
    if (local == null) {
      return Way.REGION;
    }
    if (nowMs - triedMs < config.betweenTriesMs()) {
      return Way.LOCAL;
    }
    triedMs = nowMs;
    return Way.TRY;
  }

  /** A request was answered by the region in time. */
  public synchronized void good(long nowMs) {
    if (local == null) {
      add(true);
      return;
    }
    wellSinceMs = wellSinceMs == 0 ? nowMs : wellSinceMs;
    wellTries++;
    if (wellTries >= LEAST_TRIES && nowMs - wellSinceMs >= config.wellForMs() * times && !spent()) {
      returnedMs = nowMs;
      results.clear();
      become(null, nowMs);
    }
  }

  /** A request was not. */
  public synchronized void bad(EdgeReason reason, long nowMs) {
    wellSinceMs = 0;
    wellTries = 0;
    if (local != null) {
      return;
    }
    add(false);
    if (results.stream().filter(good -> !good).count() >= config.mostFailures()) {
      become(reason, nowMs);
    }
  }

  private void add(boolean good) {
    results.addLast(good);
    while (results.size() > config.windowRequests()) {
      results.removeFirst();
    }
  }

  /** Tokens that the region served. */
  public synchronized void spent(long tokens, long nowMs) {
    renew(nowMs);
    spentTokens += tokens;
    if (spent()) {
      become(EdgeReason.BUDGET, nowMs);
    }
  }

  private boolean spent() {
    return config.mostTokens() > 0 && spentTokens >= config.mostTokens();
  }

  private void renew(long nowMs) {
    if (nowMs / HOUR_MS != hour) {
      hour = nowMs / HOUR_MS;
      spentTokens = 0;
    }
    if (local == EdgeReason.BUDGET && !spent()) {
      results.clear();
      become(null, nowMs);
    }
  }

  private void become(@Nullable EdgeReason reason, long nowMs) {
    if (reason == local) {
      return;
    }
    boolean fails = reason == EdgeReason.LATE || reason == EdgeReason.UNREACHABLE;
    if (local == null && fails) {
      boolean soon = nowMs - returnedMs < config.wellForMs() * SHORT_LIVED * times;
      times = soon ? Math.min(MOST_TIMES, 2 * times) : 1;
      triedMs = nowMs;
    }
    if (local == null) {
      wellSinceMs = 0;
      wellTries = 0;
    }
    local = reason;
    listener.switched(config.name(), reason);
  }
}
