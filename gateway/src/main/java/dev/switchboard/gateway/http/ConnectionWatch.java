package dev.switchboard.gateway.http;

import dev.switchboard.framing.LingeringClose;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.timers.Timers;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.net.SocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Closes connections that are too many, in all or of one address, and those that bring no request:
 * before the first one, and between two. Vert.x's idle timeout cannot do it: it cuts a request that
 * waits for its first token, and waits itself for whoever sends a byte now and then. On one event
 * loop.
 */
public final class ConnectionWatch {
  private static final int SWEEP_MS = 1000;

  private final DeadlinesConfig deadlines;
  private final NanoClock clock;
  private final int sweepMs;
  private long sweptAt;
  private final Limit inAll;
  private final Limit ofOneAddress;
  private final Consumer<String> refused;
  private final Map<HttpConnection, Watched> connections = new HashMap<>();
  private volatile int open;
  private final Map<String, Integer> byAddress = new HashMap<>();

  /**
   * How many connections there may be.
   *
   * @param label of what is closed unread for it
   */
  public record Limit(int most, String label) {}

  private static final class Watched {
    private @Nullable HttpServerResponse answering;
    private boolean used;
    private long idleSince;

    Watched(long now) {
      idleSince = now;
    }

    /** Notes, when it is looked at, that its answer has ended. */
    boolean answers(long now) {
      if (answering != null && answering.ended()) {
        answering = null;
        idleSince = now;
      }
      return answering != null;
    }

    void excuse(long nanos, long now) {
      idleSince = Math.min(now, idleSince + nanos);
    }
  }

  /**
   * @param refused hears of each connection that is closed unread which limit it was above
   */
  public ConnectionWatch(
      Timers timers,
      DeadlinesConfig deadlines,
      NanoClock clock,
      Limit inAll,
      Limit ofOneAddress,
      Consumer<String> refused) {
    this.deadlines = deadlines;
    this.clock = clock;
    this.inAll = inAll;
    this.ofOneAddress = ofOneAddress;
    this.refused = refused;
    this.sweepMs = Math.min(SWEEP_MS, deadlines.headerMs());
    this.sweptAt = clock.epochNanos();
    timers.every(sweepMs, this::sweep);
  }

  /** How many there are; asked on any thread. */
  public int open() {
    return open;
  }

  /** Whether it may stay; else it is closed already. */
  public boolean opened(HttpConnection connection) {
    String address = address(connection);
    Limit reached = reached(address);
    if (reached != null) {
      refused.accept(reached.label());
      connection.close();
      return false;
    }
    byAddress.merge(address, 1, Integer::sum);
    connections.put(connection, new Watched(clock.epochNanos()));
    open = connections.size();
    connection.closeHandler(
        closed -> {
          connections.remove(connection);
          open = connections.size();
          byAddress.computeIfPresent(address, (same, count) -> count == 1 ? null : count - 1);
        });
    return true;
  }

  private @Nullable Limit reached(String address) {
    if (connections.size() >= inAll.most()) {
      return inAll;
    }
    return byAddress.getOrDefault(address, 0) >= ofOneAddress.most() ? ofOneAddress : null;
  }

  private static String address(HttpConnection connection) {
    SocketAddress remote = connection.remoteAddress();
    return remote == null ? "" : String.valueOf(remote.hostAddress());
  }

  /** A head was read; how long its answer takes is for others to bound. */
  public void requestBegins(HttpServerRequest request) {
    Watched watched = connections.get(request.connection());
    if (watched != null) {
      watched.answering = request.response();
      watched.used = true;
    }
  }

  private void sweep() {
    long now = clock.epochNanos();
    // What a client sent while this loop did not run may still lie unread: its lateness is not
    // theirs.
    long late = Math.max(0, now - sweptAt - sweepMs * 1_000_000L);
    sweptAt = now;
    // A copy, since closing may remove from the map at once.
    for (Map.Entry<HttpConnection, Watched> entry : Map.copyOf(connections).entrySet()) {
      Watched watched = entry.getValue();
      watched.excuse(late, now);
      int limitMs = watched.used ? deadlines.keepAliveMs() : deadlines.headerMs();
      if (!watched.answers(now) && now - watched.idleSince > limitMs * 1_000_000L) {
        // Says goodbye where the client takes it; who does not read is not waited for.
        entry.getKey().close();
        LingeringClose.now(entry.getKey());
      }
    }
  }
}
