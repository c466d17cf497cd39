package dev.switchboard.gateway.http;

import dev.switchboard.gateway.tls.TlsConfig;
import java.util.List;

/**
 * The public listener.
 *
 * @param bind address; other than loopback only with {@code auth.keys}
 * @param port 0 takes a free one
 * @param hosts names besides {@code localhost} and the address that {@code Host} may have on
 *     loopback without keys, such as that of a proxy before it
 * @param eventLoops that serve it; 0 takes a quarter of the cores, since workers need the rest
 * @param maxBodyBytes a larger body is answered 413
 * @param bodyMemoryBytes of bodies that are held at once, until their requests ended
 * @param maxHeaderBytes larger headers are answered 431
 * @param maxUriBytes a longer request line is answered 414
 * @param maxAnswerBytes an upstream's answer that is not a stream
 * @param answerMemoryBytes of such answers that are held at once, until their clients took them
 * @param maxConnections of clients at once, for each event loop; more are closed unread. Less where
 *     the process's limit of open files has no room for them
 * @param maxConnectionsPerClient of one address, for each event loop; more are closed unread
 * @param maxUpstreamConnections to one replica, for each event loop
 * @param warmUpRequests to itself, beside those of clients, that get the code compiled; 0 for none
 */
public record HttpConfig(
    String bind,
    int port,
    List<String> hosts,
    int eventLoops,
    int maxBodyBytes,
    long bodyMemoryBytes,
    int maxHeaderBytes,
    int maxUriBytes,
    int maxAnswerBytes,
    long answerMemoryBytes,
    int maxConnections,
    int maxConnectionsPerClient,
    int maxUpstreamConnections,
    int warmUpRequests,
    CorsConfig cors,
    TlsConfig tls) {
  public static final HttpConfig DEFAULTS =
      new HttpConfig(
          "127.0.0.1",
          8080,
          List.of(),
          0,
          8 << 20,
          128 << 20,
          16 << 10,
          4 << 10,
          32 << 20,
          64 << 20,
          10_000,
          5000,
          1024,
          20_000,
          CorsConfig.NONE,
          TlsConfig.NONE);

  public HttpConfig {
    hosts = List.copyOf(hosts);
    range("port", port, 0, 65_535);
    range("event-loops", eventLoops, 0, 64);
    range("max-body-bytes", maxBodyBytes, 1024, 256 << 20);
    range("body-memory-bytes", bodyMemoryBytes, 1 << 20, 1L << 40);
    range("max-header-bytes", maxHeaderBytes, 1024, 1 << 20);
    range("max-uri-bytes", maxUriBytes, 128, 1 << 20);
    range("max-answer-bytes", maxAnswerBytes, 1024, 1 << 30);
    range("answer-memory-bytes", answerMemoryBytes, 1 << 20, 1L << 40);
    range("max-connections", maxConnections, 1, 1_000_000);
    range("max-connections-per-client", maxConnectionsPerClient, 1, 1_000_000);
    range("max-upstream-connections", maxUpstreamConnections, 1, 100_000);
    range("warm-up-requests", warmUpRequests, 0, 1_000_000);
  }

  static void range(String name, long value, long low, long high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(
          name + " must be " + low + " to " + high + ", not " + value);
    }
  }
}
