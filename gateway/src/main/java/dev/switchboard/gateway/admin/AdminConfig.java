package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.tls.TlsConfig;
import java.util.List;

/**
 * The admin listener.
 *
 * @param bind on loopback it asks for a key once there is one of role admin, elsewhere always
 * @param port 0 takes a free one
 * @param hosts names besides {@code localhost} and the address that {@code Host} may have on
 *     loopback, such as that of a proxy before it
 * @param maxConnections at once; more are closed unread
 * @param maxConnectionsPerClient of them from one address
 * @param heartbeatMs between two heartbeats of a stream of events or requests
 * @param traceUrl where a trace can be looked at, with {@code {trace_id}} in it; empty for nowhere
 */
public record AdminConfig(
    String bind,
    int port,
    List<String> hosts,
    int maxConnections,
    int maxConnectionsPerClient,
    int heartbeatMs,
    String traceUrl,
    TlsConfig tls) {
  static final String TRACE_ID = "{trace_id}";

  public static final AdminConfig DEFAULTS =
      new AdminConfig("127.0.0.1", 9901, List.of(), 256, 64, 15_000, "", TlsConfig.NONE);

  public AdminConfig {
    hosts = List.copyOf(hosts);
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("port must be 0 to 65535, not " + port);
    }
    if (maxConnections < 1 || maxConnections > 100_000) {
      throw new IllegalArgumentException(
          "max-connections must be 1 to 100000, not " + maxConnections);
    }
    if (maxConnectionsPerClient < 1 || maxConnectionsPerClient > 100_000) {
      throw new IllegalArgumentException(
          "max-connections-per-client must be 1 to 100000, not " + maxConnectionsPerClient);
    }
    if (heartbeatMs < 100 || heartbeatMs > 60_000) {
      throw new IllegalArgumentException("heartbeat-ms must be 100 to 60000, not " + heartbeatMs);
    }
    if (!traceUrl.isEmpty() && !traceUrl.matches("https?://\\S{1,500}")) {
      throw new IllegalArgumentException("trace-url must be an http or https URL");
    }
    if (!traceUrl.isEmpty() && !traceUrl.contains(TRACE_ID)) {
      throw new IllegalArgumentException("trace-url must have " + TRACE_ID + " in it");
    }
  }
}
