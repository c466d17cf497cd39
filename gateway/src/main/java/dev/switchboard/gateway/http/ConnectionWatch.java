package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.NanoClock;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import java.util.HashMap;
import java.util.Map;

/**
 * Closes connections that bring no request: before the first one, and between two. Vert.x's idle
 * timeout cannot do it, for it also cuts a request that waits for its first token. On one event
 * loop.
 */
final class ConnectionWatch {
  private static final int SWEEP_MS = 1000;

  private final DeadlinesConfig deadlines;
  private final NanoClock clock;
  private final int maxConnections;
  private final Map<HttpConnection, Watched> connections = new HashMap<>();

  private static final class Watched {
    int running;
    boolean used;
    long idleSince;
  }

  ConnectionWatch(Vertx vertx, DeadlinesConfig deadlines, NanoClock clock, int maxConnections) {
    this.deadlines = deadlines;
    this.clock = clock;
    this.maxConnections = maxConnections;
    vertx.setPeriodic(Math.min(SWEEP_MS, deadlines.headerMs()), id -> sweep());
  }

  void opened(HttpConnection connection) {
    if (connections.size() >= maxConnections) {
      connection.close();
      return;
    }
    Watched watched = new Watched();
    watched.idleSince = clock.epochNanos();
    connections.put(connection, watched);
    connection.closeHandler(closed -> connections.remove(connection));
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
