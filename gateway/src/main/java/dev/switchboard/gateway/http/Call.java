package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.telemetry.RequestTrace;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.net.SocketAddress;

/** One request as it came in: where it is served, who asks for what, and where that is noted. */
record Call(
    GatewayContext gateway,
    EventLoop loop,
    Endpoint endpoint,
    HttpServerRequest request,
    Caller caller,
    Flight flight,
    RequestTrace trace) {

  HttpServerResponse response() {
    return request.response();
  }

  /** Its client among those of its tenant: the key, or the address where none is needed. */
  String clientName() {
    if (!caller.equals(Caller.ANYBODY)) {
      return caller.key();
    }
    SocketAddress address = request.remoteAddress();
    String host = address == null ? null : address.hostAddress();
    return host == null ? caller.key() : host;
  }

  /** Whether it is answered token by token; known once its body is read. */
  boolean streams() {
    return flight.stream() && endpoint.generates();
  }

  /** Whether workers are asked to say which tokens their events tell. */
  boolean replays() {
    return gateway.migration().attempts() > 0 && streams();
  }

  /** Of the gateway's clock; the flight's own may have another origin. */
  long nowNanos() {
    return gateway.clock().epochNanos();
  }

  /** As the calendar has it. */
  long wallMs() {
    return gateway.clock().wallMs();
  }
}
