package dev.switchboard.gateway.upstream;

import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.SocketAddress;
import java.net.URI;
import org.jspecify.annotations.Nullable;

/**
 * Where a replica is, and with what it is spoken to. Prints nothing of its key.
 *
 * @param socket to connect to instead of the URL's host; null for none
 * @param authorities as {@link Tls#trusting} takes them
 * @param authorization value of that header; null for none
 * @param serverName that it is asked by, and that its certificate must have; null for the URL's
 *     host
 */
public record UpstreamAddress(
    URI url,
    @Nullable SocketAddress socket,
    @Nullable Authorities authorities,
    @Nullable String authorization,
    @Nullable String serverName) {

  /** The host, or the path of the Unix socket. */
  public String host() {
    return socket != null && socket.path() != null ? socket.path() : url.getHost();
  }

  /** The port; 0 of a Unix socket. */
  public int port() {
    return socket != null && socket.path() != null ? 0 : urlPort();
  }

  private int urlPort() {
    return url.getPort() >= 0 ? url.getPort() : "https".equals(url.getScheme()) ? 443 : 80;
  }

  /** A request there, with its key. */
  public RequestOptions request(HttpMethod method, String path) {
    boolean tls = "https".equals(url.getScheme());
    RequestOptions options =
        new RequestOptions()
            .setMethod(method)
            .setHost(serverName == null ? url.getHost() : serverName)
            .setPort(urlPort())
            .setServer(server())
            .setSsl(tls)
            .setURI(url.getRawPath() + path)
            .setFollowRedirects(false);
    if (authorization != null) {
      options.putHeader("Authorization", authorization);
    }
    return Tls.trusting(options, authorities);
  }

  /** What is connected to in place of the host; null for that itself. */
  private @Nullable SocketAddress server() {
    return socket != null || serverName == null
        ? socket
        : SocketAddress.inetSocketAddress(urlPort(), bare(url.getHost()));
  }

  /** Without the brackets that an address of IPv6 has in a URL. */
  private static String bare(String host) {
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  @Override
  public String toString() {
    return url.toString();
  }
}
