package dev.switchboard.gateway.upstream;

import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.ClientSSLOptions;
import io.vertx.core.net.PemTrustOptions;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Whom a TLS client trusts: what the JVM trusts, or the certificates of a file and nothing else.
 * The server's name must be the certificate's either way. Options are kept, since a client keeps
 * what it made of them by their identity. Safe on any thread.
 */
final class Tls {
  private static final ClientSSLOptions USUAL = named(new ClientSSLOptions());
  private static final Map<String, ClientSSLOptions> BY_FILE = new ConcurrentHashMap<>();

  private Tls() {}

  /**
   * Sets what a request needs when its URL is https.
   *
   * @param caFile certificates in PEM; null for the JVM's
   */
  static RequestOptions trusting(RequestOptions request, @Nullable String caFile) {
    if (!Boolean.TRUE.equals(request.isSsl())) {
      return request;
    }
    return request.setSslOptions(
        caFile == null
            ? USUAL
            : BY_FILE.computeIfAbsent(
                caFile,
                file ->
                    named(
                        new ClientSSLOptions()
                            .setTrustOptions(new PemTrustOptions().addCertPath(file)))));
  }

  private static ClientSSLOptions named(ClientSSLOptions options) {
    return options.setHostnameVerificationAlgorithm("HTTPS");
  }
}
