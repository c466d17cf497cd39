package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.NanoClock;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.SocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Closes connections that are too many, in all or of one address, and those that bring no request:
 * before the first one, and between two. Vert.x's idle timeout cannot do it, for it also cuts a
 * request that waits for its first token. On one event loop.
 */
final class ConnectionWatch {
  private static final int SWEEP_MS = 1000;

  private final DeadlinesConfig deadlines;
  private final NanoClock clock;
  private final HttpConfig limits;
  private final Consumer<Refusal> refused;
  private final Map<HttpConnection, Watched> connections = new HashMap<>();
  private final Map<String, Integer> byAddress = new HashMap<>();

  /** Why a connection was closed unread. */
  enum Refusal {
    TOTAL("total"),
    CLIENT("client");

    private final String label;

    Refusal(String label) {
      this.label = label;
    }

    /** Value of the {@code limit} label. */
    String label() {
      return label;
    }
  }

  private static final class Watched {
    int running;
    boolean used;
    long idleSince;
  }

  /**
   * @param refused hears of each connection that is closed unread
   */
  ConnectionWatch(
      Vertx vertx,
      DeadlinesConfig deadlines,
      NanoClock clock,
      HttpConfig limits,
      Consumer<Refusal> refused) {
    this.deadlines = deadlines;
    this.clock = clock;
    this.limits = limits;
    this.refused = refused;
    vertx.setPeriodic(Math.min(SWEEP_MS, deadlines.headerMs()), id -> sweep());
  }

  /** Whether it may stay; else it is closed already. */
  boolean opened(HttpConnection connection) {
    String address = address(connection);
    Refusal refusal = refusal(address);
    if (refusal != null) {
      refused.accept(refusal);
      connection.close();
      return false;
    }
    byAddress.merge(address, 1, Integer::sum);
    Watched watched = new Watched();
    watched.idleSince = clock.epochNanos();
    connections.put(connection, watched);
    connection.closeHandler(
        closed -> {
          connections.remove(connection);
          byAddress.computeIfPresent(address, (same, count) -> count == 1 ? null : count - 1);
        });
    return true;
  }

  private @Nullable Refusal refusal(String address) {
    if (connections.size() >= limits.maxConnections()) {
      return Refusal.TOTAL;
    }
    return byAddress.getOrDefault(address, 0) >= limits.maxConnectionsPerClient()
        ? Refusal.CLIENT
        : null;
  }

  private static String address(HttpConnection connection) {
    SocketAddress remote = connection.remoteAddress();
    return remote == null ? "" : String.valueOf(remote.hostAddress());
  }

  void requestBegins(HttpConnection connection) {
    Watched watched = connections.get(connection);
    if (watched != null) {
      watched.running++;
      watched.used = true;
    }
  }

  void requestEnds(HttpConnection connection) {
    Watched watched = connections.get(connection);
    if (watched != null) {
      watched.running--;
      watched.idleSince = clock.epochNanos();
    }
  }

  int size() {
    return connections.size();
  }

  private void sweep() {
    long now = clock.epochNanos();
    // A copy, since closing may remove from the map at once.
    for (Map.Entry<HttpConnection, Watched> entry : Map.copyOf(connections).entrySet()) {
      Watched watched = entry.getValue();
      int limitMs = watched.used ? deadlines.keepAliveMs() : deadlines.headerMs();
      if (watched.running == 0 && now - watched.idleSince > limitMs * 1_000_000L) {
        entry.getKey().close();
      }
    }
  }
}
