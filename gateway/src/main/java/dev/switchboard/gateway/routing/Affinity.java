package dev.switchboard.gateway.routing;

import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Where prompts and sessions were before: a {@link PrefixIndex} for each model, and the replica of
 * each session. Both are bounded and forget what was used longest ago. Safe on any thread.
 */
public final class Affinity {
  private volatile RoutingConfig config;
  private final Map<String, PrefixIndex> prefixes = new ConcurrentHashMap<>();
  private final Map<Session, String> sessions;
  private volatile Listener listener = (model, replica, key) -> {};

  /** Hears where requests go. */
  @FunctionalInterface
  public interface Listener {
    /** A replica got a request. */
    void sent(String model, String replica, Key key);
  }

  /** A tenant's session with a model. */
  private record Session(String model, String tenant, String name) {}

  /**
   * What affinity knows a request by.
   *
   * @param chain hashes of the prompt's prefixes, each block longer than the last
   * @param blockTokens tokens of a block
   * @param tenant whose session it is
   * @param session as the client named it; null for none
   */
  public record Key(long[] chain, int blockTokens, String tenant, @Nullable String session) {
    public static final Key NONE = new Key(new long[0], 0, "", null);
  }

  public Affinity(RoutingConfig config) {
    this.config = config;
    this.sessions =
        new LinkedHashMap<>(16, 0.75f, true) {
          @Override
          protected boolean removeEldestEntry(Map.Entry<Session, String> eldest) {
            return size() > Affinity.this.config.sessionEntries();
          }
        };
  }

  /** Goes by other bounds from now on; of prompts all is forgotten where theirs changed. */
  public void reconfigure(RoutingConfig other) {
    int before = config.prefixEntries();
    config = other;
    if (before != other.prefixEntries()) {
      prefixes.clear();
    }
    synchronized (sessions) {
      Iterator<Session> oldest = sessions.keySet().iterator();
      while (sessions.size() > other.sessionEntries()) {
        oldest.next();
        oldest.remove();
      }
    }
  }

  /** The request with what is known of its prompt and session at the replicas of its model. */
  public RouteRequest enrich(RouteRequest request, Key key) {
    RouteRequest enriched = request;
    if (key.chain.length > 0 && config.prefixEntries() > 0) {
      Map<String, Integer> blocks = index(request.model()).match(key.chain);
      if (!blocks.isEmpty()) {
        Map<String, Integer> tokens = new HashMap<>();
        blocks.forEach((replica, count) -> tokens.put(replica, count * key.blockTokens));
        enriched = enriched.withPrefixTokens(tokens);
      }
    }
    String session = key.session;
    if (session != null) {
      synchronized (sessions) {
        enriched =
            enriched.withSticky(sessions.get(new Session(request.model(), key.tenant, session)));
      }
    }
    return enriched;
  }

  /** Tells somebody of every request that is sent from now on. */
  public void tell(Listener wanted) {
    listener = wanted;
  }

  /** A replica got the request. */
  public void sent(String model, String replica, Key key) {
    learned(model, replica, key);
    listener.sent(model, replica, key);
  }

  /** A replica got a request, of this gateway or of another one. */
  public void learned(String model, String replica, Key key) {
    if (key.chain.length > 0 && config.prefixEntries() > 0) {
      index(model).served(key.chain, replica);
    }
    String session = key.session;
    if (session != null && config.sessionEntries() > 0) {
      synchronized (sessions) {
        sessions.put(new Session(model, key.tenant, session), replica);
      }
    }
  }

  /**
   * A replica failed a request: its session leaves.
   *
   * @param other where it goes on; null for wherever its next request goes
   */
  public void failed(String model, String replica, @Nullable String other, Key key) {
    String session = key.session;
    if (session != null) {
      synchronized (sessions) {
        sessions.computeIfPresent(
            new Session(model, key.tenant, session),
            (name, home) -> home.equals(replica) ? other : home);
      }
    }
  }

  /** A replica's cache is empty: it begins anew. */
  public void forget(String model, String replica) {
    PrefixIndex index = prefixes.get(model);
    if (index != null) {
      index.forget(replica);
    }
  }

  /** Nobody serves a model any more. */
  public void forget(String model) {
    prefixes.remove(model);
  }

  private PrefixIndex index(String model) {
    return prefixes.computeIfAbsent(model, name -> new PrefixIndex(config.prefixEntries()));
  }
}
