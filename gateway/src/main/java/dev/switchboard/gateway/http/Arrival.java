package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Flight;
import io.netty.util.Attribute;
import io.netty.util.AttributeKey;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;

/**
 * What came before the first request of a connection could be read: the wait to be accepted, and
 * the handshake. Confined to the connection's event loop.
 *
 * <p>Linux tells how long ago a connection last got data, or was completed where it got none. So of
 * a connection that was accepted late it is known how long its first bytes lay there. Of what came
 * before them, a full backlog whose SYN the client repeats or a network, nothing is known here.
 */
final class Arrival {
  private static final AttributeKey<Arrival> KEY = AttributeKey.valueOf(Arrival.class, "arrival");

  /** The kernel's clock ticks every 10 ms at most: less is said of no connection. */
  private static final long LEAST_NANOS = 10_000_000;

  private final long acceptedNanos;
  private final long waitedNanos;
  private long securedNanos;

  private Arrival(long acceptedNanos, long waitedNanos) {
    this.acceptedNanos = acceptedNanos;
    this.waitedNanos = waitedNanos < LEAST_NANOS ? 0 : waitedNanos;
  }

  /** A connection was accepted. */
  static void accepted(HttpConnection connection, EventLoop loop, long nowNanos) {
    attribute(connection).set(new Arrival(nowNanos, loop.sockets().unreadNanos(connection)));
  }

  /** Its handshake succeeded. */
  static void secured(HttpConnection connection, long nowNanos) {
    Arrival arrival = attribute(connection).get();
    if (arrival != null) {
      arrival.securedNanos = nowNanos;
    }
  }

  /** Tells a flight that begins now what was before its head was read. */
  static void tell(HttpConnection connection, EventLoop loop, Flight flight, long nowNanos) {
    Arrival first = attribute(connection).getAndSet(null);
    boolean waited = first != null && first.waitedNanos > 0;
    long unread = waited ? loop.sockets().unreadNanos(connection) : loop.unread(connection);
    if (unread > 0) {
      flight.arrivedBefore(unread);
    }
    if (first != null) {
      first.tell(flight, nowNanos - unread);
    }
  }

  /** What lay there already when the connection was accepted is the request's own wait. */
  private void tell(Flight flight, long arrivedNanos) {
    long socket = arrivedNanos <= acceptedNanos ? 0 : waitedNanos;
    long tls = securedNanos == 0 ? 0 : securedNanos - acceptedNanos;
    if (socket > 0 || tls > 0) {
      flight.connection(acceptedNanos + flight.aheadNanos(), socket, tls);
    }
  }

  private static Attribute<Arrival> attribute(HttpConnection connection) {
    return ((ConnectionBase) connection).channel().attr(KEY);
  }
}
