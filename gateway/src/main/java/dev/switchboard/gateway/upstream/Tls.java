package dev.switchboard.gateway.upstream;

import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.ClientSSLOptions;
import org.jspecify.annotations.Nullable;

/**
 * Whom a TLS client trusts: what the JVM trusts, or some authorities and nobody else. The server's
 * name must be the certificate's either way. Safe on any thread.
 */
final class Tls {
  private static final ClientSSLOptions USUAL = named(new ClientSSLOptions());

  private Tls() {}

  /**
   * Sets what a request needs when its URL is https.
   *
   * @param authorities null for the JVM's
   */
  static RequestOptions trusting(RequestOptions request, @Nullable Authorities authorities) {
    return Boolean.TRUE.equals(request.isSsl())
        ? request.setSslOptions(authorities == null ? USUAL : authorities.options())
        : request;
  }

  static ClientSSLOptions named(ClientSSLOptions options) {
    return options.setHostnameVerificationAlgorithm("HTTPS");
  }
}
